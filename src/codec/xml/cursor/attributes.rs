//! The attributes of the element that the cursor read last. What stands between tags is the cursor's own matter.

use std::borrow::Cow;

use super::{Cursor, Element};
use crate::codec::xml::{DecodeError, Ns};

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
                && matches!(attribute.value.trim(), "1" | "true")
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
