//! Where a request stands in a trace that reaches over several services: W3C Trace Context, level 1. Only the values and
//! their text; what is sent where is decided elsewhere. `tracestate` is not passed on.

use uuid::Uuid;

/// The trace that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    flags: u8,
}

impl Trace {
    /// The name of the HTTP header that carries it.
    pub const HEADER: &'static str = "traceparent";

    /// A trace that begins with this request: its id is that of the request. Nobody has asked to record it.
    pub fn begun_by(request_id: Uuid) -> Self {
        Self {
            id: request_id.as_u128(),
            flags: 0,
        }
    }

    /// The trace that a value of [`Trace::HEADER`] names; None where it is none. Of later versions, what the first one
    /// knows is read (section 3.2.4).
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.trim_matches([' ', '\t']).splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let id = hex(parts.next()?, 32)?;
        let parent = hex(parts.next()?, 16)?;
        let flags = hex(parts.next()?, 2)?;
        let has_more = parts.next().is_some();
        let is_known = version != 0xff && !(version == 0 && has_more);
        (is_known && id != 0 && parent != 0).then_some(Self {
            id,
            // Others have no meaning yet and must not be passed on.
            flags: u8::try_from(flags).unwrap_or(0) & 1,
        })
    }

    /// As 32 digits.
    pub fn id(&self) -> String {
        format!("{:032x}", self.id)
    }

    /// The header for a call that goes by `call`.
    pub fn header(&self, call: Uuid) -> String {
        // Version 4 has a digit in its first half that is never zero.
        let span = call.as_u64_pair().0;
        format!("00-{:032x}-{span:016x}-{:02x}", self.id, self.flags)
    }
}

/// So many digits, in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (text.len() == digits && text.bytes().all(is_hex))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";

    #[track_caller]
    fn check(value: &str, flags: Option<u8>) {
        let read = Trace::parse(value);
        assert_eq!(read.map(|trace| trace.flags), flags, "{value:?}");
        if let Some(trace) = read {
            assert_eq!(trace.id(), ID, "{value:?}");
        }
    }

    #[test]
    fn only_what_the_standard_allows_is_taken_over() {
        check(&format!("00-{ID}-b7ad6b7169203331-01"), Some(1));
        check(&format!("00-{ID}-b7ad6b7169203331-00"), Some(0));
        check(&format!("00-{ID}-b7ad6b7169203331-ff"), Some(1));
        check(&format!(" 00-{ID}-b7ad6b7169203331-01\t"), Some(1));
        check(&format!("01-{ID}-b7ad6b7169203331-01-more-of-it"), Some(1));
        check(&format!("01-{ID}-b7ad6b7169203331-01"), Some(1));
        check(&format!("00-{ID}-b7ad6b7169203331-01-more"), None);
        check(&format!("ff-{ID}-b7ad6b7169203331-01"), None);
        check(&format!("00-{ID}-0000000000000000-01"), None);
        check(
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            None,
        );
        check(
            &format!("00-{}-b7ad6b7169203331-01", ID.to_uppercase()),
            None,
        );
        check(&format!("00-{ID}-b7ad6b716920333-01"), None);
        check(&format!("00-{ID}-b7ad6b7169203331-1"), None);
        check(&format!("00-{ID}-b7ad6b7169203331-+1"), None);
        check(&format!("00-{ID}-b7ad6b7169203331"), None);
        check("", None);
        check("é0-x-y-z", None);
    }

    #[test]
    fn a_call_has_the_trace_and_a_number_of_its_own() {
        let call = Uuid::from_u128(0x1234_5678_9abc_4def_8000_0000_0000_0001);
        let taken = Trace::parse(&format!("00-{ID}-b7ad6b7169203331-01")).unwrap();
        assert_eq!(taken.header(call), format!("00-{ID}-123456789abc4def-01"));
        let own = Trace::begun_by(call);
        assert_eq!(own.id(), call.simple().to_string());
        assert_eq!(Trace::parse(&own.header(call)), Some(own));
    }
}
