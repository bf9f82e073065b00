//! The words that stand in labels. Each list is closed: what is not in it is counted as [`OTHER`], so that no caller and
//! no upstream can add a series.

/// What stands for every word that is not in a list.
pub const OTHER: &str = "other";

/// In place of an endpoint, a face or an operation where there is none.
pub const NONE: &str = "none";

/// The faces and their operations, those of one face together. `none`: it was not read far enough to tell.
pub const OPERATIONS: &[(&str, &str)] = &[
    ("ews", "GetUserAvailability"),
    ("ews", "ConvertId"),
    ("ews", "GetServerTimeZones"),
    ("ews", "ResolveNames"),
    ("ews", "GetFolder"),
    ("ews", "GetUserOofSettings"),
    ("ews", "CreateItem"),
    ("ews", "UpdateItem"),
    ("ews", "DeleteItem"),
    ("ews", "Description"),
    ("ews", "GetRoomLists"),
    ("ews", "GetRooms"),
    ("ews", "ExpandDL"),
    ("ews", NONE),
    ("connector", "ExchangeQuerier"),
    ("connector", "ExchangeQuerierAsIcal"),
    ("connector", "Diagnostics"),
    ("connector", NONE),
    ("freebusy_link", "publish"),
    ("freebusy_link", NONE),
    ("json", "freeBusy.query"),
    ("json", "availability"),
    ("json", "openapi"),
    ("json", NONE),
    ("autodiscover", "Pox"),
    ("autodiscover", "GetUserSettings"),
    ("autodiscover", "Json"),
    ("autodiscover", NONE),
    ("token", NONE),
    ("discovery", NONE),
    (NONE, NONE),
];

/// How a request ended.
pub const REQUEST_OUTCOMES: &[&str] = &[
    // The face answered what was asked; single mailboxes may still have failed.
    "answered",
    // The face answered that it cannot answer this.
    "fault",
    "no_such_path",
    // The allow list does not have the caller's address.
    "denied",
    // No credential, or a wrong one.
    "unauthorized",
    // Too many wrong credentials came from the address or for the account, or the caller asks too often.
    "limited",
    // Method, headers or body are not what can be answered.
    "bad_request",
    // Too much to do already.
    "busy",
    "timeout",
    // The caller hung up before the answer.
    "abandoned",
    // A defect of calbridge.
    "broken",
];

/// The outcomes that are counted for each operation: what its face made of it.
pub const ANSWER_OUTCOMES: &[&str] = &["answered", "fault"];

/// The outcomes whose times are kept: all others end before a face has done anything.
pub const TIMED_OUTCOMES: &[&str] = &["answered", "fault", "timeout"];

/// What became of a request to the own token endpoint.
pub const OWN_TOKEN_OUTCOMES: &[&str] = &[
    "issued",
    "invalid_client",
    "invalid_request",
    "unsupported_grant_type",
    "limited",
    "busy",
];

/// What became of one mailbox of a question: `found`, or why not.
pub const MAILBOX_RESULTS: &[&str] = &[
    "found",
    "invalid_address",
    "not_found",
    "no_access",
    "timeout",
    "throttled",
    "endpoint_failed",
    "mailbox_unavailable",
    "no_calendar",
    "generation_failed",
    "too_many_events",
    "list_too_long",
    "loop",
];

/// How a call to an endpoint ended: `ok`, or why the whole call failed.
pub const UPSTREAM_OUTCOMES: &[&str] = &[
    "ok",
    "timeout",
    "connect",
    "tls",
    "unauthorized",
    "no_account",
    "forbidden",
    "token",
    "throttled",
    "status",
    "redirect",
    "fault",
    "bad_answer",
    "source",
    "breaker_open",
];

/// What became of a configuration that was read while the gateway ran; or of certificates alone, whose files had changed.
pub const RELOAD_RESULTS: &[&str] = &[
    "applied",
    "refused",
    "certificates_applied",
    "certificates_refused",
];

/// Whether a role account can be used.
pub const ACCOUNT_STATES: &[&str] = &["ready", "resting", "forbidden", "quarantined"];

/// What came of asking for a token: `ok`, or why there is none.
pub const TOKEN_OUTCOMES: &[&str] = &[
    "ok",
    // What the token endpoint said.
    "secret_expired",
    "wrong_secret",
    "no_secret",
    "unknown_application",
    "application_disabled",
    "unknown_tenant",
    "no_consent",
    "conditional_access",
    "bad_scope",
    "unknown_resource",
    "bad_assertion",
    "assertion_time",
    "public_client",
    "account",
    "old_tls",
    "bad_request",
    "grant_refused",
    "busy",
    "refused",
    // What it did not say.
    "assertion",
    "bad_answer",
    "not_a_token_endpoint",
    "redirect",
    "status",
    "timeout",
    "connect",
    "tls",
];

/// What an endpoint proves itself with, where it expires.
pub const EXPIRING_CREDENTIALS: &[&str] = &["client_secret", "client_certificate"];

/// What the cache had for one mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheResult {
    /// Fresh.
    Hit,
    /// Older than fresh, answered at once and asked again in the background.
    Stale,
    /// Older than fresh, answered because the endpoint failed.
    StaleOnError,
    /// The endpoint was asked for this caller.
    Miss,
    /// Another caller's call to the endpoint was waited for.
    Shared,
    /// It is known that there is nothing to be told: no such mailbox, no access, an outage just now.
    Negative,
}

impl CacheResult {
    pub const ALL: [Self; 6] = [
        Self::Hit,
        Self::Stale,
        Self::StaleOnError,
        Self::Miss,
        Self::Shared,
        Self::Negative,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::StaleOnError => "stale_on_error",
            Self::Miss => "miss",
            Self::Shared => "shared",
            Self::Negative => "negative",
        }
    }
}

/// Whether an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It is asked.
    Closed,
    /// It is asked now and then, to see whether it has recovered.
    HalfOpen,
    /// It is not asked.
    Open,
}

impl BreakerState {
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    pub fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What is counted for each word of a closed list.
pub(super) struct Words<M> {
    known: Vec<(&'static str, M)>,
    other: M,
}

impl<M> Words<M> {
    pub(super) fn new(words: &[&'static str], make: impl Fn(&'static str) -> M) -> Self {
        Self {
            known: words.iter().map(|word| (*word, make(word))).collect(),
            other: make(OTHER),
        }
    }

    /// The lists are short: comparing is faster than hashing.
    pub(super) fn get(&self, word: &str) -> &M {
        self.known
            .iter()
            .find(|(known, _)| *known == word)
            .map_or(&self.other, |(_, child)| child)
    }
}
