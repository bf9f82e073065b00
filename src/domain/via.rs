//! The way that a question has taken: the instances of calbridge that have passed it on, so that one that comes back is
//! noticed. Only the list and its text; who refuses what is decided elsewhere.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// The longest id that is kept, in bytes; a UUID has 36.
const LONGEST_ID: usize = 64;
/// No more ids than these are kept. Whoever refuses a long way refuses it long before.
const MOST_IDS: usize = 16;

/// One running calbridge. Letters, digits and dashes only, so that it may stand in a header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// A new id, different from every other: made once when a process starts.
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string().into())
    }

    /// The id of another instance. A text that cannot be one still counts as a step of the way, under a name that no
    /// instance has.
    fn foreign(text: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.len() <= LONGEST_ID && text.chars().all(is_plain) {
            Self(text.into())
        } else {
            Self("unknown".into())
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The instances that a question has come through, the first one first. Empty for a question that was asked here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Via(Vec<InstanceId>);

impl Via {
    /// The name of the HTTP header that carries it, `X-Calbridge-Via`, as HTTP libraries want it.
    pub const HEADER: &'static str = "x-calbridge-via";

    /// Reads the value of [`Via::HEADER`], `id1, id2`; several headers of that name are joined with commas first, as
    /// RFC 9110 section 5.3 says. Never fails: what is not an id still makes the way longer.
    pub fn parse(value: &str) -> Self {
        let texts = value.split(',').map(str::trim).filter(|id| !id.is_empty());
        Self(texts.take(MOST_IDS).map(InstanceId::foreign).collect())
    }

    pub fn contains(&self, id: &InstanceId) -> bool {
        self.0.contains(id)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same way with one more step, which is ours.
    #[must_use]
    pub fn with(&self, own: &InstanceId) -> Self {
        let mut ids = self.0.clone();
        ids.push(own.clone());
        Self(ids)
    }
}

/// The value of the header.
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, id) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expect: &[&str]) {
        let via = Via::parse(value);
        let ids: Vec<_> = via.0.iter().map(InstanceId::as_str).collect();
        assert_eq!(ids, expect, "{value:?}");
    }

    #[test]
    fn a_header_is_read_whatever_it_holds() {
        check("", &[]);
        check(" , ,", &[]);
        check("a1", &["a1"]);
        check("a1, b-2,c3 ", &["a1", "b-2", "c3"]);
        check("a1, <b>\t\"", &["a1", "unknown"]);
        check(&"x".repeat(LONGEST_ID), &[&"x".repeat(LONGEST_ID)]);
        check(&"x".repeat(LONGEST_ID + 1), &["unknown"]);
        assert_eq!(Via::parse(&"a,".repeat(10_000)).len(), MOST_IDS);
    }

    #[test]
    fn a_way_grows_by_our_step_and_is_known_again() {
        let (own, other) = (InstanceId::random(), InstanceId::random());
        assert_ne!(own, other);
        let via = Via::parse("a1").with(&own);
        assert_eq!(via.to_string(), format!("a1, {own}"));
        let back = Via::parse(&via.to_string());
        assert_eq!(back, via);
        assert!(back.contains(&own) && !back.contains(&other));
        assert!(Via::default().is_empty());
    }
}
