//! What a new pipeline takes over from the one before it, when the configuration is read again.

use std::sync::Arc;

use super::Pipeline;

impl Pipeline {
    /// Goes on with what `before` has counted and remembered, where the settings for it are the same.
    pub(in crate::server) fn succeed(&mut self, before: &Self) {
        let (now, then) = (&self.limits, &before.limits);
        if now.max_in_flight == then.max_in_flight {
            self.in_flight = Arc::clone(&before.in_flight);
        }
        if now.max_bodies == then.max_bodies {
            self.bodies.share_room_of(&before.bodies);
        }
    }
}
