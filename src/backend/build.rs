//! From settings to an [`Endpoint`]: the only place that knows every kind of backend. Reads the files that settings name;
//! calls nothing over the network.

use std::path::PathBuf;
use std::sync::Arc;

use super::Backend;
use super::calendar_files::CalendarFiles;
use super::endpoint::{Endpoint, Guard};
use super::ews::Ews;
use super::instance::Instance;
use super::settings::{BackendSettings, EndpointSettings};
use crate::domain::SmtpAddress;

/// Why an endpoint cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("endpoint `{endpoint}`: {problem}")]
pub struct BuildError {
    pub endpoint: String,
    pub problem: BuildProblem,
}

#[derive(Debug, thiserror::Error)]
pub enum BuildProblem {
    #[error("url: not an https URL with a host")]
    Url,
    #[error("proxy: not an http or https URL with a host")]
    Proxy,
    #[error("ca_certificate: {}: cannot be read: {why}", file.display())]
    CaUnreadable { file: PathBuf, why: String },
    #[error("ca_certificate: {}: not a PEM file of certificates: {why}", file.display())]
    CaInvalid { file: PathBuf, why: String },
    #[error("role_account: at least one is needed")]
    NoRoleAccount,
    #[error("role_account {0}: the user name must not contain a colon")]
    UserName(SmtpAddress),
    #[error("no HTTPS client: {0}")]
    Client(String),
}

/// The endpoint that `settings` describe.
pub fn endpoint(settings: EndpointSettings, instance: &Instance) -> Result<Endpoint, BuildError> {
    let guard = Guard::from(&settings);
    let backend = backend(settings.kind, instance).map_err(|problem| BuildError {
        endpoint: settings.name.clone(),
        problem,
    })?;
    Ok(Endpoint::new(
        &settings.name,
        settings.domains,
        guard,
        backend,
        instance,
    ))
}

fn backend(kind: BackendSettings, instance: &Instance) -> Result<Arc<dyn Backend>, BuildProblem> {
    Ok(match kind {
        BackendSettings::Ews(settings) => Arc::new(Ews::new(settings, instance)?),
        BackendSettings::CalendarFiles(settings) => {
            Arc::new(CalendarFiles::new(settings, Arc::clone(&instance.clock)))
        }
    })
}
