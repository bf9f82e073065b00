//! What a configuration must say about sharing; `config` builds this, the service reads it.

/// What may be told to callers, all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharingSettings {
    /// Whether subjects and locations may be told, where an endpoint grants them.
    pub event_details: bool,
    /// Whether rooms may be booked through the gateway.
    pub room_booking: bool,
}

impl Default for SharingSettings {
    fn default() -> Self {
        Self {
            event_details: true,
            room_booking: true,
        }
    }
}
