//! From settings to an [`Endpoint`]: the only place that knows every kind of backend. Reads the files that settings name;
//! calls nothing over the network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::SHA256;

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
    #[error("role_account {0}: has no password")]
    NoPassword(SmtpAddress),
    #[error("auth.token_url: not an https URL with a host")]
    TokenUrl,
    #[error("auth.client_key: {0}")]
    ClientKey(String),
    #[error("no HTTPS client: {0}")]
    Client(String),
}

impl BuildProblem {
    /// Whether a file is at fault that the settings name.
    pub fn is_of_file(&self) -> bool {
        match self {
            Self::CaUnreadable { .. } | Self::CaInvalid { .. } => true,
            Self::Url
            | Self::Proxy
            | Self::NoRoleAccount
            | Self::UserName(_)
            | Self::NoPassword(_)
            | Self::TokenUrl
            | Self::ClientKey(_)
            | Self::Client(_) => false,
        }
    }
}

/// An endpoint, and what it was built from.
pub struct Built {
    pub endpoint: Arc<Endpoint>,
    settings: EndpointSettings,
    /// Digests of the files that were read, in their order.
    files: Vec<Option<Digest>>,
}

/// What became of an endpoint when its settings were read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing changed: it is the very same.
    Kept,
    /// Built anew for the same source, so that what was learned of its mailboxes still holds.
    Rebuilt,
    New,
}

impl Built {
    pub fn new(settings: EndpointSettings, instance: &Instance) -> Result<Self, BuildError> {
        // Before the files are read: whoever changes one meanwhile is seen the next time.
        let files = settings.files().iter().map(|file| digest(file)).collect();
        let endpoint = endpoint(settings.clone(), instance)?;
        Ok(Self {
            endpoint: Arc::new(endpoint),
            settings,
            files,
        })
    }

    /// The one of `before` with the same settings, secrets and files, with all that it knows of its source; else a new
    /// one.
    pub fn again(
        settings: EndpointSettings,
        before: &[Self],
        instance: &Instance,
    ) -> Result<(Self, Change), BuildError> {
        let old = before.iter().find(|old| old.settings.name == settings.name);
        if let Some(old) = old.filter(|old| old.settings == settings && old.files_are_the_same()) {
            let kept = Self {
                endpoint: Arc::clone(&old.endpoint),
                files: old.files.clone(),
                settings,
            };
            return Ok((kept, Change::Kept));
        }
        let is_same_source = old.is_some_and(|old| old.settings.is_same_source(&settings));
        let change = if is_same_source {
            Change::Rebuilt
        } else {
            Change::New
        };
        Ok((Self::new(settings, instance)?, change))
    }

    fn files_are_the_same(&self) -> bool {
        let files = self.settings.files();
        files
            .iter()
            .map(|file| digest(file))
            .eq(self.files.iter().cloned())
    }
}

type Digest = Vec<u8>;

/// None where the file cannot be read.
fn digest(file: &Path) -> Option<Digest> {
    let bytes = std::fs::read(file).ok()?;
    Some(aws_lc_rs::digest::digest(&SHA256, &bytes).as_ref().to_vec())
}

/// The endpoint that `settings` describe.
pub fn endpoint(settings: EndpointSettings, instance: &Instance) -> Result<Endpoint, BuildError> {
    let guard = Guard::from(&settings);
    let backend =
        backend(&settings.name, settings.kind, instance).map_err(|problem| BuildError {
            endpoint: settings.name.clone(),
            problem,
        })?;
    Ok(
        Endpoint::new(&settings.name, settings.domains, guard, backend, instance)
            .with_rooms(settings.rooms),
    )
}

fn backend(
    name: &str,
    kind: BackendSettings,
    instance: &Instance,
) -> Result<Arc<dyn Backend>, BuildProblem> {
    Ok(match kind {
        BackendSettings::Ews(settings) => Arc::new(Ews::new(name, settings, instance)?),
        BackendSettings::CalendarFiles(settings) => {
            Arc::new(CalendarFiles::new(settings, Arc::clone(&instance.clock)))
        }
    })
}
