//! Who stands behind an attendee that is a list, so that each member counts. Members are asked for only where the answer
//! may be that of a list; whether they are free is not asked here.

use tokio::time::Instant;

use crate::backend::EndpointError;
use crate::domain::{Caller, Detail, MailboxError, Outcome, SmtpAddress};
use crate::service::Availability;

/// The most members of a list that are counted, as with Exchange.
const MOST_MEMBERS: usize = 100;

/// What is behind an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// No list, as far as anybody tells.
    Single,
    /// As the caller calls them; an error for one whom it may not ask for.
    Told(Vec<Result<SmtpAddress, MailboxError>>),
    TooMany,
    /// It is a list, and nobody tells all of its members.
    Untold,
}

impl Availability {
    /// The members of `asked`, one level deep. `outcome` is what the caller was told of `asked` as a mailbox.
    pub async fn members(
        &self,
        caller: &Caller,
        asked: &SmtpAddress,
        outcome: &Outcome,
        deadline: Instant,
    ) -> Members {
        let internal = self.aliases.internal(asked);
        if self.permit.check(caller, asked, &internal).is_err() {
            return Members::Single;
        }
        if self.directory.sharing.room_booking {
            let known = self.directory.known();
            if let Some(list) = known.catalogue.list(&internal) {
                if !self.shows_rooms(caller, list) {
                    return Members::Single;
                }
                return self.as_called(caller, &list.rooms);
            }
        }
        match outcome {
            Err(MailboxError::ListTooLong) => Members::TooMany,
            // Of a list, sources tell merged times alone, or nothing where a member is not known. Whatever has events of
            // its own is asked for nothing more.
            Ok(known) if known.detail() == Detail::DigitsOnly => {
                self.expanded(caller, &internal, deadline).await
            }
            Err(MailboxError::GenerationFailed) => self.expanded(caller, &internal, deadline).await,
            Ok(_) | Err(_) => Members::Single,
        }
    }

    async fn expanded(&self, caller: &Caller, list: &SmtpAddress, deadline: Instant) -> Members {
        let Some(route) = self.routes.find(list) else {
            return Members::Single;
        };
        let places = std::iter::once(&route.endpoint).chain(route.fallbacks);
        let known = self.directory.known();
        for (place, desk) in places.filter_map(|place| Some((*place, self.desks.get(*place)?))) {
            // It could be a list of rooms.
            if known.hidden_list(place).is_some() {
                return Members::Single;
            }
            match desk.endpoint().expand(list, deadline).await {
                Ok(None) => {}
                Ok(Some(members)) if members.len() > MOST_MEMBERS => return Members::TooMany,
                Ok(Some(members)) => {
                    let members: Vec<_> = members.into_iter().map(|one| one.address).collect();
                    return self.as_called(caller, &members);
                }
                Err(EndpointError::BadAnswer(_) | EndpointError::Source(_)) => {
                    return Members::Untold;
                }
                // Not even whether it is one; logged by the endpoint.
                Err(_) => return Members::Single,
            }
        }
        Members::Single
    }

    fn as_called(&self, caller: &Caller, members: &[SmtpAddress]) -> Members {
        // Servers keep members secret in this way; nobody is not free.
        if members.is_empty() {
            return Members::Untold;
        }
        let told = members.iter().map(|member| {
            self.told_address(caller, member)
                .ok_or(MailboxError::NoAccess)
        });
        Members::Told(told.collect())
    }
}
