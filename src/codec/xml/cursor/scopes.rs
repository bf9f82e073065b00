//! What prefixes mean in the element that is open (Namespaces in XML 1.0): as quick-xml's resolver, whose words for what is
//! reserved these are, but with the namespaces that we know in place of their names.

use quick_xml::name::{Namespace, NamespaceResolver, PrefixDeclaration, QName};
use smallvec::SmallVec;

use crate::codec::xml::Ns;

/// Declarations that may be in force at once: far more than any client makes, and each look-up passes all of them.
const MAX_DECLARATIONS: usize = 128;

/// Of XML itself.
const RESERVED: [&str; 2] = [
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
];

/// The declarations of all elements that are open, in their order.
#[derive(Default)]
pub(super) struct Scopes<'a>(SmallVec<[Declaration<'a>; 6]>);

struct Declaration<'a> {
    /// Empty for the default namespace.
    prefix: &'a str,
    /// [`Ns::None`] where the namespace is taken away again.
    ns: Ns,
    /// How many elements were open outside of the one that it stands in.
    outside: usize,
}

impl<'a> Scopes<'a> {
    /// Takes note of an attribute of the element that so many are `outside` of; whether it declares a namespace.
    pub(super) fn declare(
        &mut self,
        name: QName<'a>,
        uri: &str,
        outside: usize,
    ) -> Result<bool, String> {
        let prefix = match name.as_namespace_binding() {
            None => return Ok(false),
            Some(PrefixDeclaration::Default) => "",
            Some(PrefixDeclaration::Named("")) => {
                return Err("A namespace declaration names no prefix.".to_owned());
            }
            Some(PrefixDeclaration::Named(prefix)) => {
                if matches!(prefix, "xml" | "xmlns") || RESERVED.contains(&uri) {
                    NamespaceResolver::default()
                        .add(PrefixDeclaration::Named(prefix), Namespace(uri))
                        .map_err(|error| error.to_string())?;
                }
                prefix
            }
        };
        if self.0.len() >= MAX_DECLARATIONS {
            return Err(format!(
                "More than {MAX_DECLARATIONS} namespace declarations are in force."
            ));
        }
        self.0.push(Declaration {
            prefix,
            ns: Ns::of(uri),
            outside,
        });
        Ok(true)
    }

    /// Forgets what was declared inside of so many elements.
    pub(super) fn close(&mut self, outside: usize) {
        while self.0.last().is_some_and(|last| last.outside >= outside) {
            self.0.pop();
        }
    }

    /// The namespace of elements with this prefix, or without any; None where it is not declared.
    pub(super) fn meaning(&self, prefix: Option<&str>) -> Option<Ns> {
        // A name that begins with a colon has a prefix, which nothing declares.
        let wanted = prefix.unwrap_or_default();
        if prefix == Some("") {
            return None;
        }
        match self.0.iter().rfind(|known| known.prefix == wanted) {
            Some(known) if known.ns != Ns::None || prefix.is_none() => Some(known.ns),
            Some(_) => None,
            None => match wanted {
                "" => Some(Ns::None),
                "xml" | "xmlns" => Some(Ns::Other),
                _ => None,
            },
        }
    }

    /// The same for attributes, which belong to no namespace without a prefix.
    pub(super) fn meaning_for_attribute(&self, name: QName<'_>) -> Option<Ns> {
        match name.prefix() {
            None => Some(Ns::None),
            Some(prefix) => self.meaning(Some(prefix.into_inner())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::name::ResolveResult;

    use super::*;

    const ASKED: [&str; 9] = [
        "x", ":x", "a:x", "b:x", "xml:x", "xmlns:x", "xmlish:x", "c:x", "a:b:x",
    ];

    fn of_the_library(resolved: &ResolveResult<'_>) -> Option<Ns> {
        match resolved {
            ResolveResult::Bound(namespace) => Some(Ns::of(namespace.0)),
            ResolveResult::Unbound => Some(Ns::None),
            ResolveResult::Unknown(_) => None,
        }
    }

    const NAMES: [&str; 9] = [
        "xmlns",
        "xmlns:a",
        "xmlns:b",
        "xmlns:xml",
        "xmlns:xmlns",
        "a",
        "xmlnsa",
        "a:xmlns",
        "xmlns:xmlish",
    ];
    const URIS: [&str; 6] = [
        "",
        Ns::TYPES,
        Ns::SOAP,
        "urn:other",
        RESERVED[0],
        RESERVED[1],
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn prefixes_mean_what_they_mean_to_quick_xml(
            steps in prop::collection::vec(prop::option::weighted(0.8, (0_usize..NAMES.len(), 0_usize..URIS.len(), 0_u16..=1)), 0..12)
        ) {
            let (mut own, mut its) = (Scopes::default(), NamespaceResolver::default());
            let mut depth = 1;
            for step in steps {
                // An element has an attribute and may then have another one inside of it; or elements end.
                if let Some((name, uri, deeper)) = step {
                    let (name, uri) = (QName(NAMES[name]), URIS[uri]);
                    its.set_level(depth);
                    let expected = match name.as_namespace_binding() {
                        Some(prefix) => its.add(prefix, Namespace(uri)).map(|()| true),
                        None => Ok(false),
                    };
                    let expected = expected.map_err(|error| error.to_string());
                    prop_assert_eq!(own.declare(name, uri, depth.into()), expected);
                    depth += deeper;
                } else {
                    depth = 1.max(depth - 1);
                    own.close(depth.into());
                    its.set_level(depth - 1);
                }
                for name in ASKED.map(QName) {
                    let prefix = name.prefix().map(quick_xml::name::Prefix::into_inner);
                    let its_meaning = of_the_library(&its.resolve_element(name).0);
                    prop_assert_eq!(own.meaning(prefix), its_meaning, "{:?}", name);
                    let its_meaning = of_the_library(&its.resolve_attribute(name).0);
                    prop_assert_eq!(own.meaning_for_attribute(name), its_meaning, "{:?}", name);
                }
            }
        }
    }

    #[test]
    fn a_declaration_names_a_prefix() {
        let mut scopes = Scopes::default();
        assert!(scopes.declare(QName("xmlns:"), Ns::TYPES, 1).is_err());
        assert_eq!(scopes.meaning(None), Some(Ns::None));
        assert_eq!(scopes.meaning(Some("")), None);
    }

    #[test]
    fn declarations_have_a_bound() {
        let mut scopes = Scopes::default();
        for _ in 0..MAX_DECLARATIONS {
            assert_eq!(scopes.declare(QName("xmlns:a"), "urn:a", 1), Ok(true));
        }
        assert!(scopes.declare(QName("xmlns:a"), "urn:a", 1).is_err());
        assert_eq!(scopes.meaning(Some("a")), Some(Ns::Other));
        scopes.close(1);
        assert_eq!(scopes.meaning(Some("a")), None);
    }
}
