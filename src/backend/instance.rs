//! What a process gives to every endpoint that it builds. Holds nothing of an endpoint itself.

use std::sync::Arc;

use crate::domain::{Clock, InstanceId};

/// This running calbridge, as its endpoints see it. Cheap to clone.
#[derive(Clone)]
pub struct Instance {
    pub clock: Arc<dyn Clock>,
    /// What our calls are known by, should one come back to us.
    pub id: InstanceId,
}

impl Instance {
    /// A new instance: once in a process.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            id: InstanceId::random(),
        }
    }
}
