//! Which face answers which path. Literals are compared without regard to case, parameters are percent-decoded.

use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;

use super::admission::Admission;
use super::{Face, Parameters};

/// All routes. The first one that matches a path has it.
#[derive(Default)]
pub struct Routes {
    routes: Vec<Route>,
}

/// A path pattern with the face behind it, and what that face wants to know of its callers.
pub struct Route {
    /// How many routes stand before it.
    pub place: usize,
    pub face: Arc<dyn Face>,
    pub methods: &'static [Method],
    pub admission: Admission,
    /// The pattern as it may stand in logs, traces and metrics: with names where a path has values.
    pub template: Arc<str>,
    segments: Vec<Segment>,
}

enum Segment {
    Literal(Box<str>),
    /// Any text that is not empty, under a name.
    Parameter(Arc<str>),
    /// Everything that is left, slashes and nothing at all included.
    Rest(Arc<str>),
}

impl Routes {
    /// Puts a face at a pattern, for the face's own methods. A pattern is a path whose segments are
    ///
    /// - text, compared without regard to case,
    /// - `{name}`: any one segment, handed to the face as a parameter,
    /// - `{name=text}`: this text only, which logs show as `{name}`: for words that are to be kept from logs,
    /// - `{*name}` at the end: whatever is left.
    #[must_use]
    pub fn with(self, pattern: &str, face: Arc<dyn Face>) -> Self {
        let methods = face.methods();
        self.with_methods(pattern, methods, face)
    }

    /// The same for a face that answers other methods here than elsewhere. HEAD is answered wherever GET is, unless it
    /// is listed; OPTIONS only where it is.
    #[must_use]
    pub fn with_methods(
        mut self,
        pattern: &str,
        methods: &'static [Method],
        face: Arc<dyn Face>,
    ) -> Self {
        let (template, segments) = read(pattern);
        self.routes.push(Route {
            place: self.routes.len(),
            methods,
            admission: face.admission(),
            face,
            template,
            segments,
        });
        self
    }

    /// The route of a path, and what stands in the path for the pattern's parameters.
    pub fn find(&self, path: &str) -> Option<(&Route, Parameters)> {
        self.routes
            .iter()
            .find_map(|route| Some((route, route.matches(path)?)))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }
}

impl Route {
    fn matches(&self, path: &str) -> Option<Parameters> {
        let mut left = path.strip_prefix('/');
        let mut parameters = Parameters::default();
        for segment in &self.segments {
            if let Segment::Rest(name) = segment {
                parameters.push(name, left.unwrap_or_default())?;
                return Some(parameters);
            }
            let path = left?;
            let length = match segment {
                // Most routes are not the one that is looked for.
                Segment::Literal(text) => text.len(),
                Segment::Parameter(_) | Segment::Rest(_) => path.find('/').unwrap_or(path.len()),
            };
            let (found, after) = path.split_at_checked(length)?;
            match segment {
                Segment::Literal(text) if text.eq_ignore_ascii_case(found) => {}
                Segment::Parameter(name) if !found.is_empty() => parameters.push(name, found)?,
                Segment::Literal(_) | Segment::Parameter(_) | Segment::Rest(_) => return None,
            }
            left = after.strip_prefix('/');
            if left.is_none() && !after.is_empty() {
                return None;
            }
        }
        left.is_none().then_some(parameters)
    }
}

impl Parameters {
    /// None where the text does not decode to UTF-8.
    fn push(&mut self, name: &Arc<str>, text: &str) -> Option<()> {
        let text = percent_decode_str(text).decode_utf8().ok()?;
        self.0.push((Arc::clone(name), text.into_owned()));
        Some(())
    }
}

fn read(pattern: &str) -> (Arc<str>, Vec<Segment>) {
    let mut template = String::new();
    let mut segments = Vec::new();
    for part in pattern.trim_start_matches('/').split('/') {
        let inner = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        let (shown, segment) = match inner.map(|inner| (inner, inner.split_once('='))) {
            None => (part.to_owned(), Segment::Literal(part.into())),
            Some((_, Some((name, text)))) => (format!("{{{name}}}"), Segment::Literal(text.into())),
            Some((name, None)) => {
                let segment = match name.strip_prefix('*') {
                    Some(name) => Segment::Rest(name.into()),
                    None => Segment::Parameter(name.into()),
                };
                (part.to_owned(), segment)
            }
        };
        template.push('/');
        template.push_str(&shown);
        segments.push(segment);
    }
    (template.into(), segments)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use http::Response;

    use super::*;
    use crate::face::{Answer, Call};

    struct Silent;

    #[async_trait]
    impl Face for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        fn methods(&self) -> &'static [Method] {
            &[Method::GET]
        }

        async fn answer(&self, _: Call) -> Answer {
            Response::default().into()
        }

        fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
            Response::default()
        }
    }

    /// `expect`: the parameters as `name=value` with blanks between.
    #[track_caller]
    fn check(pattern: &str, path: &str, expect: Option<&str>) {
        let routes = Routes::default().with(pattern, Arc::new(Silent));
        let found = routes.find(path).map(|(_, parameters)| {
            let pairs = parameters.0.iter();
            let pairs: Vec<_> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            pairs.join(" ")
        });
        assert_eq!(found.as_deref(), expect, "{pattern} and {path}");
    }

    #[test]
    fn literals_have_no_case() {
        check("/ews/exchange.asmx", "/EWS/Exchange.ASMX", Some(""));
        check("/ews/exchange.asmx", "/ews/exchange.asmx/", None);
        check("/ews/exchange.asmx", "/ews", None);
        check("/ews/exchange.asmx", "/ews/exchange.asm", None);
        check("/ews/exchange.asmx", "//ews/exchange.asmx", None);
        check("/ews/exchange.asmx", "ews/exchange.asmx", None);
        check("/ews/exchange.asmx", "*", None);
        check("/ews/exchange.asmx", "", None);
        check("/", "/", Some(""));
    }

    #[test]
    fn parameters_are_captured_and_decoded() {
        let token = "/{tenant}/oauth2/v2.0/token";
        check(token, "/Contoso/OAuth2/V2.0/Token", Some("tenant=Contoso"));
        check(token, "//oauth2/v2.0/token", None);
        check(token, "/a/b/oauth2/v2.0/token", None);
        let link = "/freebusy/{key}/{address}";
        check(
            link,
            "/FreeBusy/Ab-1/anna%40example.com.ifb",
            Some("key=Ab-1 address=anna@example.com.ifb"),
        );
        check(link, "/freebusy/k/a%2Fb", Some("key=k address=a/b"));
        check(link, "/freebusy/k/a+b", Some("key=k address=a+b"));
        check(link, "/freebusy/k/%ff", None);
        check(link, "/freebusy/k", None);
        check(link, "/freebusy/k/", None);
    }

    #[test]
    fn the_rest_may_be_anything() {
        check("/files/{*rest}", "/files", Some("rest="));
        check("/files/{*rest}", "/files/", Some("rest="));
        check("/files/{*rest}", "/Files/a/B%20c/", Some("rest=a/B c/"));
        check("/files/{*rest}", "/filesystem", None);
    }

    #[test]
    fn a_hidden_literal_is_shown_by_its_name() {
        let routes = Routes::default().with("/{directory=GCal-8f3a}/x.aspx", Arc::new(Silent));
        let (route, parameters) = routes.find("/gcal-8F3A/X.aspx").unwrap();
        assert_eq!(&*route.template, "/{directory}/x.aspx");
        assert!(parameters.0.is_empty());
        assert!(routes.find("/other/x.aspx").is_none());
    }

    #[test]
    fn the_first_route_has_the_path() {
        let face: Arc<dyn Face> = Arc::new(Silent);
        let routes = Routes::default()
            .with("/a/b", Arc::clone(&face))
            .with_methods("/a/{x}", &[Method::POST, Method::OPTIONS], face);
        let place = |path| routes.find(path).map(|(route, _)| route.place);
        assert_eq!(place("/A/B"), Some(0));
        assert_eq!(place("/a/c"), Some(1));
        let methods: Vec<_> = routes.iter().map(|route| route.methods.len()).collect();
        assert_eq!(methods, [1, 2]);
    }
}
