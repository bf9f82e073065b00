//! Who asks, and how much may be told to them.

use super::{Detail, SmtpAddress};

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The role account the caller logged in with.
    pub account: SmtpAddress,
    /// The most this caller may be told, whatever a question asks for.
    pub detail: Detail,
}
