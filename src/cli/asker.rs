//! How a command asks: with the endpoints of a configuration, as its first role account, in the time that a caller has.

use anyhow::Context;
use tokio::time::Instant;

use super::{CommandError, ConfigFile};
use crate::backend::quarantine::Quarantine;
use crate::domain::Caller;
use crate::gateway;
use crate::service::Availability;

pub(super) struct Asker {
    pub(super) availability: Availability,
    /// Answers are what this account would be given over the network.
    pub(super) caller: Caller,
    pub(super) deadline: Instant,
    /// To be awaited at the end.
    pub(super) quarantine: Quarantine,
}

impl Asker {
    pub(super) fn of(file: &ConfigFile) -> Result<Self, CommandError> {
        let config = file.load()?;
        let deadline = Instant::now() + config.server.limits.deadline;
        let account = config.server.access.role_accounts.first();
        let caller = account
            .map(|account| account.caller.clone())
            .context("there is no access.role_account to ask as")?;
        let instance = super::instance(&config);
        let quarantine = instance.quarantine.clone();
        let availability = gateway::availability(config.endpoints, &config.service, &instance)
            .map_err(gateway::BuildError::from)?;
        Ok(Self {
            availability,
            caller,
            deadline,
            quarantine,
        })
    }
}
