//! GetUserAvailability: from the request as written to the question, and from the answer to the document.

mod suggestions;

use std::sync::Arc;

use jiff::SignedDuration;

use crate::codec::ews::availability::{
    AvailabilityRequest, FreeBusyOptions, FreeBusyPart, SuggestionsPart, Told, View, Window,
    write_answer,
};
use crate::codec::ews::fault::{MAX_MAILBOXES, MAX_WINDOW_DAYS};
use crate::codec::ews::{Fault, Header};
use crate::codec::xml::Moment;
use crate::domain::freebusy::bounds::refuse_too_much;
use crate::domain::suggestion::SuggestionOptions;
use crate::domain::zone::Zone;
use crate::domain::{
    Attendee, AttendeeRole, AvailabilityQuery, Detail, FreeBusy, Origin, Outcome, TimeWindow,
};
use crate::face::Call;
use crate::service::Availability;
use crate::service::directory::Members;
use suggestions::Counted;
pub(super) use suggestions::Searches;

/// Minutes, where the request does not say.
const DEFAULT_INTERVAL: i32 = 30;
const INTERVALS: std::ops::RangeInclusive<i32> = 5..=1440;

/// Members of all lists of one question that are asked for: as many as ten of the longest lists have.
const MAX_MEMBERS: usize = 1_000;

pub(super) async fn answer(
    (service, searches): (&Availability, &Searches),
    request: &AvailabilityRequest,
    header: &Header,
    call: &Call,
) -> Result<Vec<u8>, Fault> {
    check_count(request.attendees.len())?;
    // With both, the element of the body says more: clients that send both mean the same zone, or UTC by the element.
    let zone = request
        .zone
        .map(Zone::from_rules)
        .or_else(|| header.zone.clone())
        .unwrap_or_else(Zone::utc);
    let asked = request.free_busy.as_ref();
    let asked = asked
        .map(|options| Asked::read(options, &zone))
        .transpose()?;
    let search = request.suggestions.as_ref();
    let search = search
        .map(|options| suggestions::read(options, &zone, request.attendees.len()))
        .transpose()?;
    if asked.is_none() && search.is_none() {
        return Err(Fault::InvalidFreeBusyViewType);
    }
    let question = Question {
        call,
        attendees: &request.attendees,
        cross_forest: header.cross_forest,
    };
    // Another Exchange makes its suggestions itself, from what it is told here.
    let wanted = search.as_ref().filter(|_| !header.cross_forest);
    let (known, known_for_search) = question.ask(service, asked.as_ref(), wanted).await;
    let counted = match wanted {
        Some(search) => {
            let outcomes = known_for_search.as_deref().unwrap_or(&known);
            let counted = question.counted(service, search.window, outcomes);
            Some(Box::pin(counted).await)
        }
        None => None,
    };
    let is_searched = counted.is_some();
    let known = Known {
        attendees: Arc::clone(&request.attendees),
        outcomes: known,
        counted,
    };
    let working_elsewhere = header.version.knows_working_elsewhere();
    let write = move || known.write(asked.as_ref(), search.as_ref(), &zone, working_elsewhere);
    if !is_searched {
        return Ok(write());
    }
    Box::pin(searches.run(call.deadline, write)).await
}

fn check_count(mailboxes: usize) -> Result<(), Fault> {
    match mailboxes {
        0 => Err(Fault::MailboxDataArrayEmpty),
        count if count > MAX_MAILBOXES => Err(Fault::MailboxDataArrayTooBig(count)),
        _ => Ok(()),
    }
}

/// All that an answer is written from.
struct Known {
    attendees: Arc<[Attendee]>,
    outcomes: Vec<Outcome>,
    /// Whom the attendees stand for, where times are to be suggested.
    counted: Option<Vec<Counted>>,
}

impl Known {
    fn write(
        mut self,
        asked: Option<&Asked>,
        search: Option<&SuggestionOptions>,
        zone: &Zone,
        working_elsewhere: bool,
    ) -> Vec<u8> {
        let found = search
            .zip(self.counted.as_deref())
            .map(|(search, counted)| {
                let days = suggestions::find(search, zone, &self.attendees, counted);
                (days, zone.local_view(&search.window))
            });
        // The search looks at all events, however many there are; only what is listed has a bound.
        if let Some(asked) = asked {
            asked.refuse_too_much(&mut self.outcomes);
        }
        let view = asked.map(|asked| zone.local_view(&asked.window));
        let part = asked.zip(view.as_ref()).map(|(asked, view)| FreeBusyPart {
            outcomes: &self.outcomes,
            window: asked.window,
            interval: asked.interval,
            view: asked.view,
            zone: view,
            working_elsewhere,
        });
        let told = match (&found, search) {
            (Some((days, zone)), _) => SuggestionsPart::Told(Told {
                days,
                zone,
                working_elsewhere,
            }),
            (None, Some(_)) => SuggestionsPart::Unavailable,
            (None, None) => SuggestionsPart::NotAsked,
        };
        write_answer(part.as_ref(), &told)
    }
}

/// What stays the same, whichever window is asked about.
struct Question<'a> {
    call: &'a Call,
    attendees: &'a Arc<[Attendee]>,
    cross_forest: bool,
}

impl Question<'_> {
    /// What is known of the attendees for the view, and for the search where the view's window does not hold the search's.
    async fn ask(
        &self,
        service: &Availability,
        asked: Option<&Asked>,
        search: Option<&SuggestionOptions>,
    ) -> (Vec<Outcome>, Option<Vec<Outcome>>) {
        let view = async {
            match asked {
                Some(asked) => self.known(service, asked.window, asked.detail()).await,
                None => Vec::new(),
            }
        };
        let further = search
            .filter(|search| asked.is_none_or(|asked| !asked.window.contains(&search.window)));
        let Some(search) = further else {
            return (view.await, None);
        };
        let further = self.known(service, search.window, Detail::BusyOnly);
        // Seldom needed, and large.
        let both = Box::pin(futures_util::future::join(view, further));
        let (known, further) = both.await;
        (known, Some(further))
    }

    fn known(
        &self,
        service: &Availability,
        window: TimeWindow,
        detail: Detail,
    ) -> impl Future<Output = Vec<Outcome>> {
        self.known_of(service, Arc::clone(self.attendees), window, detail)
    }

    async fn known_of(
        &self,
        service: &Availability,
        attendees: Arc<[Attendee]>,
        window: TimeWindow,
        detail: Detail,
    ) -> Vec<Outcome> {
        let query = AvailabilityQuery {
            caller: self.call.caller.clone(),
            attendees,
            window,
            detail,
            origin: Origin {
                via: self.call.via(),
                cross_forest: self.cross_forest,
                ..self.call.origin("ews")
            },
        };
        service.answer(&query, self.call.deadline).await.per_mailbox
    }
}

impl Question<'_> {
    /// Whom each attendee stands for. Lists beyond [`MAX_MEMBERS`] members in all count as too big.
    async fn counted(
        &self,
        service: &Availability,
        window: TimeWindow,
        outcomes: &[Outcome],
    ) -> Vec<Counted> {
        let (caller, deadline) = (&self.call.caller, self.call.deadline);
        let members = service.members(caller, self.attendees, outcomes, deadline);
        let members = members.await;
        let mut left = MAX_MEMBERS;
        let counted = members.into_iter().zip(outcomes).map(|(members, outcome)| {
            let members = match members {
                Members::Told(members) => members,
                Members::Single => return Ok(Counted::Single(outcome.clone())),
                Members::TooMany => return Ok(Counted::TooBigGroup),
                Members::Untold => return Ok(Counted::UntoldGroup),
            };
            if members.len() > left {
                return Ok(Counted::TooBigGroup);
            }
            left -= members.len();
            let attendee = |mailbox| Attendee {
                mailbox,
                role: AttendeeRole::Required,
                exclude_conflicts: false,
            };
            Err(members.into_iter().map(attendee).collect())
        });
        let known = counted.map(|counted: Result<_, Arc<[Attendee]>>| async {
            match counted {
                Ok(counted) => counted,
                Err(members) => Counted::Group(
                    self.known_of(service, members, window, Detail::BusyOnly)
                        .await,
                ),
            }
        });
        futures_util::future::join_all(known).await
    }
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

    /// Lists no mailbox that has more in the window than Exchange would list: a hundred such would be an answer of
    /// hundreds of megabytes.
    fn refuse_too_much(&self, known: &mut [Outcome]) {
        if self.view == View::MergedOnly {
            return;
        }
        for outcome in known {
            let is_listed = |known: &FreeBusy| known.detail() != Detail::DigitsOnly;
            if outcome.as_ref().is_ok_and(is_listed) {
                refuse_too_much(outcome, &self.window);
            }
        }
    }

    fn detail(&self) -> Detail {
        if self.view.is_detailed() {
            Detail::Subjects
        } else {
            Detail::BusyOnly
        }
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
