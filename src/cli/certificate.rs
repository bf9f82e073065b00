//! `calbridge certificate`: gets a certificate from an ACME authority (RFC 8555) and renews it when a third of its time is
//! left. It writes the two files that a gateway looks at by itself, and knows nothing else of gateways.
//!
//! The authority asks over HTTP on port 80 (RFC 8555 section 8.3): the gateway's own address stays behind `access.allow`,
//! which authorities are not on.

mod challenge;
mod files;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use futures_util::StreamExt;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::{AcmeConfig, EventError, EventOk, UseChallenge};
use tokio::net::TcpListener;

use self::files::Files;
use super::{CommandError, Exit, output};

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

#[derive(Debug, Args)]
pub(super) struct Order {
    /// A name that the certificate is made for; may be given several times
    #[arg(long = "domain", value_name = "NAME", required = true)]
    domains: Vec<String>,
    /// Whom the authority may write to
    #[arg(long, value_name = "mailto:ADDRESS")]
    contact: Vec<String>,
    /// The authority's directory. Using it means to agree to its terms of service
    #[arg(long, value_name = "URL", default_value = LETS_ENCRYPT)]
    directory: String,
    /// PEM: trusted for the authority in place of the public ones
    #[arg(long, value_name = "FILE")]
    directory_ca: Option<PathBuf>,
    /// Where the authority asks: port 80 of every name must lead here
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:80")]
    listen: SocketAddr,
    /// What server.tls.certificate names
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// What server.tls.private_key names
    #[arg(long, value_name = "FILE")]
    private_key: PathBuf,
    /// The key of the account at the authority; made where it is missing
    #[arg(long, value_name = "FILE")]
    account_key: PathBuf,
    /// Do not end, and renew the certificate whenever it is time
    #[arg(long)]
    stay: bool,
}

pub(super) async fn run(asked: &Order) -> Result<Exit, CommandError> {
    let listener = TcpListener::bind(asked.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", asked.listen))?;
    let config = AcmeConfig::new(&asked.domains)
        .contact(&asked.contact)
        .directory(&asked.directory)
        .challenge_type(UseChallenge::Http01);
    let config = match &asked.directory_ca {
        Some(file) => config.client_tls_config(trusting(file)?),
        None => config,
    };
    let files = Files {
        certificate: asked.certificate.clone(),
        private_key: asked.private_key.clone(),
        account_key: asked.account_key.clone(),
    };
    let mut state = config.cache(files.clone()).state();
    let answers = challenge::answer(listener, state.resolver());
    tokio::pin!(answers);
    loop {
        let event = tokio::select! {
            event = state.next() => event,
            () = &mut answers => None,
        };
        let Some(event) = event else {
            return Err(anyhow!("the authority cannot be answered any more").into());
        };
        if let Some(exit) = consider(asked, &files, event)? {
            return Ok(exit);
        }
    }
}

/// Tells what happened. Some where the command is done.
fn consider(
    asked: &Order,
    files: &Files,
    event: Result<EventOk, EventError<std::io::Error, std::io::Error>>,
) -> anyhow::Result<Option<Exit>> {
    let done = |exit| (!asked.stay).then_some(exit);
    match event {
        Ok(EventOk::CertCacheStore) => {
            let file = asked.certificate.display();
            output::say(&format_args!("{file} holds a new certificate"))?;
            Ok(done(Exit::Success))
        }
        Ok(EventOk::DeployedCachedCert) if files.is_fresh() => {
            output::say(&"the certificate is good for longer than a third of its time")?;
            Ok(done(Exit::Success))
        }
        Ok(EventOk::DeployedCachedCert | EventOk::DeployedNewCert | EventOk::AccountCacheStore) => {
            Ok(None)
        }
        // It is not what this command has written: the next step is a new one.
        Err(error @ EventError::CachedCertParse(_)) => {
            output::complain(&error);
            Ok(None)
        }
        Err(error) => {
            output::complain(&error);
            Ok(done(Exit::Failure))
        }
    }
}

fn trusting(file: &std::path::Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(file)
        .with_context(|| format!("{} cannot be read", file.display()))?
    {
        roots.add(authority?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
