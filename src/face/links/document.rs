//! What a link publishes: the busy time of one mailbox, cut at the window's bounds, and on request its working hours.

use jiff::Timestamp;

use super::window::Asked;
use crate::codec::ical::availability;
use crate::codec::ical::content::Writer;
use crate::codec::ical::freebusy::{self, BusyPeriod, BusyType, FreeBusyHead};
use crate::domain::freebusy::Event;
use crate::domain::freebusy::bounds::Listing;
use crate::domain::{BusyStatus, Detail, FreeBusy, MailboxError, SmtpAddress};

/// Where only times are told, what touches is one period: single events are nobody's concern then.
pub(super) fn write(
    mailbox: &SmtpAddress,
    known: &FreeBusy,
    asked: &Asked,
    as_of: Timestamp,
) -> Result<Vec<u8>, MailboxError> {
    let head = FreeBusyHead {
        mailbox: mailbox.as_str(),
        window: asked.window,
        stamp: as_of,
        url: None,
    };
    let runs;
    let told = if known.detail() < Detail::Subjects {
        runs = FreeBusy::runs_of([known]);
        &runs
    } else {
        known
    };
    let (first, last) = asked.window.seconds();
    let periods = || {
        told.events_in(&asked.window)
            .filter_map(move |event| period(&event, first, last))
    };
    let count = periods().count();
    Listing::default().take(count, told.text_told_in(&asked.window))?;
    let mut writer = Writer::with_capacity(512 + count * 64);
    freebusy::open_calendar(&mut writer);
    freebusy::write_component(&mut writer, &head, periods());
    if let Some(hours) = known.working_hours.as_ref().filter(|_| asked.availability) {
        availability::write_component(&mut writer, &head, hours);
    }
    writer.end("VCALENDAR");
    Ok(writer.finish())
}

/// None for what takes no time.
fn period<'a>(event: &Event<'a>, first: i64, last: i64) -> Option<BusyPeriod<'a>> {
    let busy = match event.status {
        BusyStatus::Free | BusyStatus::WorkingElsewhere => return None,
        BusyStatus::Tentative => BusyType::Tentative,
        BusyStatus::Busy => BusyType::Busy,
        // Nobody can be booked while nothing is known.
        BusyStatus::OutOfOffice | BusyStatus::NoData => BusyType::Unavailable,
    };
    let (start, end) = (event.start.max(first), event.end.min(last));
    (start < end).then_some(BusyPeriod {
        start,
        end,
        busy,
        summary: event.details.and_then(|details| details.subject),
        location: event.details.and_then(|details| details.location),
    })
}
