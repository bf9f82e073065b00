//! `lists.toml`: distribution lists, in a form of our own. Members are addresses, some of which may be lists again.
//!
//! ```toml
//! [[list]]
//! address = "team@example.com"
//! name = "Team"
//! members = ["anna@example.com", "leads@example.com"]
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::toml_fault::describe;
use crate::domain::SmtpAddress;

/// The lists of a file by their addresses.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AddressLists {
    lists: BTreeMap<SmtpAddress, AddressList>,
}

#[derive(Debug, PartialEq, Eq)]
struct AddressList {
    name: Option<Box<str>>,
    members: Vec<SmtpAddress>,
}

/// Why a file cannot be used; says where, and repeats no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListsError {
    #[error("not valid: {0}")]
    Form(String),
    #[error("list {list}: the address: {text}")]
    Address { list: usize, text: String },
    #[error("list {list}: its address is that of another list, too")]
    Twice { list: usize },
    #[error("list {list}: member {member}: {text}")]
    Member {
        list: usize,
        member: usize,
        text: String,
    },
    #[error("list {list}: has no members")]
    Empty { list: usize },
}

/// More members than may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list has too many members")]
pub struct TooManyMembers;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    list: Vec<RawList>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawList {
    address: String,
    name: Option<String>,
    members: Vec<String>,
}

impl AddressLists {
    pub fn read(text: &str) -> Result<Self, ListsError> {
        let file: File =
            toml::from_str(text).map_err(|error| ListsError::Form(describe(text, &error)))?;
        let mut lists = BTreeMap::new();
        for (index, raw) in file.list.into_iter().enumerate() {
            let list = index + 1;
            let address = SmtpAddress::parse(&raw.address).map_err(|error| {
                let text = error.to_string();
                ListsError::Address { list, text }
            })?;
            let parsed = AddressList {
                members: members(&raw.members, list)?,
                name: raw.name.map(Into::into),
            };
            if lists.insert(address, parsed).is_some() {
                return Err(ListsError::Twice { list });
            }
        }
        Ok(Self { lists })
    }

    pub fn has(&self, address: &SmtpAddress) -> bool {
        self.lists.contains_key(address)
    }

    /// What the list is called, where it has a name.
    pub fn name(&self, address: &SmtpAddress) -> Option<&str> {
        self.lists.get(address)?.name.as_deref()
    }

    /// The mailboxes of a list, those of lists among its members included: each once, in the order of the file, at most
    /// `most`. None where there is no such list. Lists that contain each other end where they are met again.
    pub fn members(
        &self,
        address: &SmtpAddress,
        most: usize,
    ) -> Option<Result<Vec<SmtpAddress>, TooManyMembers>> {
        let list = self.lists.get(address)?;
        let mut met = BTreeSet::from([address]);
        let mut mailboxes = Vec::new();
        let mut waiting: Vec<&SmtpAddress> = list.members.iter().rev().collect();
        while let Some(member) = waiting.pop() {
            if !met.insert(member) {
                continue;
            }
            match self.lists.get(member) {
                Some(inner) => waiting.extend(inner.members.iter().rev()),
                None if mailboxes.len() == most => return Some(Err(TooManyMembers)),
                None => mailboxes.push(member.clone()),
            }
        }
        Some(Ok(mailboxes))
    }
}

fn members(raw: &[String], list: usize) -> Result<Vec<SmtpAddress>, ListsError> {
    if raw.is_empty() {
        return Err(ListsError::Empty { list });
    }
    let parsed = raw.iter().enumerate().map(|(index, text)| {
        SmtpAddress::parse(text).map_err(|error| ListsError::Member {
            list,
            member: index + 1,
            text: error.to_string(),
        })
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SmtpAddress {
        SmtpAddress::parse(text).unwrap()
    }

    const LISTS: &str = r#"
[[list]]
address = "Team@x.example"
name = "The team"
members = ["anna@x.example", "leads@x.example", "bert@x.example"]
[[list]]
address = "leads@x.example"
members = ["carl@x.example", "ANNA@x.example", "team@x.example"]
[[list]]
address = "self@x.example"
members = ["self@x.example"]
"#;

    /// Local parts of the members.
    #[track_caller]
    fn check(list: &str, most: usize, expect: Option<Result<&[&str], TooManyMembers>>) {
        let lists = AddressLists::read(LISTS).unwrap();
        let got = lists.members(&address(&format!("{list}@x.example")), most);
        let got = got.map(|members| {
            members.map(|members| {
                let names = members.iter().map(|member| member.local_part().to_owned());
                names.collect::<Vec<_>>()
            })
        });
        let expect =
            expect.map(|names| names.map(|names| names.iter().map(ToString::to_string).collect()));
        assert_eq!(got, expect, "{list}");
    }

    #[test]
    fn lists_in_lists_are_expanded_and_circles_end() {
        check("team", 100, Some(Ok(&["anna", "carl", "bert"])));
        check("leads", 100, Some(Ok(&["carl", "anna", "bert"])));
        check("self", 100, Some(Ok(&[])));
        check("anna", 100, None);
    }

    #[test]
    fn members_are_counted_once() {
        check("team", 3, Some(Ok(&["anna", "carl", "bert"])));
        check("team", 2, Some(Err(TooManyMembers)));
    }

    #[test]
    fn names_are_told() {
        let lists = AddressLists::read(LISTS).unwrap();
        assert_eq!(lists.name(&address("team@x.example")), Some("The team"));
        assert_eq!(lists.name(&address("leads@x.example")), None);
        assert!(lists.has(&address("leads@x.example")));
        assert!(!lists.has(&address("anna@x.example")));
        assert_eq!(AddressLists::read(""), Ok(AddressLists::default()));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let of = |text: &str| AddressLists::read(text).unwrap_err().to_string();
        let list = |line: &str| of(&format!("[[list]]\n{line}"));
        assert!(of("[[list]\n").starts_with("not valid: line 1: "));
        let unknown = list("address = \"a@x.example\"\nmember = []");
        assert!(
            unknown.starts_with("not valid: line 3: unknown field `member`"),
            "{unknown}"
        );
        assert!(
            list("address = \"a@x.example\"")
                .starts_with("not valid: line 1: missing field `members`")
        );
        assert_eq!(
            list("address = \"a@x.example\"\nmembers = []"),
            "list 1: has no members"
        );
        assert_eq!(
            list("address = \"a\"\nmembers = [\"b@x.example\"]"),
            "list 1: the address: an address has the form local-part@domain"
        );
        assert_eq!(
            list("address = \"a@x.example\"\nmembers = [\"b@x.example\", \"Carl\"]"),
            "list 1: member 2: an address has the form local-part@domain"
        );
        let one = "[[list]]\naddress = \"a@x.example\"\nmembers = [\"b@x.example\"]\n";
        assert_eq!(
            of(&one.repeat(2)),
            "list 2: its address is that of another list, too"
        );
    }
}
