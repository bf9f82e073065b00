//! `tracestate`, section 3.3 of W3C Trace Context: what other systems keep along a trace. Is passed on, and means nothing
//! here.

/// Members of one list.
const MOST: usize = 32;
/// The length, in bytes, that is passed on at least by everybody and by us at most.
const ROOM: usize = 512;
/// Members that are longer, in bytes, are the first to be left out.
const LONG: usize = 128;
const LONGEST_KEY: usize = 256;
const LONGEST_VALUE: usize = 256;

/// One list of all header lines, in their order; None where it is empty, too long for the standard, or not valid.
pub(super) fn read<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let members = values.into_iter().flat_map(|value| value.split(','));
    let members = members.map(|member| member.trim_matches([' ', '\t']));
    // One more than is allowed is enough to know.
    let mut members: Vec<&str> = members.filter(|m| !m.is_empty()).take(MOST + 1).collect();
    if members.len() > MOST || !members.iter().all(|member| is_member(member)) {
        return None;
    }
    if length(&members) > ROOM {
        members.retain(|member| member.len() <= LONG);
    }
    while length(&members) > ROOM {
        // Systems put themselves first: the last has been away for the longest time.
        members.pop();
    }
    (!members.is_empty()).then(|| members.join(","))
}

/// With the commas between.
fn length(members: &[&str]) -> usize {
    let all: usize = members.iter().map(|member| member.len() + 1).sum();
    all.saturating_sub(1)
}

fn is_member(text: &str) -> bool {
    text.split_once('=')
        .is_some_and(|(key, value)| is_key(key) && is_value(value))
}

/// `@` may stand between a tenant and its system; where exactly is their affair.
fn is_key(key: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    key.len() <= LONGEST_KEY
        && key.bytes().next().is_some_and(is_plain)
        && key.bytes().all(|b| is_plain(b) || b"_-*/@".contains(&b))
}

/// Blanks at its end were cut off before.
fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= LONGEST_VALUE
        && value
            .bytes()
            .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expect: Option<&str>) {
        assert_eq!(
            read(values.iter().copied()).as_deref(),
            expect,
            "{values:?}"
        );
    }

    #[test]
    fn what_is_valid_is_one_list() {
        check(&[], None);
        check(&[""], None);
        check(&["congo=t61rcWkgMzE"], Some("congo=t61rcWkgMzE"));
        check(
            &["rojo=00f067, ,congo=t 61\t", "fw529a3039@dt=b"],
            Some("rojo=00f067,congo=t 61,fw529a3039@dt=b"),
        );
        for broken in ["a", "=b", "A=b", "a=", "a=b=c", "a=\u{7f}", "a=é", "a b=c"] {
            check(&["good=1", broken], None);
        }
    }

    #[test]
    fn a_list_is_bounded_by_its_members_and_its_length() {
        let members = |count: usize| vec!["k=v"; count].join(",");
        check(&[&members(MOST)], Some(&members(MOST)));
        check(&[&members(MOST + 1)], None);
        let long = |key: &str, length: usize| format!("{key}={}", "x".repeat(length));
        check(&[&long("k", LONGEST_VALUE + 1)], None);
        check(&[&long(&"k".repeat(LONGEST_KEY + 1), 1)], None);
        // The long one goes first, then those at the end.
        let (first, big, short) = (long("a", 98), long("b", 200), long("c", 98));
        let all = [&*first, &big, &short, &short, &short, &short];
        let expect = [&*first, &short, &short, &short, &short].join(",");
        check(&all, Some(&expect));
        let all = [&*first, &short, &short, &short, &short, "d=1234567"];
        check(&all, Some(&expect));
    }
}
