//! How a server in the south is reached, without a login: for `calbridge check --online`. The same client settings as for
//! calls, so that what is found here holds for them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use tokio::time::Instant;

use super::EndpointError;
use super::build::BuildProblem;
use super::http::{self, Reach};
use super::settings::{AuthSettings, EwsSettings, OAuth2Settings};
use super::token;

/// What a server says to somebody who does not log in.
#[derive(Debug, Clone)]
pub struct Reached {
    pub status: u16,
    /// The schemes that it offers for logging in, as `Basic`; none where it asks for no login.
    pub schemes: Vec<String>,
    /// Its clock.
    pub date: Option<Timestamp>,
    /// How long it wants to be left alone, as it writes it.
    pub retry_after: Option<String>,
    /// Its certificate, DER.
    pub certificate: Option<Vec<u8>>,
    pub took: Duration,
}

/// Why there is nothing to say of a server.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    #[error(transparent)]
    Settings(#[from] BuildProblem),
    #[error(transparent)]
    Call(#[from] EndpointError),
}

/// Asks for the URL without a login; the certificate is verified as for every call.
pub async fn reach(settings: &EwsSettings, patience: Duration) -> Result<Reached, Unreached> {
    let ways = Reach::new(
        settings.ca_certificate.as_deref(),
        settings.proxy.as_deref(),
    )?;
    let client = ways.builder().tls_info(true).timeout(patience).build();
    let client = client.map_err(|error| BuildProblem::Client(error.to_string()))?;
    let started = Instant::now();
    let answer = http::send(client.get(&settings.url)).await?;
    let info = answer.extensions().get::<reqwest::tls::TlsInfo>();
    let certificate = info.and_then(|info| info.peer_certificate());
    let headers = answer.headers();
    Ok(Reached {
        status: answer.status().as_u16(),
        schemes: schemes(headers),
        date: text(headers, &DATE)
            .and_then(|text| rfc2822::parse(text).ok().map(|at| at.timestamp())),
        retry_after: text(headers, &RETRY_AFTER).map(str::to_owned),
        certificate: certificate.map(<[u8]>::to_vec),
        took: started.elapsed(),
    })
}

/// Whether the endpoint's token endpoint gives a token; None where its accounts log in by passwords.
pub async fn reach_tokens(settings: &EwsSettings, now: Timestamp) -> Option<Result<(), Unreached>> {
    let AuthSettings::OAuth2(oauth2) = &settings.auth else {
        return None;
    };
    let proxy = settings.proxy.as_deref();
    Some(token::rehearse(OAuth2Settings::clone(oauth2), proxy, now).await)
}

fn text<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn schemes(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    lines
        .filter_map(|line| line.to_str().ok()?.split(' ').next().map(str::to_owned))
        .collect()
}
