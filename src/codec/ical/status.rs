//! How busy an event makes its mailbox, and what of it is private: BUSYSTATUS, TRANSP, STATUS, CLASS.

use calcard::icalendar::{
    ICalendarClassification, ICalendarComponent, ICalendarProperty, ICalendarStatus,
    ICalendarTransparency, ICalendarValue,
};

use super::entry;
use crate::domain::BusyStatus;

/// None for an event that was cancelled.
///
/// `X-MICROSOFT-CDO-BUSYSTATUS` is what the mailbox itself shows, so it wins ([MS-OXCICAL] section 2.1.3.1.1.20.31).
/// Without it `TRANSP` and `STATUS` say it in the standard's words. `X-MICROSOFT-CDO-INTENDEDSTATUS` is only what the
/// organizer wants the time to become once the meeting is accepted ([MS-OXCICAL] section 2.1.3.1.1.20.32): it refines
/// an event that would else be plainly busy, and it cannot free time that `TRANSP:OPAQUE` takes.
pub(super) fn busy(component: &ICalendarComponent) -> Option<BusyStatus> {
    if component.status() == Some(&ICalendarStatus::Cancelled) {
        return None;
    }
    if let Some(status) = microsoft(component, "X-MICROSOFT-CDO-BUSYSTATUS") {
        return Some(status);
    }
    let transparency = component.transparency();
    if transparency == Some(&ICalendarTransparency::Transparent) {
        return Some(BusyStatus::Free);
    }
    if component.status() == Some(&ICalendarStatus::Tentative) {
        return Some(BusyStatus::Tentative);
    }
    let intended = microsoft(component, "X-MICROSOFT-CDO-INTENDEDSTATUS");
    let contradicted =
        intended == Some(BusyStatus::Free) && transparency == Some(&ICalendarTransparency::Opaque);
    Some(
        intended
            .filter(|_| !contradicted)
            .unwrap_or(BusyStatus::Busy),
    )
}

/// CLASS of anything but PUBLIC; words that are not known are read as PRIVATE (RFC 5545 section 3.8.1.3).
pub(super) fn is_private(component: &ICalendarComponent) -> bool {
    component
        .properties(&ICalendarProperty::Class)
        .any(|entry| match entry.values.first() {
            None => false,
            Some(value) => {
                *value != ICalendarValue::Classification(ICalendarClassification::Public)
            }
        })
}

/// A word that is not known counts as busy.
fn microsoft(component: &ICalendarComponent, name: &str) -> Option<BusyStatus> {
    let word = entry::x_property(component, name)?.to_ascii_uppercase();
    Some(match word.as_str() {
        "FREE" => BusyStatus::Free,
        "TENTATIVE" => BusyStatus::Tentative,
        "OOF" => BusyStatus::OutOfOffice,
        "WORKINGELSEWHERE" => BusyStatus::WorkingElsewhere,
        _ => BusyStatus::Busy,
    })
}
