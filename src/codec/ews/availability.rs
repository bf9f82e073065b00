//! GetUserAvailability: the request as callers send it, and the answer as we give it. What we ask upstreams is in
//! `upstream.rs`.

mod answer;
mod request;
mod suggestions;

pub use answer::{FreeBusyPart, write as write_answer};
pub use request::{AvailabilityRequest, FreeBusyOptions, Window};
pub use suggestions::{SuggestionsOptions, SuggestionsPart, Told};

use crate::domain::BusyStatus;

/// How much of a calendar is asked for or granted, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    None,
    MergedOnly,
    FreeBusy,
    FreeBusyMerged,
    Detailed,
    DetailedMerged,
}

impl View {
    const ALL: [Self; 6] = [
        Self::None,
        Self::MergedOnly,
        Self::FreeBusy,
        Self::FreeBusyMerged,
        Self::Detailed,
        Self::DetailedMerged,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::MergedOnly => "MergedOnly",
            Self::FreeBusy => "FreeBusy",
            Self::FreeBusyMerged => "FreeBusyMerged",
            Self::Detailed => "Detailed",
            Self::DetailedMerged => "DetailedMerged",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_str() == text)
    }

    pub fn is_merged(self) -> bool {
        matches!(
            self,
            Self::MergedOnly | Self::FreeBusyMerged | Self::DetailedMerged
        )
    }

    pub fn is_detailed(self) -> bool {
        matches!(self, Self::Detailed | Self::DetailedMerged)
    }

    /// What is granted where only times and statuses may be told.
    #[must_use]
    pub fn without_details(self) -> Self {
        match self {
            Self::Detailed => Self::FreeBusy,
            Self::DetailedMerged => Self::FreeBusyMerged,
            Self::None | Self::MergedOnly | Self::FreeBusy | Self::FreeBusyMerged => self,
        }
    }
}

/// The word for a status; callers before Exchange 2013 do not know `WorkingElsewhere`.
fn busy_type(status: BusyStatus, working_elsewhere: bool) -> &'static str {
    match status {
        BusyStatus::WorkingElsewhere if working_elsewhere => "WorkingElsewhere",
        BusyStatus::Free | BusyStatus::WorkingElsewhere => "Free",
        BusyStatus::Tentative => "Tentative",
        BusyStatus::Busy => "Busy",
        BusyStatus::OutOfOffice => "OOF",
        BusyStatus::NoData => "NoData",
    }
}
