//! `[[freebusy_link]]`: keys that calendar programs read free/busy documents with, and what each of them opens.

use super::document::Section;
use super::findings::Located;
use super::networks::networks;
use crate::domain::{DomainPattern, MailboxPattern, SmtpAddress};
use crate::face::links::LinkSettings;

/// Every entry that can be used. Of two with the same key only one would ever be found.
pub(super) fn read_all(root: &Section<'_>) -> Vec<LinkSettings> {
    if !root.has("freebusy_link") {
        return Vec::new();
    }
    let mut taken: Vec<[u8; 32]> = Vec::new();
    let links = root.each("freebusy_link", |link| read(link, &mut taken));
    links.into_iter().flatten().collect()
}

fn read(section: &Section<'_>, taken: &mut Vec<[u8; 32]>) -> Option<LinkSettings> {
    let key = key(section, taken);
    let domains = section
        .texts("domains")
        .map(|list| entries(&list, DomainPattern::parse))
        .unwrap_or_default();
    let mailboxes = section
        .texts("mailboxes")
        .map(|list| entries(&list, SmtpAddress::parse))
        .unwrap_or_default();
    if !section.has("domains") && !section.has("mailboxes") {
        section.problem_at("domains", "or mailboxes must say who may be asked for");
    }
    let allow = section.texts("allow").map(|list| {
        if list.value.is_empty() {
            list.problem("is empty: nobody could use the link");
        }
        networks(Some(&list))
    });
    let event_details = section.flag("event_details").unwrap_or(false);
    let domains = domains.into_iter().map(MailboxPattern::Domain);
    let mailboxes = mailboxes.into_iter().map(MailboxPattern::Mailbox);
    Some(LinkSettings {
        key_sha256: key?,
        mailboxes: domains.chain(mailboxes).collect(),
        event_details,
        allow,
    })
}

fn key(section: &Section<'_>, taken: &mut Vec<[u8; 32]>) -> Option<[u8; 32]> {
    section.require("key_sha256");
    let text = section.text("key_sha256")?;
    let key = text.parse(|text| {
        hash(text).ok_or(
            "must be the SHA-256 of a key, 64 hexadecimal digits; `calbridge new-key` makes both",
        )
    })?;
    if taken.contains(&key) {
        text.problem("stands in another [[freebusy_link]], too");
        return None;
    }
    taken.push(key);
    Some(key)
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// A list that is empty means nobody, which nobody can have meant.
fn entries<T, E: std::fmt::Display>(
    list: &Located<'_, Vec<Located<'_, &str>>>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<T> {
    if list.value.is_empty() {
        list.problem("is empty: nobody could be asked for");
    }
    let parsed = list.value.iter();
    parsed
        .filter_map(|entry| entry.parse(|text| parse(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;
    use crate::config::findings::Findings;

    /// The links of `text`, and its problems as `key: text`.
    fn links(text: &str) -> (Vec<LinkSettings>, Vec<String>) {
        let table = DeTable::parse(text).unwrap();
        let findings = Findings::new(text);
        let links = Section::root(&findings, table.get_ref(), read_all);
        let (problems, _) = findings.into_parts();
        let problems = problems.iter();
        let problems = problems.map(|problem| format!("{}: {}", problem.place.key, problem.text));
        (links, problems.collect())
    }

    #[track_caller]
    fn refused(text: &str, expect: &[&str]) {
        assert_eq!(links(text).1, expect, "{text}");
    }

    #[test]
    fn a_link_is_read() {
        let (key, other) = ("0A".repeat(32), "ff".repeat(32));
        let (links, problems) = links(&format!(
            "[[freebusy_link]]\nkey_sha256 = \"{key}\"\ndomains = [\"*.example.com\"]\nmailboxes = [\"A@b.example\"]\n\
             event_details = true\nallow = [\"192.0.2.0/24\"]\n\
             [[freebusy_link]]\nkey_sha256 = \"{other}\"\ndomains = [\"example.com\"]\n"
        ));
        assert_eq!(problems, [""; 0]);
        let [first, second] = links.as_slice() else {
            panic!("two links, not {}", links.len());
        };
        assert_eq!(first.key_sha256, [10; 32]);
        assert_eq!((first.mailboxes.len(), first.event_details), (2, true));
        assert_eq!(first.allow.as_ref().map(Vec::len), Some(1));
        assert_eq!((second.event_details, &second.allow), (false, &None));
        assert!(self::links("").0.is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_link_is_told() {
        let key = "ab".repeat(32);
        let not_a_hash = "freebusy_link[0].key_sha256: must be the SHA-256 of a key, 64 hexadecimal digits; `calbridge new-key` makes both";
        for bad in ["", "secret", &key[1..], &"xy".repeat(32)] {
            refused(
                &format!("[[freebusy_link]]\nkey_sha256 = \"{bad}\"\ndomains = [\"example.com\"]"),
                &[not_a_hash],
            );
        }
        refused(
            "[[freebusy_link]]\n",
            &[
                "freebusy_link[0].key_sha256: is missing",
                "freebusy_link[0].domains: or mailboxes must say who may be asked for",
            ],
        );
        let start = format!("[[freebusy_link]]\nkey_sha256 = \"{key}\"\n");
        refused(
            &format!("{start}domains = []\nallow = []"),
            &[
                "freebusy_link[0].domains: is empty: nobody could be asked for",
                "freebusy_link[0].allow: is empty: nobody could use the link",
            ],
        );
        refused(
            &format!("{start}mailboxes = [\"*\"]"),
            &["freebusy_link[0].mailboxes[0]: an address has the form local-part@domain"],
        );
        refused(
            &format!("{start}domains = [\"a.example\"]\n{start}domains = [\"a.example\"]"),
            &["freebusy_link[1].key_sha256: stands in another [[freebusy_link]], too"],
        );
    }
}
