//! Asking several endpoints for the mailboxes of one question: each its own, side by side; and where a mailbox is not
//! found, the next endpoint of its route.

use futures_util::future::join_all;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::Availability;
use super::desk::{Passage, Told, Trip};
use super::directory::Known;
use super::route::Route;
use crate::domain::{Answered, Detail, MailboxError, SmtpAddress, TimeWindow};

/// A mailbox that has no answer yet.
pub(super) struct Pending<'a> {
    /// Its place in the question.
    place: usize,
    mailbox: SmtpAddress,
    /// The endpoints that may have it: first, and then in order as long as it is not found.
    first: usize,
    fallbacks: &'a [usize],
    /// Where it was found lately, and is asked for before all others.
    found_at: Option<usize>,
    /// How many endpoints did not have it.
    round: usize,
    /// What it took to learn that.
    trip: Option<Trip>,
}

/// What became of one mailbox of a question.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// Nobody was asked.
    Refused(MailboxError),
    /// What an endpoint, by its place, or its cache said.
    Told {
        told: Told,
        by: usize,
        /// The most that may be told of it as what it is, whoever asks.
        most: Detail,
    },
}

impl Verdict {
    /// For the metrics: the endpoint, by its place, and how it ended.
    pub(super) fn label(&self) -> (Option<usize>, &'static str) {
        match self {
            Self::Refused(error) => (None, error.label()),
            Self::Told { told, by, .. } => match &told.outcome {
                Ok(_) => (Some(*by), "found"),
                Err(error) => (Some(*by), error.label()),
            },
        }
    }

    /// For the audit log.
    pub(super) fn answered(&self) -> Answered {
        let (_, outcome) = self.label();
        match self {
            Self::Refused(_) => Answered {
                outcome,
                cache: None,
            },
            Self::Told { told, .. } => Answered {
                outcome,
                cache: Some(told.from.label()),
            },
        }
    }
}

/// What is the same for all mailboxes of a question.
pub(super) struct Question<'a> {
    pub(super) known: &'a Known,
    pub(super) window: &'a TimeWindow,
    pub(super) passage: &'a Passage,
    pub(super) deadline: Instant,
}

impl<'a> Pending<'a> {
    pub(super) fn new(place: usize, mailbox: SmtpAddress, route: &Route<'a>) -> Self {
        Self {
            place,
            mailbox,
            first: route.endpoint,
            fallbacks: route.fallbacks,
            found_at: None,
            round: 0,
            trip: None,
        }
    }

    /// Whom to ask in a round; None when nobody is left.
    fn endpoint_of(&self, round: usize) -> Option<usize> {
        let route = std::iter::once(self.first).chain(self.fallbacks.iter().copied());
        let others = route.filter(|place| Some(*place) != self.found_at);
        self.found_at.into_iter().chain(others).nth(round)
    }

    fn endpoint(&self) -> usize {
        self.endpoint_of(self.round).unwrap_or(self.first)
    }
}

/// What one endpoint is asked for in a round.
struct Group {
    endpoint: usize,
    /// The places among those that have no answer yet, and what is told of each.
    members: SmallVec<[usize; 8]>,
    told: Vec<Option<Told>>,
}

impl Group {
    fn mailboxes<'a>(&self, pending: &'a [Pending<'_>]) -> impl Iterator<Item = &'a SmtpAddress> {
        let members = self.members.iter();
        members
            .filter_map(|at| pending.get(*at))
            .map(|one| &one.mailbox)
    }
}

/// Those of the same endpoint together.
fn groups(pending: &[Pending<'_>]) -> SmallVec<[Group; 1]> {
    let mut groups: SmallVec<[Group; 1]> = SmallVec::new();
    for (at, one) in pending.iter().enumerate() {
        let endpoint = one.endpoint();
        match groups.iter_mut().find(|group| group.endpoint == endpoint) {
            Some(group) => group.members.push(at),
            None => groups.push(Group {
                endpoint,
                members: SmallVec::from_iter([at]),
                told: Vec::new(),
            }),
        }
    }
    groups
}

impl Availability {
    /// Fills `verdicts` at the places of `pending`.
    pub(super) async fn ask_in_rounds(
        &self,
        mut pending: Vec<Pending<'_>>,
        question: &Question<'_>,
        verdicts: &mut [Option<Verdict>],
    ) {
        let foreign = question.passage.alone.is_some();
        let may_ask = |place: usize| !foreign || self.answers_cross_forest(place);
        for one in pending.iter_mut().filter(|one| !one.fallbacks.is_empty()) {
            let found_at = self.locations.find(&one.mailbox, self.cache.now());
            one.found_at =
                found_at.filter(|place| one.fallbacks.contains(place) && may_ask(*place));
        }
        while !pending.is_empty() {
            let mut answers = self.ask_once(&pending, question).await;
            let mut next = Vec::new();
            for (one, answer) in pending.into_iter().zip(&mut answers) {
                let Some(mut answer) = answer.take() else {
                    continue;
                };
                answer.trip = Trip::joined(one.trip.clone(), answer.trip);
                let is_absent = answer.outcome == Err(MailboxError::NotFound);
                match one.endpoint_of(one.round + 1).filter(|_| is_absent) {
                    Some(place) if may_ask(place) => next.push(Pending {
                        round: one.round + 1,
                        trip: answer.trip,
                        ..one
                    }),
                    // Who would know must not be asked on behalf of another forest.
                    Some(_) => {
                        answer.outcome = Err(MailboxError::Loop);
                        self.settle(&one, answer, question.known, verdicts);
                    }
                    None => self.settle(&one, answer, question.known, verdicts),
                }
            }
            pending = next;
        }
    }

    /// An answer for each of `pending`, in its order: from the cache, else the endpoints are asked side by side.
    async fn ask_once(
        &self,
        pending: &[Pending<'_>],
        question: &Question<'_>,
    ) -> Vec<Option<Told>> {
        let mut groups = groups(pending);
        for group in &mut groups {
            if let Some(desk) = self.desks.get(group.endpoint) {
                let mailboxes = group.mailboxes(pending);
                group.told = desk.look(mailboxes, question.window, question.passage);
            }
        }
        let is_open = |group: &Group| group.told.iter().any(Option::is_none);
        if groups.iter().any(is_open) {
            let open = groups.iter_mut().filter(|group| is_open(group));
            let fetches = open.map(|group| self.fetch(group, pending, question));
            // Larger than all that an answer from the cache needs.
            Box::pin(join_all(fetches)).await;
        }
        let mut answers: Vec<_> = pending.iter().map(|_| None).collect();
        for group in groups {
            if let Some(desk) = self.desks.get(group.endpoint) {
                desk.count_lookups(&group.told);
            }
            for (at, told) in group.members.into_iter().zip(group.told) {
                if let Some(slot) = answers.get_mut(at) {
                    *slot = told;
                }
            }
        }
        answers
    }

    async fn fetch(&self, group: &mut Group, pending: &[Pending<'_>], question: &Question<'_>) {
        let mailboxes: Vec<_> = group.mailboxes(pending).collect();
        if let Some(desk) = self.desks.get(group.endpoint) {
            let by = (question.passage, question.deadline);
            desk.fetch(&mailboxes, &mut group.told, question.window, by)
                .await;
        }
    }

    fn settle(
        &self,
        one: &Pending<'_>,
        mut told: Told,
        known: &Known,
        verdicts: &mut [Option<Verdict>],
    ) {
        let (mailbox, by) = (&one.mailbox, one.endpoint());
        // Only a place that was not known: its time would never be over as long as somebody asks, and who has moved back
        // would be looked for in the wrong place.
        if told.outcome.is_ok() && by != one.first && one.found_at != Some(by) {
            self.locations.remember(mailbox, by, self.cache.now());
        }
        // Nothing is known of it as a list, and yet it may be one of rooms.
        if let Some(error) = known.in_place_of_list(mailbox, &told.outcome, by) {
            told.outcome = Err(error);
        }
        let most = known.room_detail(mailbox, by);
        if let Some(slot) = verdicts.get_mut(one.place) {
            *slot = Some(Verdict::Told { told, by, most });
        }
    }
}
