//! What an attendee has from one instant to another, looked up thousands of times: the calendar as runs of one status.

use jiff::Timestamp;

use super::{Conflict, GroupConflict, Known};
use crate::domain::{BusyStatus, FreeBusy, Outcome};

pub(super) enum Calendar {
    Mailbox(Runs),
    /// None for a member of whom nothing is known.
    Group(Vec<Option<Runs>>),
    TooBigGroup,
    Nothing,
}

/// Whether somebody with this status can come. Who works elsewhere is free, as in the digits of a merged view.
pub(super) fn is_free(status: BusyStatus) -> bool {
    match status {
        BusyStatus::Free | BusyStatus::WorkingElsewhere => true,
        BusyStatus::Tentative | BusyStatus::Busy | BusyStatus::OutOfOffice | BusyStatus::NoData => {
            false
        }
    }
}

impl Calendar {
    pub(super) fn of(known: Known<'_>) -> Self {
        match known {
            Known::Mailbox(known) => Self::Mailbox(Runs::of(known)),
            Known::Group(members) => Self::Group(members.iter().map(member).collect()),
            Known::TooBigGroup => Self::TooBigGroup,
            Known::Nothing => Self::Nothing,
        }
    }

    pub(super) fn conflict(&self, start: Timestamp, end: Timestamp) -> Conflict {
        match self {
            Self::Mailbox(runs) => Conflict::Individual(runs.strongest(start, end)),
            Self::Group(members) => {
                let mut group = GroupConflict {
                    members: members.len(),
                    ..GroupConflict::default()
                };
                for member in members {
                    *match member.as_ref().map(|runs| runs.strongest(start, end)) {
                        None | Some(BusyStatus::NoData) => &mut group.unknown,
                        Some(status) if is_free(status) => &mut group.available,
                        Some(_) => &mut group.in_conflict,
                    } += 1;
                }
                Conflict::Group(group)
            }
            Self::TooBigGroup => Conflict::TooBigGroup,
            Self::Nothing => Conflict::Unknown,
        }
    }
}

fn member(outcome: &Outcome) -> Option<Runs> {
    outcome.as_ref().ok().map(Runs::of)
}

/// Stretches that are not free, in order, none overlapping another, in seconds of Unix time.
pub(super) struct Runs(Vec<(i64, i64, BusyStatus)>);

impl Runs {
    fn of(known: &FreeBusy) -> Self {
        let runs = FreeBusy::runs_of([known]);
        Self(
            runs.events()
                .map(|run| (run.start, run.end, run.status))
                .collect(),
        )
    }

    fn strongest(&self, start: Timestamp, end: Timestamp) -> BusyStatus {
        let (start, end) = (start.as_second(), end.as_second());
        let first = self.0.partition_point(|(_, run_end, _)| *run_end <= start);
        self.0
            .iter()
            .skip(first)
            .take_while(|(run_start, ..)| *run_start < end)
            .map(|(.., status)| *status)
            .max()
            .unwrap_or(BusyStatus::Free)
    }
}
