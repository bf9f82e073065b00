//! What is kept from callers where rooms are not offered: lists of rooms, what rooms are booked for, and whatever may be
//! either without anybody saying so.

use std::collections::{HashMap, HashSet};

use super::{Known, Part};
use crate::domain::{Detail, MailboxError, Outcome, SmtpAddress};
use crate::service::route::{Route, Routes};

/// What rooms and lists of rooms are called at their endpoints, whatever their mail domain. A server tells one address of
/// each, and answers for others: most often for the same local part at another of its domains.
#[derive(Default)]
pub(super) struct Namesakes {
    rooms: LocalParts,
    lists: LocalParts,
}

/// Local parts by the place of the endpoint.
#[derive(Default)]
struct LocalParts(HashMap<usize, HashSet<Box<str>>>);

impl Known {
    /// Whether `mailbox`, as endpoints know it, is a room list that no caller is to know of, or is called like one at an
    /// endpoint that is asked for it.
    pub(in crate::service) fn is_hidden_list(
        &self,
        mailbox: &SmtpAddress,
        route: &Route<'_>,
    ) -> bool {
        if self.offers_rooms {
            return false;
        }
        let is_called_so = |place| self.namesakes.lists.have(mailbox, place);
        self.catalogue.is_list(mailbox)
            || self.catalogue.room(mailbox).is_none() && route.places().any(is_called_so)
    }

    /// Whether `mailbox`, as the endpoint at `place` knows it, is a room or a room list; where rooms are not offered, also
    /// whether it is called like one.
    pub(super) fn is_of_rooms(&self, mailbox: &SmtpAddress, place: usize) -> bool {
        self.catalogue.room(mailbox).is_some()
            || self.catalogue.is_list(mailbox)
            || self.namesakes.rooms.have(mailbox, place)
            || self.namesakes.lists.have(mailbox, place)
    }

    /// The most that is told of `mailbox`, as endpoints know it, which the endpoint at `by` has answered for. Of a room
    /// that is not offered its times alone; and of any mailbox as long as nobody can say whether it is such a room.
    pub(in crate::service) fn room_detail(&self, mailbox: &SmtpAddress, by: usize) -> Detail {
        let may_be_hidden = !self.offers_rooms
            && (self.may_hide_rooms(by)
                || self.catalogue.room(mailbox).is_some()
                || self.namesakes.rooms.have(mailbox, by));
        if may_be_hidden {
            Detail::BusyOnly
        } else {
            Detail::Subjects
        }
    }

    /// What is said in place of an answer for `mailbox`, as endpoints know it, that may be the one of a room list which is
    /// not offered: of a list, the endpoint at `by` tells merged times alone, or that it is too long.
    pub(in crate::service) fn in_place_of_list(
        &self,
        mailbox: &SmtpAddress,
        outcome: &Outcome,
        by: usize,
    ) -> Option<MailboxError> {
        let hidden = self.hidden_list(by)?;
        let may_be_of_list = match outcome {
            Ok(known) => known.detail() == Detail::DigitsOnly,
            Err(error) => *error == MailboxError::ListTooLong,
        };
        (may_be_of_list && self.catalogue.room(mailbox).is_none()).then_some(hidden)
    }

    /// What is said of whatever may be a room list that is not offered; None where all of the endpoint's are known, or
    /// offered. Once the source has refused for good, it is the same as of a list that is known.
    pub(in crate::service) fn hidden_list(&self, place: usize) -> Option<MailboxError> {
        self.hides_lists.contains(&place).then(|| {
            if self.is_silent(place) {
                MailboxError::EndpointFailed
            } else {
                MailboxError::NotFound
            }
        })
    }

    /// Whether rooms are not offered, and any mailbox of the endpoint at `place` may be one without anybody saying so.
    pub(super) fn may_hide_rooms(&self, place: usize) -> bool {
        self.hides_rooms.contains(&place)
    }
}

impl Namesakes {
    pub(super) fn of(parts: &[Part], routes: &Routes) -> Self {
        let mut namesakes = Self::default();
        for (place, part) in parts.iter().enumerate() {
            for stock in part.stock.iter().chain([&part.written]) {
                let lists = stock.lists.iter().map(|list| &list.listed.address);
                for list in lists.chain(&stock.untold) {
                    namesakes.lists.add(list, place, routes);
                }
                let rooms = stock.lists.iter().flat_map(|list| &list.rooms);
                for room in rooms.chain(&stock.alone) {
                    namesakes.rooms.add(&room.address, place, routes);
                }
            }
        }
        namesakes
    }
}

impl LocalParts {
    /// The endpoint at `told_by` has told `mailbox`; it may be asked for at others.
    fn add(&mut self, mailbox: &SmtpAddress, told_by: usize, routes: &Routes) {
        let route = routes.find(mailbox);
        let asked = route.iter().flat_map(Route::places);
        for place in asked.chain([told_by]) {
            let names = self.0.entry(place).or_default();
            names.insert(mailbox.local_part().into());
        }
    }

    fn have(&self, mailbox: &SmtpAddress, place: usize) -> bool {
        let names = self.0.get(&place);
        names.is_some_and(|names| names.contains(mailbox.local_part()))
    }
}

impl Part {
    /// Whether any of its mailboxes may be a room without anybody saying so. What is written in the configuration stands
    /// for what the source does not tell: for all rooms and lists where it refuses all, for the rooms of one list where
    /// that list is written, too, and for nothing else.
    pub(super) fn may_hide_rooms(&self) -> bool {
        self.may_hide_lists() || self.has_untold_list()
    }

    /// The same of lists of rooms: a source that tells its lists tells all of them.
    pub(super) fn may_hide_lists(&self) -> bool {
        let nothing_written = self.written.lists.is_empty() && self.written.alone.is_empty();
        self.is_silent() || (self.is_refused && nothing_written)
    }

    /// Whether there is a list whose rooms neither the source tells nor the configuration.
    fn has_untold_list(&self) -> bool {
        let is_written = |untold: &SmtpAddress| {
            let written = self.written.lists.iter();
            written
                .map(|list| &list.listed.address)
                .any(|address| address == untold)
        };
        let stock = self.stock.iter();
        let mut untold = stock.flat_map(|stock| &stock.untold);
        untold.any(|list| !is_written(list))
    }
}
