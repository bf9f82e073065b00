//! One endpoint, from its name in DNS to what each of its role accounts may see. Each account logs in once at most, and is
//! asked as calbridge asks it: where a login is known to be refused, it is not tried.

use std::slice;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use url::Url;

use super::certificate;
use super::report::{Chart, Finding};
use super::rooms;
use crate::backend::build;
use crate::backend::calendar_files::inspect;
use crate::backend::endpoint::Endpoint;
use crate::backend::examine::{AccountFinding, Seen, details_differ};
use crate::backend::instance::Instance;
use crate::backend::reach::{Reached, reach, reach_tokens};
use crate::backend::settings::{
    AuthSettings, BackendSettings, CalendarFilesSettings, EndpointSettings, EwsSettings,
};
use crate::domain::{Clock, Detail, SmtpAddress, TimeWindow};
use crate::server::clock::SystemClock;

const PATIENCE: Duration = Duration::from_secs(10);
/// Logins that carry a time are refused beyond five minutes.
const ODD_CLOCK: SignedDuration = SignedDuration::from_secs(30);
const WRONG_CLOCK: SignedDuration = SignedDuration::from_mins(5);
/// All accounts of one endpoint together.
const EXAMINATION: Duration = Duration::from_mins(1);

/// `sample`: a mailbox that this endpoint has.
pub(super) async fn findings(
    settings: &EndpointSettings,
    sample: Option<&SmtpAddress>,
    instance: &Instance,
) -> Vec<Finding> {
    let mut chart = Chart::of(format!("endpoint {}", settings.name));
    match &settings.kind {
        BackendSettings::CalendarFiles(files) => {
            folder(&mut chart, files);
            if let Ok(endpoint) = build::endpoint(settings.clone(), instance) {
                if let Some(sample) = sample {
                    calendar(&mut chart, &endpoint, sample).await;
                }
                rooms::tell(&mut chart, &endpoint).await;
            }
        }
        BackendSettings::Ews(ews) => {
            let endpoint = build::endpoint(settings.clone(), instance);
            match &endpoint {
                Ok(endpoint) => expiries(&mut chart, endpoint),
                Err(error) => chart.fail("account", error.to_string(), "correct the configuration"),
            }
            let mut found = Vec::new();
            if path(&mut chart, ews).await
                && server(&mut chart, ews).await
                && let Ok(endpoint) = &endpoint
            {
                found = accounts(&mut chart, endpoint, sample).await;
            }
            // Whatever is wrong with the server itself, its tokens come from elsewhere.
            if !found.iter().any(has_shown_token) {
                token(&mut chart, ews).await;
            }
        }
    }
    chart.findings
}

/// A mailbox of a folder: there are no accounts whose rights could differ.
async fn calendar(chart: &mut Chart, endpoint: &Endpoint, sample: &SmtpAddress) {
    let now = SystemClock.now();
    let today = now.checked_add(SignedDuration::from_hours(24)).ok();
    let Some(today) = today.and_then(|end| TimeWindow::new(now, end).ok()) else {
        return;
    };
    let deadline = Instant::now() + EXAMINATION;
    let mut outcomes = endpoint.ask(slice::from_ref(sample), today, deadline).await;
    match outcomes.remove(sample) {
        Some(Ok(known)) => chart.ok(
            "lookup",
            format!("{} of {sample} can be read", word(known.detail())),
        ),
        Some(Err(error)) => tell_lookup(chart, format!("{sample}: {error}")),
        None => tell_lookup(chart, format!("{sample}: there was no answer")),
    }
}

fn tell_lookup(chart: &mut Chart, text: String) {
    chart.fail("lookup", text, "docs/errors.md says what this error means");
}

fn folder(chart: &mut Chart, files: &CalendarFilesSettings) {
    match inspect::inspect(files) {
        Ok(found) if found.flaws.is_empty() => {
            chart.ok(
                "folder",
                format!("{} calendars can be read", found.readable),
            );
        }
        Ok(found) => {
            for flaw in found.flaws {
                let advice = "mend the file; its mailbox is answered with an error until then";
                chart.warn("folder", format!("{}: {}", flaw.file, flaw.text), advice);
            }
        }
        Err(error) => chart.fail(
            "folder",
            error.to_string(),
            "let the service read the folder",
        ),
    }
}

/// Name and connection; false where the rest cannot be.
async fn path(chart: &mut Chart, ews: &EwsSettings) -> bool {
    if ews.proxy.is_some() {
        chart.ok("dns", "not looked up here: the proxy does that");
        return true;
    }
    let Some(url) = Url::parse(&ews.url).ok() else {
        return true;
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = timeout(PATIENCE, lookup_host((bare, port))).await;
    let addresses: Vec<_> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    if addresses.is_empty() {
        let advice = "correct the host in the endpoint's url, or the resolver of this machine";
        chart.fail("dns", format!("{host} has no address"), advice);
        return false;
    }
    let texts: Vec<_> = addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    chart.ok("dns", format!("{host} is {}", texts.join(", ")));
    for address in &addresses {
        if let Ok(Ok(_)) = timeout(PATIENCE, TcpStream::connect(address)).await {
            chart.ok("tcp", format!("{address} takes connections"));
            return true;
        }
    }
    let advice =
        "start the server, correct the port in url, or open the firewall between here and there";
    chart.fail(
        "tcp",
        format!("nothing answers at {host}, port {port}"),
        advice,
    );
    false
}

/// TLS and HTTP without a login; false where nobody needs to log in.
async fn server(chart: &mut Chart, ews: &EwsSettings) -> bool {
    let reached = match reach(ews, PATIENCE).await {
        Ok(reached) => reached,
        Err(error) => {
            chart.fail(
                "tls",
                error.to_string(),
                "see the text; docs/exchange.md has the causes",
            );
            return false;
        }
    };
    chart.ok(
        "tls",
        "the certificate's chain is trusted and its name is right",
    );
    if let Some(der) = &reached.certificate {
        let renew = "renew it on the server";
        certificate::tell_dates(chart, der, SystemClock.now(), renew);
    }
    http(chart, &reached, &ews.auth);
    clock(chart, &reached);
    match &reached.retry_after {
        None => chart.ok("throttling", "the server does not ask to slow down"),
        Some(text) => chart.warn(
            "throttling",
            format!("the server wants to be left alone (Retry-After: {text})"),
            "it has too much to do, or throttles this address",
        ),
    }
    true
}

fn http(chart: &mut Chart, reached: &Reached, auth: &AuthSettings) {
    let (status, schemes) = (reached.status, reached.schemes.join(", "));
    let milliseconds = reached.took.as_millis();
    let (wanted, advice) = match auth {
        AuthSettings::Basic => (
            "Basic",
            "Set-WebServicesVirtualDirectory -BasicAuthentication $true on the Exchange server, where the role accounts \
             have passwords",
        ),
        AuthSettings::OAuth2(_) => (
            "Bearer",
            "Set-WebServicesVirtualDirectory -OAuthAuthentication $true on the Exchange server, or leave out \
             endpoint.auth where the role accounts have passwords",
        ),
    };
    match status {
        401 if reached
            .schemes
            .iter()
            .any(|scheme| scheme.eq_ignore_ascii_case(wanted)) =>
        {
            chart.ok(
                "http",
                format!("answers in {milliseconds} ms and takes {schemes}"),
            );
        }
        401 => chart.warn(
            "http",
            format!("the server does not offer {wanted}, only {schemes}"),
            advice,
        ),
        404 => chart.fail(
            "http",
            "there is nothing at this address (HTTP status 404)",
            "url must end in /EWS/Exchange.asmx",
        ),
        _ if status >= 500 => chart.warn(
            "http",
            format!("HTTP status {status} without a login"),
            "look at the event log of the Exchange server",
        ),
        _ => chart.ok(
            "http",
            format!("answers with status {status} in {milliseconds} ms"),
        ),
    }
}

fn clock(chart: &mut Chart, reached: &Reached) {
    let Some(date) = reached.date else {
        chart.ok("clock", "the server does not tell its time");
        return;
    };
    let skew = SystemClock.now().duration_since(date).abs();
    let text = format!(
        "{} s between the server's clock and this one",
        skew.as_secs()
    );
    let advice = "set both by NTP: logins and certificates depend on the time";
    if skew > WRONG_CLOCK {
        chart.fail("clock", text, advice);
    } else if skew > ODD_CLOCK {
        chart.warn("clock", text, advice);
    } else {
        chart.ok("clock", text);
    }
}

/// A call by this account has shown whether there is a token.
fn has_shown_token(finding: &AccountFinding) -> bool {
    match finding.seen {
        Seen::Calendar(_) | Seen::Mailbox(_) | Seen::Failed(_) => true,
        Seen::Quarantined { .. } => false,
    }
}

async fn accounts(
    chart: &mut Chart,
    endpoint: &Endpoint,
    sample: Option<&SmtpAddress>,
) -> Vec<AccountFinding> {
    let deadline = Instant::now() + EXAMINATION;
    let found = endpoint.examine(sample, deadline).await;
    for AccountFinding { address, seen, .. } in &found {
        match seen {
            Seen::Calendar(detail) => {
                chart.ok("account", format!("{address} logs in and is answered"));
                if let Some(sample) = sample {
                    rights(chart, sample, address, *detail);
                }
            }
            Seen::Mailbox(error) => {
                chart.ok("account", format!("{address} logs in and is answered"));
                if let Some(sample) = sample {
                    let text = format!("{sample}, asked for by {address}: {error}");
                    tell_lookup(chart, text);
                }
            }
            Seen::Failed(error) => {
                chart.fail(
                    "account",
                    format!("{address}: {error}"),
                    advice(error.label()),
                );
            }
            Seen::Quarantined { left } => chart.fail(
                "account",
                format!(
                    "{address} was refused before and is not tried for {} s",
                    left.as_secs()
                ),
                advice("no_account"),
            ),
        }
    }
    let is_answered =
        |finding: &AccountFinding| matches!(finding.seen, Seen::Calendar(_) | Seen::Mailbox(_));
    // Without an account that works, the rooms would only repeat what is wrong.
    if found.iter().any(is_answered) {
        rooms::tell(chart, endpoint).await;
    }
    if details_differ(&found) {
        chart.warn(
            "rights",
            "role accounts of this endpoint see different details",
            "what a caller gets then depends on the account that happened to ask: give all of them the same right",
        );
    }
    found
}

/// What the application proves itself with at the token endpoint, where its end is known.
fn expiries(chart: &mut Chart, endpoint: &Endpoint) {
    let now = SystemClock.now();
    let renew = "docs/exchange-online.md says how to put another one in its place without a gap";
    for expiry in endpoint.expiries() {
        match expiry.warning(endpoint.name(), now) {
            Some(text) if expiry.at <= now => chart.fail("secret", text, renew),
            Some(text) => chart.warn("secret", text, renew),
            None => chart.ok("secret", format!("valid until {}", expiry.at)),
        }
    }
}

/// The token endpoint by itself.
async fn token(chart: &mut Chart, ews: &EwsSettings) {
    match reach_tokens(ews, SystemClock.now()).await {
        None => {}
        Some(Ok(())) => chart.ok("token", "the token endpoint gives a token"),
        Some(Err(error)) => chart.fail("token", error.to_string(), advice("token")),
    }
}

fn rights(chart: &mut Chart, sample: &SmtpAddress, account: &SmtpAddress, detail: Detail) {
    let text = format!("{account} sees {} of {sample}", word(detail));
    match detail {
        Detail::Subjects => chart.ok("lookup", text),
        Detail::BusyOnly | Detail::DigitsOnly => chart.warn(
            "lookup",
            text,
            &format!(
                "if more is to be shared: Add-MailboxFolderPermission -Identity {sample}:\\Calendar -User {account} \
                 -AccessRights LimitedDetails (Set-MailboxFolderPermission where the account has an entry; the folder's \
                 name is in the mailbox's language)"
            ),
        ),
    }
}

fn word(detail: Detail) -> &'static str {
    match detail {
        Detail::Subjects => "subjects and locations",
        Detail::BusyOnly => "times and statuses only",
        Detail::DigitsOnly => "merged times only",
    }
}

/// What to do about a failed call, by [`crate::backend::EndpointError::label`].
fn advice(label: &str) -> &'static str {
    match label {
        "unauthorized" => {
            "correct its password, or unlock the account; it is not tried again by this run, so that it is not locked out"
        }
        "no_account" => {
            "it is quarantined after a refusal: correct its password and reload, or wait"
        }
        "token" => "see the text; docs/errors.md, \"What a token endpoint says\", has the causes",
        "forbidden" => {
            "allow EWS for this account or application (EwsEnabled, EwsApplicationAccessPolicy)"
        }
        "throttled" => "the server is busy or the account's budget is spent: add role accounts",
        "timeout" => "the server is slow: look at its load, or raise the endpoint's timeout",
        "tls" => "see the text; ca_certificate names an authority of your own",
        "redirect" => "correct url: redirects are never followed",
        "bad_answer" => "something else than EWS answers at this URL, perhaps a proxy's page",
        _ => "docs/exchange.md has the causes",
    }
}
