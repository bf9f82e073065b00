//! The words of the trade: mailboxes, windows, busy statuses, questions and answers. No IO, no clock, no wire words.

pub mod address;
pub mod audit;
pub mod busy;
pub mod caller;
pub mod clock;
pub mod error;
pub mod freebusy;
pub mod memory;
pub mod pattern;
pub mod query;
pub mod room;
pub mod suggestion;
pub mod trace;
pub mod via;
pub mod window;
pub mod zone;

pub use address::{MailDomain, SmtpAddress};
pub use audit::{Answered, Audit};
pub use busy::BusyStatus;
pub use caller::{Caller, CallerId};
pub use clock::{Clock, FixedClock};
pub use error::MailboxError;
pub use freebusy::{
    CalendarEvent, Detail, EventDetails, EventFlags, FreeBusy, Owner, WorkingHours, WorkingPeriod,
};
pub use pattern::{DomainPattern, MailboxPattern};
pub use query::{
    Asker, Attendee, AttendeeRole, AvailabilityAnswer, AvailabilityQuery, Origin, Outcome,
};
pub use room::{Listed, Room, RoomDetails, RoomEntry, RoomList};
pub use trace::Trace;
pub use via::{InstanceId, Via};
pub use window::TimeWindow;
