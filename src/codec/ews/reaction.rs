//! What a fault of an Exchange server asks its client to do. Only the words; what is then done is the backend's.

/// How a client goes on after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// The account's budget is used up: leave it alone for a while.
    Wait,
    /// The server does not know the schema level of the request: ask by an older one.
    LowerLevel,
    /// The server is in trouble: the same question may be answered later.
    TryAgain,
    /// The account may not do what it was asked for, or cannot be named in the call; another one may.
    OtherAccount,
    /// The same question will fail again.
    GiveUp,
}

/// The reaction to a response code ([MS-OXWSCDATA] section 2.2.5.24), or to the bare fault code of a server that sends
/// no response code.
pub fn reaction(code: &str) -> Reaction {
    match code {
        "ErrorServerBusy" | "ErrorExceededConnectionCount" | "ErrorTooManyObjectsOpened" => {
            Reaction::Wait
        }
        "ErrorInvalidServerVersion"
        | "ErrorSchemaValidation"
        | "ErrorIncorrectSchemaVersion"
        | "ErrorInvalidSchemaVersionForMailboxVersion"
        | "ErrorWrongServerVersion" => Reaction::LowerLevel,
        "ErrorInternalServerError"
        | "ErrorInternalServerTransientError"
        | "ErrorADUnavailable"
        | "ErrorADOperation"
        | "ErrorConnectionFailed"
        | "ErrorTimeoutExpired"
        | "ErrorMailboxStoreUnavailable" => Reaction::TryAgain,
        "ErrorImpersonateUserDenied"
        | "ErrorImpersonationDenied"
        | "ErrorImpersonationFailed"
        | "ErrorInvalidExchangeImpersonationHeaderData"
        | "ErrorNonExistentMailbox"
        | "ErrorNonPrimarySmtpAddress" => Reaction::OtherAccount,
        _ => Reaction::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_fault_has_its_reaction() {
        for (code, expect) in [
            ("ErrorServerBusy", Reaction::Wait),
            ("ErrorExceededConnectionCount", Reaction::Wait),
            ("ErrorInvalidServerVersion", Reaction::LowerLevel),
            ("ErrorSchemaValidation", Reaction::LowerLevel),
            ("ErrorInternalServerTransientError", Reaction::TryAgain),
            ("ErrorImpersonateUserDenied", Reaction::OtherAccount),
            ("ErrorAccessDenied", Reaction::GiveUp),
            ("Client", Reaction::GiveUp),
            ("", Reaction::GiveUp),
        ] {
            assert_eq!(reaction(code), expect, "{code}");
        }
    }
}
