//! What is known of rooms at one moment, ready to be taken by a question. What callers see of it is decided in `shown` and
//! `hidden`.

use std::collections::HashSet;

use super::catalogue::Catalogue;
use super::shown::DirectoryError;
use super::{Part, hidden};
use crate::domain::SmtpAddress;
use crate::service::settings::SharingSettings;

/// What is known of rooms at one moment.
pub(in crate::service) struct Known {
    pub(super) catalogue: Catalogue,
    pub(super) offers_rooms: bool,
    /// The places of the endpoints whose source has said nothing yet.
    silent: Vec<usize>,
    /// Lists that could not be read this time.
    pub(super) later: HashSet<SmtpAddress>,
    /// Where rooms are not offered, the places of the endpoints that may have rooms which nobody knows as rooms.
    pub(super) hides_rooms: Vec<usize>,
    /// The same of lists of rooms.
    pub(super) hides_lists: Vec<usize>,
    /// None where rooms are offered.
    pub(super) namesakes: hidden::Namesakes,
}

impl Known {
    pub(super) fn of(
        parts: &[Part],
        catalogue: Catalogue,
        sharing: SharingSettings,
        namesakes: hidden::Namesakes,
    ) -> Self {
        let places = |is_meant: fn(&Part) -> bool| -> Vec<usize> {
            let parts = parts.iter().enumerate();
            let meant = parts.filter(|(_, part)| is_meant(part));
            meant.map(|(place, _)| place).collect()
        };
        let hidden = |is_meant| {
            if sharing.room_booking {
                Vec::new()
            } else {
                places(is_meant)
            }
        };
        Self {
            catalogue,
            offers_rooms: sharing.room_booking,
            silent: places(Part::is_silent),
            later: parts.iter().flat_map(Part::later).cloned().collect(),
            hides_rooms: hidden(Part::may_hide_rooms),
            hides_lists: hidden(Part::may_hide_lists),
            namesakes,
        }
    }

    /// Whether the endpoint at `place` has a source of rooms that has said nothing yet.
    pub(super) fn is_silent(&self, place: usize) -> bool {
        self.silent.contains(&place)
    }

    /// Every source has said what rooms it has.
    pub(super) fn is_complete(&self) -> bool {
        self.silent.is_empty()
    }

    /// There may be rooms, and none of them is known.
    pub(super) fn is_nothing_known(&self) -> bool {
        self.catalogue.is_empty() && !(self.is_complete() && self.later.is_empty())
    }

    /// Why something is not found.
    pub(super) fn nothing(&self) -> DirectoryError {
        if self.is_complete() {
            DirectoryError::Unknown
        } else {
            DirectoryError::Unavailable
        }
    }
}
