//! What is kept from callers where rooms are not offered: lists of rooms, what rooms are booked for, and whatever may be
//! either without anybody saying so.

use super::{Known, Part};
use crate::domain::{Detail, MailboxError, Outcome, SmtpAddress};

impl Known {
    /// Whether `mailbox`, as endpoints know it, is a room list that no caller is to know of.
    pub(in crate::service) fn is_hidden_list(&self, mailbox: &SmtpAddress) -> bool {
        !self.offers_rooms && self.catalogue.is_list(mailbox)
    }

    /// The most that is told of `mailbox`, as endpoints know it, which the endpoint at `by` has answered for. Of a room
    /// that is not offered its times alone; and of any mailbox as long as nobody can say whether it is such a room.
    pub(in crate::service) fn room_detail(&self, mailbox: &SmtpAddress, by: usize) -> Detail {
        let may_be_hidden = !self.offers_rooms
            && (self.may_hide_rooms(by) || self.catalogue.room(mailbox).is_some());
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
