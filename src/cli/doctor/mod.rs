//! `calbridge check --online`: a doctor. Looks at everything that the configuration names on the network, and says what is
//! well, what is odd, what is broken, and what to do about it. Changes nothing.

mod certificate;
mod endpoint;
mod north;
mod report;
mod rooms;
mod token;

use std::sync::Arc;

use serde_json::json;

use self::report::{Chart, Finding, Verdict};
use super::ending::{remembered, unless_interrupted};
use super::{CommandError, Exit, output};
use crate::backend::instance::Instance;
use crate::backend::quarantine::Quarantine;
use crate::backend::settings::BackendSettings;
use crate::config::Config;
use crate::domain::{Clock, SmtpAddress};
use crate::gateway::BuildError;
use crate::server::clock::SystemClock;
use crate::service::alias::Aliases;
use crate::service::route::Routes;

/// Fails (status 1) where anything has failed.
pub(super) async fn run(
    config: &Config,
    sample: Option<&SmtpAddress>,
    as_json: bool,
) -> Result<Exit, CommandError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut instance = Instance::new(clock);
    if let Some(directory) = &config.state_directory {
        let quarantine = Quarantine::open(directory).map_err(BuildError::from)?;
        instance = instance.remembering(quarantine);
    }
    let (place, internal) = sample.map(|sample| whereabouts(config, sample)).unzip();
    let place = place.flatten();
    if let (Some(sample), None) = (sample, place) {
        let text = format!(
            "no endpoint is asked for {sample}: see the routes that `calbridge check` prints"
        );
        return Err(CommandError::Usage(text));
    }
    let work = async {
        let mut findings = north::findings(config).await;
        findings.extend(token::findings(config).await);
        findings.extend(memory(config));
        for (number, settings) in config.endpoints.iter().enumerate() {
            let sample = internal.as_ref().filter(|_| place == Some(number));
            findings.extend(endpoint::findings(settings, sample, &instance).await);
        }
        findings
    };
    let findings = unless_interrupted(&instance.quarantine, work).await?;
    let worst = findings.iter().map(|finding| finding.verdict).max();
    let told = tell(&findings, as_json);
    remembered(&instance.quarantine).await;
    told?;
    Ok(if worst == Some(Verdict::Fail) {
        Exit::Failure
    } else {
        Exit::Success
    })
}

/// Whether this run can know which role accounts the service was refused as.
fn memory(config: &Config) -> Option<Finding> {
    let has_accounts = config
        .endpoints
        .iter()
        .any(|endpoint| matches!(endpoint.kind, BackendSettings::Ews(_)));
    let mut chart = Chart::of("gateway".to_owned());
    match &config.state_directory {
        None if has_accounts => chart.warn(
            "state",
            "there is no server.state_directory: it is not known here which role accounts the service was refused as",
            "set it in the configuration; what systemd gives to the service is not known to commands",
        ),
        None | Some(_) => {}
    }
    chart.findings.pop()
}

/// The endpoint that is asked for a mailbox first, and the name that it is asked for by.
fn whereabouts(config: &Config, sample: &SmtpAddress) -> (Option<usize>, SmtpAddress) {
    let service = &config.service;
    let internal = Aliases::new(&service.routing.aliases).internal(sample);
    let domains = config
        .endpoints
        .iter()
        .map(|endpoint| endpoint.domains.as_slice());
    let routes = Routes::new(&service.routing, &service.endpoints, domains);
    (routes.find(&internal).map(|route| route.endpoint), internal)
}

fn tell(findings: &[Finding], as_json: bool) -> anyhow::Result<()> {
    let count = |verdict| {
        findings
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .count()
    };
    let (ok, warn, fail) = (
        count(Verdict::Ok),
        count(Verdict::Warn),
        count(Verdict::Fail),
    );
    if as_json {
        let document = json!({ "ok": ok, "warn": warn, "fail": fail, "findings": findings });
        return output::say(&format_args!("{document:#}"));
    }
    for finding in findings {
        output::say(finding)?;
    }
    output::say(&format_args!("{ok} ok, {warn} to look at, {fail} failed"))
}
