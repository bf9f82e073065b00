//! The attributes of the element that the cursor read last. What stands between tags is the cursor's own matter.

use std::borrow::Cow;

use super::{Cursor, Element};
use crate::codec::xml::{DecodeError, Ns, trimmed};

/// Attributes of namespaces that nobody here knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    Ignored,
    Refused,
}

impl<'a> Cursor<'a> {
    /// The attributes without a namespace, in order. Namespace declarations and `xsi` attributes are left out; those of
    /// other namespaces too unless the cursor is strict and `foreign` is not allowed, which is an error.
    pub fn attributes<'e>(
        &self,
        element: &'e Element<'a>,
        foreign: Foreign,
    ) -> Result<Vec<(&'e str, Cow<'e, str>)>, DecodeError> {
        // A reference or white space in a value means something else than it is.
        let is_plain = |byte: u8| byte >= b' ' && byte != b'&';
        if let Some(all) = element.tag.plain_attributes()
            && all
                .iter()
                .all(|(name, value)| !name.contains(':') && value.bytes().all(is_plain))
        {
            let all = all.into_iter().filter(|(name, _)| *name != "xmlns");
            return Ok(all.map(|(name, value)| (name, value.into())).collect());
        }
        let mut found = Vec::new();
        for attribute in element.attributes() {
            let attribute =
                attribute.map_err(|error| self.error_at(element.at, error.to_string()))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Explicit1_0)
                .map_err(|error| self.error_at(element.at, error.to_string()))?;
            match attribute.key.prefix() {
                None => found.push((attribute.key.local_name().into_inner(), value)),
                Some(_) if foreign == Foreign::Ignored || self.is_known_foreign(&attribute.key) => {
                }
                Some(_) => {
                    let name = attribute.key.local_name();
                    return Err(self.undeclared(element, name.into_inner()));
                }
            }
        }
        Ok(found)
    }

    /// Refuses every attribute that is not in `known`.
    pub fn only_attributes<'e>(
        &self,
        element: &'e Element<'a>,
        known: &[&str],
    ) -> Result<Vec<(&'e str, Cow<'e, str>)>, DecodeError> {
        if !element.tag.has_attributes() {
            return Ok(Vec::new());
        }
        let found = self.attributes(element, Foreign::Refused)?;
        match found.iter().find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => Err(self.undeclared(element, name)),
            None => Ok(found),
        }
    }

    /// Whether `s:mustUnderstand` or another SOAP attribute of this local name has the value 1 or true.
    pub fn soap_flag(&self, element: &Element<'a>, local: &str) -> bool {
        self.flag(element, Ns::Soap, local)
    }

    /// Whether the element says `xsi:nil="true"`.
    pub fn is_nil(&self, element: &Element<'a>) -> bool {
        element.tag.has_attributes() && self.flag(element, Ns::SchemaInstance, "nil")
    }

    fn flag(&self, element: &Element<'a>, ns: Ns, local: &str) -> bool {
        let Some(scopes) = &self.scopes else {
            return false;
        };
        element.attributes().flatten().any(|attribute| {
            scopes.meaning_for_attribute(attribute.key) == Some(ns)
                && attribute.key.local_name().into_inner() == local
                && matches!(trimmed(&attribute.value), "1" | "true")
        })
    }

    fn undeclared(&self, element: &Element<'a>, attribute: &str) -> DecodeError {
        self.error_at(
            element.at,
            format!("The '{attribute}' attribute is not declared."),
        )
    }

    fn is_known_foreign(&self, key: &quick_xml::name::QName<'_>) -> bool {
        let Some(scopes) = &self.scopes else {
            return true;
        };
        scopes.meaning_for_attribute(*key) == Some(Ns::SchemaInstance)
            || key.prefix().is_some_and(|prefix| prefix.as_ref() == "xml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::xml::Caps;

    /// The attributes of an element that is written so.
    #[track_caller]
    fn check(attributes: &str, expect: Result<&[(&str, &str)], &str>) {
        let document = format!(r#"<R xmlns:x="urn:x"><A{attributes}/></R>"#);
        let mut cursor = Cursor::strict(&document, Caps::REQUEST).unwrap();
        cursor.root().unwrap();
        let element = cursor.child().unwrap().unwrap();
        let found = cursor.attributes(&element, Foreign::Refused);
        let found = found.as_ref().map(|found| {
            let found = found.iter().map(|(name, value)| (*name, value.as_ref()));
            found.collect::<Vec<_>>()
        });
        match (&found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{attributes}"),
            (Err(found), Err(expect)) if found.violation.contains(expect) => {}
            (_, expect) => panic!("{attributes}: {found:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn values_are_what_xml_means_by_them() {
        check("", Ok(&[]));
        check(r#" a="1" b='"'"#, Ok(&[("a", "1"), ("b", "\"")]));
        check(r#" a="1&amp;&#50;""#, Ok(&[("a", "1&2")]));
        check(" a='1\t2\n3'", Ok(&[("a", "1 2 3")]));
        check(r#" a="  1 ""#, Ok(&[("a", "  1 ")]));
        check("\n a = 'ü'", Ok(&[("a", "ü")]));
        check(r#" xmlns="urn:y" a="1""#, Ok(&[("a", "1")]));
        check(r#" xml:lang="en" a="1""#, Ok(&[("a", "1")]));
        check(r#" x:a="1""#, Err("The 'a' attribute is not declared."));
        check(r#" a="&none;""#, Err("none"));
    }

    #[test]
    fn an_element_is_nil_by_the_attribute_of_the_namespace_alone() {
        let check = |attributes: &str, expect: bool| {
            let instance = "http://www.w3.org/2001/XMLSchema-instance";
            let document =
                format!(r#"<R xmlns:i="{instance}" xmlns="{instance}"><i:A {attributes}/></R>"#);
            let mut cursor = Cursor::strict(&document, Caps::REQUEST).unwrap();
            cursor.root().unwrap();
            let element = cursor.child().unwrap().unwrap();
            assert_eq!(cursor.is_nil(&element), expect, "{attributes}");
        };
        check(r#"i:nil="true""#, true);
        check(r#"i:nil=" 1 ""#, true);
        check(r#"i:nil="false""#, false);
        check("i:nil=\"\u{a0}1\"", false);
        check(r#"nil="true""#, false);
        check(r#":nil="true""#, false);
        check(r#"xmlns:i="urn:other" i:nil="true""#, false);
    }
}
