//! A server with all faces over calendars in memory: EWS, a connector directory, free/busy links, and JSON.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use calbridge::backend::endpoint::Endpoint;
use calbridge::backend::instance::Instance;
use calbridge::domain::{
    Caller, Detail, DomainPattern, FixedClock, MailDomain, MailboxPattern, SmtpAddress,
};
use calbridge::face::Routes;
use calbridge::face::autodiscover::{AutodiscoverFace, AutodiscoverJsonFace};
use calbridge::face::connector::{self, ConnectorSettings, Form};
use calbridge::face::ews::EwsFace;
use calbridge::face::json::{AvailabilityFace, FreeBusyFace, OpenApiFace};
use calbridge::face::links::{LinkSettings, LinksFace};
use calbridge::server::settings::ServerSettings;
use calbridge::service::Availability;
use calbridge::service::settings::ServiceSettings;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::gateway_world::{MemoryBackend, endpoint};
use crate::world::{ACCOUNT, PATIENCE, TestServer};

/// The keys of links that tell details, tell none, open one mailbox, and open nothing from here.
pub(crate) const KEY: &str = "6f1d0c5b9a8e7f0e3b2a1d4c5e6f708192a3b4c5d6e7f809";
pub(crate) const DETAILS_KEY: &str = "0011223344556677889900112233445566778899001122aa";
pub(crate) const ONE_KEY: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa9988";
pub(crate) const ELSEWHERE_KEY: &str = "123456789012345678901234567890123456789012345678";

pub(crate) const NOW: &str = "2026-09-01T12:00:00Z";
const EWS_URL: &str = "https://gateway.example/EWS/Exchange.asmx";

pub(crate) fn domain(text: &str) -> MailDomain {
    MailDomain::parse(text).unwrap()
}

fn link(key: &str) -> LinkSettings {
    LinkSettings {
        key_sha256: digest(&SHA256, key.as_bytes()).as_ref().try_into().unwrap(),
        mailboxes: vec![MailboxPattern::Domain(domain("example.com").into())],
        event_details: false,
        allow: None,
    }
}

fn links() -> Vec<LinkSettings> {
    let one = SmtpAddress::parse("anna@example.com").unwrap();
    vec![
        link(KEY),
        LinkSettings {
            event_details: true,
            ..link(DETAILS_KEY)
        },
        LinkSettings {
            mailboxes: vec![MailboxPattern::Mailbox(one)],
            ..link(ONE_KEY)
        },
        LinkSettings {
            allow: Some(vec!["192.0.2.0/24".parse().unwrap()]),
            ..link(ELSEWHERE_KEY)
        },
    ]
}

/// `lookup` tells times, `details` events.
fn directory(directory: &str, event_details: bool) -> ConnectorSettings {
    ConnectorSettings {
        name: directory.into(),
        directory: directory.into(),
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        login: None,
        domains: vec![DomainPattern::from(domain("example.com"))],
        event_details,
        domain_mapping: Vec::new(),
        submit_url: "https://calendar.example/slot".into(),
        form: Form::Json,
        time_zone: TimeZone::UTC,
    }
}

/// The server, at [`NOW`].
pub(crate) async fn start(backend: Arc<MemoryBackend>, settings: &ServiceSettings) -> TestServer {
    let timeout = Duration::from_secs(5);
    start_over(endpoint("hq", &["example.com"], backend, timeout), settings).await
}

/// The same over any endpoint, whose rooms have been read.
pub(crate) async fn start_over(endpoint: Arc<Endpoint>, settings: &ServiceSettings) -> TestServer {
    start_tweaked(endpoint, settings, |_| {}).await
}

/// The same with other settings of the server.
pub(crate) async fn start_tweaked(
    endpoint: Arc<Endpoint>,
    settings: &ServiceSettings,
    tweak: impl FnOnce(&mut ServerSettings),
) -> TestServer {
    let now: Timestamp = NOW.parse().unwrap();
    let clock = Arc::new(FixedClock(now));
    let instance = Instance::new(clock.clone());
    let availability = Arc::new(Availability::new(vec![endpoint], settings, &instance));
    availability.refresh_rooms().await;
    let account = SmtpAddress::parse(ACCOUNT).unwrap();
    let ews = EwsFace::new(
        Arc::clone(&availability),
        [Caller::of_account(account, Detail::Subjects)],
    );
    let routes = Routes::default()
        .with(EwsFace::PATH, Arc::new(ews))
        .with(
            FreeBusyFace::PATH,
            Arc::new(FreeBusyFace::new(Arc::clone(&availability))),
        )
        .with(
            AvailabilityFace::PATH,
            Arc::new(AvailabilityFace::new(Arc::clone(&availability))),
        )
        .with(OpenApiFace::PATH, Arc::new(OpenApiFace::default()))
        .with(
            LinksFace::PATH,
            Arc::new(LinksFace::new(Arc::clone(&availability), links())),
        );
    let times = directory("lookup", false);
    let routes = connector::with_directory(routes, times, &availability, None);
    let details = directory("details", true);
    let routes = connector::with_directory(routes, details, &availability, None);
    let discovery = AutodiscoverFace::new(Arc::clone(&availability), clock, EWS_URL);
    let discovery = Arc::new(discovery);
    let routes = routes
        .with(AutodiscoverFace::POX_PATH, Arc::clone(&discovery) as _)
        .with_methods(
            AutodiscoverFace::SOAP_PATH,
            AutodiscoverFace::SOAP_METHODS,
            discovery,
        )
        .with(
            AutodiscoverJsonFace::PATH_OF_ONE,
            Arc::new(AutodiscoverJsonFace::new(availability, EWS_URL)),
        );
    TestServer::try_with(routes, tweak).await.unwrap()
}

/// A client that finds the server, and the start of its addresses.
pub(crate) fn client(server: &TestServer) -> (reqwest::Client, String) {
    let client = server.client().timeout(PATIENCE).build().unwrap();
    (
        client,
        format!("https://localhost:{}", server.address.port()),
    )
}
