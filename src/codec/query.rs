//! What follows the question mark of a URL (application/x-www-form-urlencoded): names and values, decoded strictly. What
//! a name means is the face's business.

use percent_encoding::percent_decode_str;

/// More would be a flood.
const MAX_PAIRS: usize = 1000;

/// A query that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("the query is not percent-encoded UTF-8")]
    Encoding,
    #[error("the query has too many parameters")]
    TooMany,
}

/// The parameters of a query, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `name=value&name=value`; a plus is a blank. Empty pairs count for nothing.
    pub fn read(text: &str) -> Result<Self, QueryError> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MAX_PAIRS {
                return Err(QueryError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(own, _)| own == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// Every value of a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let pairs = self.0.iter().filter(|(own, _)| own == name);
        pairs.map(|(_, value)| value.as_str()).collect()
    }
}

fn decode(text: &str) -> Result<String, QueryError> {
    let blanks = text.replace('+', " ");
    let is_escaped = |(at, _): (usize, &str)| {
        let digits = blanks.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    if !blanks.is_ascii() || !blanks.match_indices('%').all(is_escaped) {
        return Err(QueryError::Encoding);
    }
    let decoded = percent_decode_str(&blanks).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| QueryError::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&[(&str, &str)], QueryError>) {
        let owned = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            Query(pairs.map(|(n, v)| ((*n).into(), (*v).into())).collect())
        };
        assert_eq!(Query::read(text), expect.map(owned), "{text:?}");
    }

    #[test]
    fn queries_are_decoded_strictly() {
        check("", Ok(&[]));
        check("&&a", Ok(&[("a", "")]));
        check(
            "a=1&b=x%20y+z&a==",
            Ok(&[("a", "1"), ("b", "x y z"), ("a", "=")]),
        );
        check("n=M%C3%BCller", Ok(&[("n", "Müller")]));
        for bad in ["n=M\u{fc}ller", "n=%ff", "n=%", "n=%4", "n=%zz", "%C3=1"] {
            check(bad, Err(QueryError::Encoding));
        }
        check(&"a&".repeat(MAX_PAIRS + 1), Err(QueryError::TooMany));
    }

    #[test]
    fn values_are_found_by_name() {
        let query = Query::read("a=1&b=2&a=3").unwrap();
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.all("a"), ["1", "3"]);
        assert_eq!(query.get("A"), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[%a-f0-9=&+\\PC]{0,40}") {
            let _ = Query::read(&text);
        }
    }
}
