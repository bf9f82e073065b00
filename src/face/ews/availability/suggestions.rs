//! `SuggestionsViewOptions`: from the values as written to a search, or to the fault that names the element.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::read_window;
use crate::codec::ews::Fault;
use crate::codec::ews::availability::SuggestionsOptions;
use crate::codec::xml::Moment;
use crate::domain::suggestion::{
    Invited, Known, SuggestedDay, SuggestionOptions, days_of, suggest,
};
use crate::domain::zone::Zone;
use crate::domain::{Attendee, Outcome};
use crate::face::ews::BACK_OFF;

/// One number of the options: its element, what it may be, and that in words.
struct Bounds {
    element: &'static str,
    range: RangeInclusive<i32>,
    allowed: &'static str,
}

const GOOD_THRESHOLD: Bounds = Bounds {
    element: "SuggestionsViewOptions.GoodThreshold",
    range: 1..=49,
    allowed: "1 to 49 per cent are allowed",
};
const PER_DAY: Bounds = Bounds {
    element: "SuggestionsViewOptions.MaximumResultsByDay",
    range: 0..=48,
    allowed: "0 to 48 are allowed",
};
const PER_DAY_OUTSIDE: Bounds = Bounds {
    element: "SuggestionsViewOptions.MaximumNonWorkHourResultsByDay",
    ..PER_DAY
};
/// Every suggested time says of every attendee whether they are free, in about a hundred bytes. Ten times a day, as many
/// as without a number, are allowed in any window for any attendees: 63 days for a hundred of them.
const MAX_CONFLICTS: usize = 64_000;
/// A meeting of a whole day has no time of day that could be suggested.
const DURATION: Bounds = Bounds {
    element: "SuggestionsViewOptions.MeetingDurationInMinutes",
    range: 30..=1439,
    allowed: "30 minutes to less than a day (1440) are allowed",
};

impl Bounds {
    fn check(&self, value: Option<i32>) -> Result<Option<u16>, Fault> {
        let fault = || Fault::InvalidArgument {
            element: self.element,
            allowed: self.allowed.into(),
        };
        match value {
            None => Ok(None),
            Some(value) if self.range.contains(&value) => {
                u16::try_from(value).map(Some).map_err(|_| fault())
            }
            Some(_) => Err(fault()),
        }
    }
}

/// Where times are looked for: never on the threads that serve other callers, because a search looks at 48 times of each
/// of up to 63 days for each of up to 1,100 calendars. No more searches at once than there are processors; what else is
/// done in the background is not to wait for a queue of them.
#[derive(Clone)]
pub(in crate::face::ews) struct Searches(Arc<Semaphore>);

impl Default for Searches {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors)))
    }
}

impl Searches {
    pub(super) async fn run(
        &self,
        deadline: Instant,
        write: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> Result<Vec<u8>, Fault> {
        let place = timeout_at(deadline, Arc::clone(&self.0).acquire_owned()).await;
        let place = place.map_err(|_| Fault::ServerBusy(BACK_OFF))?;
        let work = move || {
            // Kept to the end, also where the caller hangs up meanwhile.
            let _place = place;
            write()
        };
        let written = spawn_blocking(work).await;
        written.map_err(|_| Fault::InternalServerError)
    }
}

/// The search that is asked for, for so many attendees.
pub(super) fn read(
    options: &SuggestionsOptions,
    zone: &Zone,
    attendees: usize,
) -> Result<SuggestionOptions, Fault> {
    let good_threshold = GOOD_THRESHOLD.check(options.good_threshold)?;
    let per_day = PER_DAY.check(options.per_day)?;
    let per_day_outside = PER_DAY_OUTSIDE.check(options.per_day_outside)?;
    let duration = DURATION.check(options.duration)?;
    let window = read_window(&options.window, zone).map_err(|fault| match fault {
        Fault::TimeIntervalTooBig(days) => Fault::SuggestionsWindowTooBig(days),
        _ => Fault::InvalidSuggestionsWindow,
    })?;
    let current = options
        .current
        .map(|moment| read_current(moment, zone))
        .transpose()?;
    let defaults = SuggestionOptions::default_in(window);
    let read = SuggestionOptions {
        window,
        duration: duration.map_or(defaults.duration, |minutes| {
            SignedDuration::from_mins(minutes.into())
        }),
        good_threshold: good_threshold
            .and_then(|threshold| u8::try_from(threshold).ok())
            .unwrap_or(defaults.good_threshold),
        minimum: options.minimum.unwrap_or(defaults.minimum),
        per_day: per_day.map_or(defaults.per_day, usize::from),
        per_day_outside: per_day_outside.map_or(defaults.per_day_outside, usize::from),
        current,
    };
    check_room(&read, zone, attendees)?;
    Ok(read)
}

/// More times than an answer has room for are refused: who asks for them would take fewer for all there are.
fn check_room(options: &SuggestionOptions, zone: &Zone, attendees: usize) -> Result<(), Fault> {
    let days = days_of(&options.window, zone).len();
    let room = MAX_CONFLICTS / days.saturating_mul(attendees).max(1);
    if options.per_day <= room {
        return Ok(());
    }
    Err(Fault::InvalidArgument {
        element: PER_DAY.element,
        allowed: format!(
            "at most {room} are allowed for {attendees} attendees on the {days} days of DetailedSuggestionsWindow"
        )
        .into(),
    })
}

fn read_current(moment: Moment, zone: &Zone) -> Result<Timestamp, Fault> {
    match moment {
        Moment::Instant(instant) => Ok(instant),
        Moment::Local(local) => zone.to_utc(local).map_err(|_| Fault::InvalidArgument {
            element: "SuggestionsViewOptions.CurrentMeetingTime",
            allowed: "it lies outside of the calendar".into(),
        }),
    }
}

/// Whom an attendee stands for, with what is known of them in the search's window.
pub(super) enum Counted {
    Single(Outcome),
    Group(Vec<Outcome>),
    TooBigGroup,
    UntoldGroup,
}

/// The times that suit, from what is known of the attendees in the search's window.
pub(super) fn find(
    options: &SuggestionOptions,
    zone: &Zone,
    attendees: &[Attendee],
    counted: &[Counted],
) -> Vec<SuggestedDay> {
    let invited: Vec<_> = attendees
        .iter()
        .zip(counted)
        .map(|(attendee, counted)| Invited {
            known: match counted {
                Counted::Single(outcome) => outcome.into(),
                Counted::Group(members) => Known::Group(members),
                Counted::TooBigGroup => Known::TooBigGroup,
                Counted::UntoldGroup => Known::Nothing,
            },
            must_be_free: attendee.exclude_conflicts,
        })
        .collect();
    suggest(options, zone, &invited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TimeWindow;

    /// Whether so many times a day are allowed, and one more.
    #[track_caller]
    fn check(attendees: usize, (start, end): (&str, &str), most: usize) {
        let window = TimeWindow::new(start.parse().unwrap(), end.parse().unwrap()).unwrap();
        let allows = |per_day| {
            let defaults = SuggestionOptions::default_in(window);
            let options = SuggestionOptions {
                per_day,
                ..defaults
            };
            check_room(&options, &Zone::utc(), attendees)
        };
        assert_eq!(allows(most), Ok(()));
        let Err(Fault::InvalidArgument { element, allowed }) = allows(most + 1) else {
            panic!("{} are allowed", most + 1);
        };
        assert_eq!(element, "SuggestionsViewOptions.MaximumResultsByDay");
        let said = format!("at most {most} are allowed for {attendees} attendees ");
        assert!(allowed.starts_with(&said), "{allowed}");
    }

    #[test]
    fn an_answer_has_room_for_so_many_times_of_a_day() {
        // 62 days, of which the calendar shows one more where they begin within a day.
        check(100, ("2026-09-01T00:00Z", "2026-11-02T00:00Z"), 10);
        check(100, ("2026-09-01T12:00Z", "2026-11-02T12:00Z"), 10);
        check(100, ("2026-09-01T00:00Z", "2026-10-01T00:00Z"), 21);
        check(50, ("2026-09-01T00:00Z", "2026-10-01T00:00Z"), 42);
        // A part of a day is a day, and the midnight at the end is none.
        check(100, ("2026-09-01T00:00Z", "2026-09-20T00:00Z"), 33);
        check(100, ("2026-09-01T00:00Z", "2026-09-20T00:01Z"), 32);
        check(100, ("2026-09-01T23:59Z", "2026-09-20T00:01Z"), 32);
    }
}
