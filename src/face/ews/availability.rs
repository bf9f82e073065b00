//! GetUserAvailability: from the request as written to the question, and from the answer to the document.

use http::HeaderMap;
use jiff::SignedDuration;

use crate::codec::ews::availability::{
    AvailabilityRequest, FreeBusyOptions, FreeBusyPart, SuggestionsPart, View, Window, write_answer,
};
use crate::codec::ews::fault::{MAX_MAILBOXES, MAX_WINDOW_DAYS};
use crate::codec::ews::{Fault, Header};
use crate::codec::xml::Moment;
use crate::domain::via::Via;
use crate::domain::zone::Zone;
use crate::domain::{AvailabilityQuery, Detail, Origin, TimeWindow};
use crate::face::Call;
use crate::service::Availability;

/// Minutes, where the request does not say.
const DEFAULT_INTERVAL: i32 = 30;
const INTERVALS: std::ops::RangeInclusive<i32> = 5..=1440;

pub(super) async fn answer(
    service: &Availability,
    request: AvailabilityRequest,
    header: Header,
    call: &Call,
) -> Result<Vec<u8>, Fault> {
    match request.attendees.len() {
        0 => return Err(Fault::MailboxDataArrayEmpty),
        count if count > MAX_MAILBOXES => return Err(Fault::MailboxDataArrayTooBig(count)),
        _ => {}
    }
    let suggestions = match &request.suggestions {
        Some(_) => SuggestionsPart::Unavailable,
        None => SuggestionsPart::NotAsked,
    };
    let Some(options) = request.free_busy else {
        return match suggestions {
            SuggestionsPart::NotAsked => Err(Fault::InvalidFreeBusyViewType),
            SuggestionsPart::Unavailable => Ok(write_answer(None, suggestions)),
        };
    };
    // With both, the element of the body says more: clients that send both mean the same zone, or UTC by the element.
    let zone = request
        .zone
        .map(Zone::from_rules)
        .or(header.zone)
        .unwrap_or_else(Zone::utc);
    let asked = Asked::read(&options, &zone)?;
    let query = AvailabilityQuery {
        caller: call.caller.clone(),
        attendees: request.attendees,
        window: asked.window,
        detail: if asked.view.is_detailed() {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        },
        origin: Origin {
            via: via(&call.headers),
            cross_forest: header.cross_forest,
        },
    };
    let known = service.answer(&query, call.deadline).await;
    let part = FreeBusyPart {
        outcomes: &known.per_mailbox,
        window: asked.window,
        interval: asked.interval,
        view: asked.view,
        zone: &zone.local_view(&asked.window),
        working_elsewhere: header.version.knows_working_elsewhere(),
    };
    Ok(write_answer(Some(&part), suggestions))
}

/// The gateways that the question came through. What cannot be read is no way that one of ours has written.
fn via(headers: &HeaderMap) -> Via {
    let values: Vec<_> = headers
        .get_all(Via::HEADER)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    Via::parse(&values.join(","))
}

/// `FreeBusyViewOptions`, once its values make sense.
struct Asked {
    window: TimeWindow,
    interval: SignedDuration,
    view: View,
}

impl Asked {
    fn read(options: &FreeBusyOptions, zone: &Zone) -> Result<Self, Fault> {
        let view = match &options.views {
            None => View::FreeBusy,
            Some(views) => views.iter().copied().max().unwrap_or(View::None),
        };
        if view == View::None {
            return Err(Fault::InvalidFreeBusyViewType);
        }
        let interval = options.interval.unwrap_or(DEFAULT_INTERVAL);
        if !INTERVALS.contains(&interval) {
            return Err(Fault::InvalidMergedFreeBusyInterval);
        }
        let window = read_window(&options.window, zone)?;
        Ok(Self {
            window,
            interval: SignedDuration::from_mins(i64::from(interval)),
            view,
        })
    }
}

fn read_window(window: &Window, zone: &Zone) -> Result<TimeWindow, Fault> {
    let instant = |moment: Moment| match moment {
        Moment::Instant(instant) => Ok(instant),
        Moment::Local(local) => zone.to_utc(local).map_err(|_| Fault::InvalidTimeInterval),
    };
    let absolute = TimeWindow::new(instant(window.start)?, instant(window.end)?)
        .map_err(|_| Fault::InvalidTimeInterval)?;
    // Sixty-two days on the calendar are allowed, also where the clock was put back and they last an hour longer.
    let length = match (window.start, window.end) {
        (Moment::Local(start), Moment::Local(end)) => end.duration_since(start),
        _ => absolute.duration(),
    };
    if length > SignedDuration::from_hours(24 * MAX_WINDOW_DAYS) {
        let day = 24 * 60 * 60;
        let begun = i64::from(length.subsec_nanos() > 0) + length.as_secs();
        return Err(Fault::TimeIntervalTooBig((begun + day - 1) / day));
    }
    Ok(absolute)
}
