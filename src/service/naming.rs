//! Whether there is a mailbox, and what it is called. Remembers nothing; when mailboxes are busy is asked elsewhere.

use std::sync::Arc;

use tokio::time::Instant;

use super::Availability;
use super::directory::DirectoryError;
use crate::backend::endpoint::Endpoint;
use crate::domain::{Caller, SmtpAddress};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// Whether there is such a mailbox; what it is called where that costs nothing more.
    Mailbox,
    /// What a directory calls it.
    Name,
}

impl Availability {
    /// The display name of a mailbox that an endpoint knows and that `caller` may ask for (its address where the endpoint
    /// knows no better one); None where there is no such mailbox. Where an endpoint could not say, it has logged why: the
    /// next is for mailboxes that this one does not have.
    pub async fn resolve(
        &self,
        caller: &Caller,
        asked: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, DirectoryError> {
        self.first_told(caller, asked, (Wanted::Mailbox, deadline))
            .await
    }

    /// The name that a directory has for a mailbox that `caller` may ask for; None where none has one. Asks only where
    /// there is a directory.
    pub async fn display_name(
        &self,
        caller: &Caller,
        asked: &SmtpAddress,
        deadline: Instant,
    ) -> Result<Option<Arc<str>>, DirectoryError> {
        self.first_told(caller, asked, (Wanted::Name, deadline))
            .await
    }

    /// Whether any endpoint has a directory that [`Availability::display_name`] could ask.
    pub fn tells_names(&self) -> bool {
        self.endpoints().any(|endpoint| endpoint.tells_names())
    }

    /// What the first endpoint says that knows the mailbox, in the order of its route.
    async fn first_told(
        &self,
        caller: &Caller,
        asked: &SmtpAddress,
        (wanted, deadline): (Wanted, Instant),
    ) -> Result<Option<Arc<str>>, DirectoryError> {
        let (mailbox, known) = (self.aliases.internal(asked), self.directory.known());
        if self.permit.check(caller, asked, &mailbox).is_err() {
            return Ok(None);
        }
        let route = self.routes.find(&mailbox);
        let Some(route) = route.filter(|route| !known.is_hidden_list(&mailbox, route)) else {
            return Ok(None);
        };
        let desks = route.places();
        for (place, desk) in desks.filter_map(|place| Some((place, self.desks.get(place)?))) {
            // It could be a room list.
            match known.hidden_list(place) {
                None => {}
                Some(error) if error.is_transient() => return Err(DirectoryError::Unavailable),
                Some(_) => continue,
            }
            let endpoint: &Endpoint = desk.endpoint();
            let found = match wanted {
                Wanted::Mailbox => endpoint.resolve(&mailbox, deadline).await,
                Wanted::Name => endpoint.display_name(&mailbox, deadline).await,
            };
            if let Some(name) = found.map_err(|_| DirectoryError::Unavailable)? {
                return Ok(Some(self.aliases.external_name(name, asked)));
            }
        }
        Ok(None)
    }

    /// Whether `caller` may ask for a mailbox, and an endpoint would be asked. Whether the mailbox exists is another question.
    pub fn serves(&self, caller: &Caller, asked: &SmtpAddress) -> bool {
        let mailbox = self.aliases.internal(asked);
        self.permit.check(caller, asked, &mailbox).is_ok() && self.routes.find(&mailbox).is_some()
    }

    /// Whether any endpoint is asked for this mailbox, whoever asks.
    pub fn asks_for(&self, mailbox: &SmtpAddress) -> bool {
        let mailbox = self.aliases.internal(mailbox);
        self.routes.find(&mailbox).is_some()
    }

    /// Whether an endpoint has the mail domain of this address, or the one that it is an alias of, whoever asks and whoever
    /// is meant.
    pub fn serves_domain(&self, address: &SmtpAddress) -> bool {
        let mailbox = self.aliases.internal(address);
        self.routes.has_domain(mailbox.domain_str())
    }
}
