//! Where a request stands in a trace that reaches over several services: W3C Trace Context, level 1. Only the values and
//! their text; what is sent where is decided elsewhere.

mod state;

use std::num::NonZeroU64;
use std::sync::Arc;

use uuid::Uuid;

/// The trace that something is done in, and the span that it is done in. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    /// The span around this one; none where the trace begins here.
    parent: Option<NonZeroU64>,
    span: u64,
    flags: u8,
    /// It begins here: whoever records what is done here decides for the whole of it.
    is_own: bool,
    state: Option<Arc<str>>,
}

impl Trace {
    /// The name of the HTTP header that carries it.
    pub const HEADER: &'static str = "traceparent";
    /// The name of the HTTP header with what other systems keep for themselves along a trace.
    pub const STATE_HEADER: &'static str = "tracestate";
    /// The target of tracing's events that tell of a span which has ended.
    pub const SPANS: &'static str = "calbridge::span";

    /// A trace that begins with this request: its id is that of the request. Nobody has asked to record it.
    pub fn begun_by(request_id: Uuid) -> Self {
        Self {
            id: request_id.as_u128(),
            parent: None,
            span: half_of(request_id),
            flags: 0,
            is_own: true,
            state: None,
        }
    }

    /// The trace that a value of [`Trace::HEADER`] names, in the caller's span; None where it is none. Of later versions,
    /// what the first one knows is read (section 3.2.4).
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.trim_matches([' ', '\t']).splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let id = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = hex(parts.next()?, 2)?;
        let has_more = parts.next().is_some();
        let is_known = version != 0xff && !(version == 0 && has_more);
        (is_known && id != 0 && span != 0).then_some(Self {
            id,
            parent: None,
            span,
            // Others have no meaning yet and must not be passed on.
            flags: u8::try_from(flags).unwrap_or(0) & 1,
            is_own: false,
            state: None,
        })
    }

    /// The same with the values of [`Trace::STATE_HEADER`], in the order of the request. They are passed on, within the
    /// bounds of the standard, and never looked into; values that are not valid count as none.
    #[must_use]
    pub fn with_state<'a>(self, values: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            state: state::read(values).map(Into::into),
            ..self
        }
    }

    /// A span within this one, known by the first half of `id`.
    #[must_use]
    pub fn within(&self, id: Uuid) -> Self {
        Self {
            parent: NonZeroU64::new(self.span),
            span: half_of(id),
            ..self.clone()
        }
    }

    /// As 32 digits.
    pub fn id(&self) -> String {
        format!("{:032x}", self.id)
    }

    /// As the number that it is.
    pub fn number(&self) -> u128 {
        self.id
    }

    pub fn span(&self) -> u64 {
        self.span
    }

    /// The span around this one, or zero.
    pub fn parent(&self) -> u64 {
        self.parent.map_or(0, NonZeroU64::get)
    }

    /// Whether its spans are to be recorded, where somebody records any: the caller says so, or the trace is our own.
    pub fn is_recorded(&self) -> bool {
        self.is_own || self.flags & 1 == 1
    }

    /// The header of calls that are made in this span.
    pub fn header(&self) -> String {
        let Self {
            id, span, flags, ..
        } = self;
        format!("00-{id:032x}-{span:016x}-{flags:02x}")
    }

    /// The value of [`Trace::STATE_HEADER`] that goes with it.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// A name for a call that is made in this span: it begins as the span does and is else `fresh`.
    pub fn name_of_call(&self, fresh: Uuid) -> Uuid {
        Uuid::from_u64_pair(self.span, fresh.as_u64_pair().1)
    }
}

/// Never zero: version 4 has a digit there that is not.
fn half_of(id: Uuid) -> u64 {
    id.as_u64_pair().0
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
        assert_eq!(read.as_ref().map(|trace| trace.flags), flags, "{value:?}");
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
    fn a_span_has_the_trace_and_a_number_of_its_own() {
        let request = Uuid::from_u128(0x1234_5678_9abc_4def_8000_0000_0000_0001);
        let fresh = Uuid::from_u128(0xffff_ffff_ffff_4fff_8000_0000_0000_0002);
        let taken = Trace::parse(&format!("00-{ID}-b7ad6b7169203331-01")).unwrap();
        let span = taken.within(request);
        assert_eq!(span.header(), format!("00-{ID}-123456789abc4def-01"));
        assert_eq!(span.parent, NonZeroU64::new(0xb7ad_6b71_6920_3331));
        assert_eq!(
            span.name_of_call(fresh).to_string(),
            "12345678-9abc-4def-8000-000000000002"
        );
        let own = Trace::begun_by(request);
        assert_eq!(own.id(), request.simple().to_string());
        assert_eq!(own.parent, None);
        assert!(own.is_recorded() && own.within(fresh).is_recorded());
        let read = Trace::parse(&own.header()).unwrap();
        assert_eq!((read.id, read.span), (own.id, own.span));
        assert!(!read.is_recorded() && !read.within(fresh).is_recorded());
    }
}
