//! What nobody waits for: the rooms are read from time to time, and single rooms are asked for what the lists do not tell.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, info};

use super::{is_final, prefetch};
use crate::backend::EndpointError;
use crate::domain::SmtpAddress;
use crate::service::Availability;
use crate::service::desk::Desk;

/// How soon a source that failed is asked again; twice as long after each further time, once every source has told something.
const RETRY: Duration = Duration::from_mins(1);

impl Availability {
    /// Reads the rooms now and from time to time, and prefetches them where that is wanted, until this is dropped.
    pub fn keep_rooms(self: &Arc<Self>) {
        if self.endpoints().any(|endpoint| endpoint.has_room_source()) {
            tokio::spawn(refreshing(Arc::downgrade(self)));
        }
        if self.directory.settings.prefetch_days > 0 {
            tokio::spawn(prefetch::prefetching(Arc::downgrade(self)));
        }
    }

    /// Asks for what is not known of single rooms; an endpoint that fails is left alone. One of which the server will not
    /// tell more is done with for a while: the others are not to wait behind it.
    async fn ask_details(&self, place: usize, rooms: &[SmtpAddress]) -> bool {
        let Some(endpoint) = self.desks.get(place).map(Desk::endpoint) else {
            return false;
        };
        for room in rooms {
            let (details, is_told) = match endpoint.room_in_background(room).await {
                Ok(details) => (details, true),
                Err(error) if is_final(&error) || matches!(error, EndpointError::BadAnswer(_)) => {
                    info!(endpoint.name = %endpoint.name(), %error, "The server does not tell the details of a room");
                    (None, false)
                }
                Err(error) => {
                    debug!(endpoint.name = %endpoint.name(), %error, "Details of rooms are asked for later");
                    return false;
                }
            };
            let now = self.directory.clock.now();
            if let Some(part) = self.directory.lock().parts.get_mut(place) {
                let known = part.details.entry(room.clone()).or_default();
                known.0 = now;
                if is_told {
                    known.1 = details;
                }
            }
        }
        true
    }

    fn without_details(&self, place: usize) -> Vec<SmtpAddress> {
        let now = self.directory.clock.now();
        let state = self.directory.lock();
        let part = state.parts.get(place);
        part.map(|part| part.without_details(now))
            .unwrap_or_default()
    }
}

async fn refreshing(rooms: Weak<Availability>) {
    let mut retry = RETRY;
    loop {
        let Some(availability) = rooms.upgrade() else {
            return;
        };
        let all_well = availability.refresh_rooms().await;
        let pause = availability.directory.settings.refresh;
        let places = availability.desks.len();
        let any_silent = availability.directory.any_silent();
        drop(availability);
        for place in 0..places {
            complete(&rooms, place).await;
        }
        if all_well {
            retry = RETRY;
            sleep(pause).await;
        } else if any_silent {
            // Nothing at all is known of an endpoint, and callers get less for it.
            sleep(RETRY.min(pause)).await;
        } else {
            // What fails once may go well soon; what fails for ever must not cost the servers a reading each minute.
            sleep(retry.min(pause)).await;
            retry = retry.saturating_mul(2).min(pause.max(RETRY));
        }
    }
}

/// A few rooms at a time, so that an availability that was replaced meanwhile is let go soon.
async fn complete(rooms: &Weak<Availability>, place: usize) {
    const AT_A_TIME: usize = 20;
    loop {
        let Some(availability) = rooms.upgrade() else {
            return;
        };
        let desk = availability.desks.get(place);
        if !desk.is_some_and(|desk| desk.endpoint().has_room_details()) {
            return;
        }
        let mut missing = availability.without_details(place);
        missing.sort();
        missing.dedup();
        missing.truncate(AT_A_TIME);
        let goes_on = !missing.is_empty() && availability.ask_details(place, &missing).await;
        availability.arrange_rooms();
        if !goes_on {
            return;
        }
    }
}
