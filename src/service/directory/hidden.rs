//! What is kept from callers where rooms are not offered: lists of rooms, what rooms are booked for, and whatever may be
//! either without anybody saying so.

use super::{Known, Part};
use crate::domain::{Detail, MailboxError, Outcome, SmtpAddress};
use crate::service::Availability;

impl Availability {
    /// Whether `mailbox`, as endpoints know it, is a room list that no caller is to know of.
    pub(in crate::service) fn is_hidden_list(&self, mailbox: &SmtpAddress) -> bool {
        !self.directory.sharing.room_booking && self.directory.known().catalogue.is_list(mailbox)
    }

    /// The most that is told of `mailbox`, as endpoints know it, which the endpoint at `by` has answered for. Of a room
    /// that is not offered its times alone; and of any mailbox as long as nobody can say whether it is such a room.
    pub(in crate::service) fn room_detail(&self, mailbox: &SmtpAddress, by: usize) -> Detail {
        if self.directory.sharing.room_booking {
            return Detail::Subjects;
        }
        let known = self.directory.known();
        if known.may_hide_rooms(by) || known.catalogue.room(mailbox).is_some() {
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
        let may_be_of_list = match outcome {
            Ok(known) => known.detail() == Detail::DigitsOnly,
            Err(error) => *error == MailboxError::ListTooLong,
        };
        if !may_be_of_list {
            return None;
        }
        let known = self.directory.known();
        let hidden = known.hidden_list(by)?;
        known.catalogue.room(mailbox).is_none().then_some(hidden)
    }

    /// What is said of any mailbox of the endpoint at `place` that may be a room list which is not offered; None where
    /// nothing of the kind is hidden there.
    pub(in crate::service) fn hidden_list(&self, place: usize) -> Option<MailboxError> {
        self.directory.known().hidden_list(place)
    }
}

impl Known {
    /// Whether rooms are not offered, and any mailbox of the endpoint at `place` may be one without anybody saying so.
    pub(super) fn may_hide_rooms(&self, place: usize) -> bool {
        self.hides_rooms.contains(&place)
    }

    /// What is said of whatever may be a room list that is not offered; None where all of the endpoint's are known, or
    /// offered. Once the source has refused for good, it is the same as of a list that is known.
    pub(super) fn hidden_list(&self, place: usize) -> Option<MailboxError> {
        self.hides_lists.contains(&place).then(|| {
            if self.is_silent(place) {
                MailboxError::EndpointFailed
            } else {
                MailboxError::NotFound
            }
        })
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
