//! The question of the gateway and its answer.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::trace::Trace;
use super::via::Via;
use super::{Caller, Detail, FreeBusy, MailboxError, SmtpAddress, TimeWindow};

/// What is known of a mailbox, or why nothing is.
pub type Outcome = Result<FreeBusy, MailboxError>;

/// Who is free when? `attendees` keep their places: answer N belongs to attendee N.
#[derive(Debug, Clone)]
pub struct AvailabilityQuery {
    pub caller: Arc<Caller>,
    pub attendees: Arc<[Attendee]>,
    pub window: TimeWindow,
    /// The most that the caller wants to know.
    pub detail: Detail,
    pub origin: Origin,
}

/// Where a question comes from, if not from a person's calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The gateways that it has come through.
    pub via: Via,
    /// An Exchange server asks on behalf of its users, and might be asked itself for the answer.
    pub cross_forest: bool,
    /// None for a question of this process itself.
    pub asker: Option<Asker>,
}

/// The request that brought a question. It changes nothing of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The face's word for metrics.
    pub face: &'static str,
    /// The address that the request counts as coming from.
    pub address: Option<IpAddr>,
    pub request_id: Uuid,
    pub trace: Trace,
}

/// One entry of a question; a bad address keeps its place as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendee {
    pub mailbox: Result<SmtpAddress, MailboxError>,
    pub role: AttendeeRole,
    pub exclude_conflicts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttendeeRole {
    Organizer,
    #[default]
    Required,
    Optional,
    Room,
    Resource,
}

/// One outcome for each attendee of the question, in the same order.
#[derive(Debug, Clone)]
pub struct AvailabilityAnswer {
    pub per_mailbox: Vec<Outcome>,
}
