//! An Exchange server asked over real TLS sockets: what is sent, what is read, and how a question is cut.

mod accounts;
mod care;
mod failures;
mod pool;
mod reach;
mod recovery;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calbridge::backend::endpoint::Endpoint;
use calbridge::backend::ews::Ews;
use calbridge::backend::examine::{Seen, details_differ};
use calbridge::backend::instance::Instance;
use calbridge::backend::quarantine::Quarantine;
use calbridge::backend::settings::{
    AuthSettings, BackendSettings, EndpointSettings, EwsSettings, RoleAccountSettings,
};
use calbridge::backend::{AccountCondition, Ask, Backend, EndpointError, Limits, build};
use calbridge::domain::{
    BusyStatus, CalendarEvent, Detail, FixedClock, FreeBusy, MailDomain, MailboxError, Outcome,
    SmtpAddress, TimeWindow, Via,
};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::upstream::{Reply, Request, Upstream};

const PASSWORD: &str = "pässword: \"1\"";

/// A golden body of `tests/golden/ews/upstream`.
pub(crate) fn golden(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ews/upstream");
    std::fs::read_to_string(format!("{folder}/{name}.xml")).unwrap()
}

fn mailbox(text: &str) -> SmtpAddress {
    SmtpAddress::parse(text).unwrap()
}

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn window(start: &str, end: &str) -> TimeWindow {
    TimeWindow::new(at(start), at(end)).unwrap()
}

/// The first of September 2026, a day in every golden body.
fn day() -> TimeWindow {
    window("2026-09-01T00:00Z", "2026-09-02T00:00Z")
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock(at("2026-09-01T08:00Z")))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn account(name: &str) -> RoleAccountSettings {
    RoleAccountSettings {
        address: mailbox(&format!("{name}@example.com")),
        username: None,
        password: Some(SecretString::from(PASSWORD)),
        max_concurrency: RoleAccountSettings::DEFAULT_CONCURRENCY,
    }
}

fn ews_settings(upstream: &Upstream) -> EwsSettings {
    EwsSettings {
        url: upstream.url(),
        ca_certificate: Some(upstream.authority.clone()),
        proxy: None,
        auth: AuthSettings::Basic,
        role_accounts: vec![account("svc")],
    }
}

fn settings(ews: EwsSettings) -> EndpointSettings {
    EndpointSettings {
        name: "hq".into(),
        domains: vec![MailDomain::parse("example.com").unwrap().into()],
        timeout: Duration::from_secs(20),
        max_concurrency: 4,
        hedge_after: None,
        probe_interval: EndpointSettings::DEFAULT_PROBE_INTERVAL,
        limits: Limits::default(),
        rooms: Vec::new(),
        kind: BackendSettings::Ews(ews),
    }
}

pub(crate) fn endpoint(upstream: &Upstream) -> Endpoint {
    build::endpoint(settings(ews_settings(upstream)), &instance()).unwrap()
}

fn instance() -> Instance {
    Instance::new(clock())
}

fn backend(settings: EwsSettings) -> Ews {
    Ews::new("hq", settings, &instance()).unwrap()
}

/// One call about Anna.
async fn ask_anna(backend: &Ews) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
    let ask = Ask::new(vec![mailbox("anna@example.com")], day());
    backend.free_busy(&ask, soon()).await
}

/// Anna's day where the server answers `reply` to everything.
async fn answer_to(reply: impl Fn() -> Reply + Send + Sync + 'static) -> EndpointError {
    let upstream = Upstream::start(move |_, _| reply()).await;
    ask_anna(&backend(ews_settings(&upstream)))
        .await
        .unwrap_err()
}

/// One busy half hour for each mailbox of the request.
pub(crate) fn busy_for_all(request: &Request) -> Reply {
    let one = golden("e2016-one-event");
    let (start, end) = ("<FreeBusyResponse>", "</FreeBusyResponse>");
    let from = one.find(start).unwrap();
    let to = one.find(end).unwrap() + end.len();
    let count = request.body.matches("<t:Address>").count();
    Reply::xml(
        200,
        [&one[..from], &one[from..to].repeat(count), &one[to..]].concat(),
    )
}

/// Events as `HH:MM-HH:MM status` of the first of September.
fn lines(free_busy: &FreeBusy) -> Vec<String> {
    let line = |event: &CalendarEvent| {
        let clock = |t: jiff::Timestamp| t.strftime("%H:%M").to_string();
        format!(
            "{}-{} {:?}",
            clock(event.start),
            clock(event.end),
            event.status
        )
    };
    let window = day();
    free_busy
        .events_in(&window)
        .map(|event| line(&event.to_owned()))
        .collect()
}

/// What a golden body says of some mailboxes.
async fn read_golden(name: &'static str, names: &[&str]) -> Vec<Outcome> {
    let upstream = Upstream::start(move |_, _| Reply::xml(200, golden(name))).await;
    let names: Vec<_> = names
        .iter()
        .map(|n| mailbox(&format!("{n}@example.com")))
        .collect();
    let mut outcomes = endpoint(&upstream).ask(&names, day(), soon()).await;
    names.iter().map(|n| outcomes.remove(n).unwrap()).collect()
}

#[tokio::test]
async fn the_request_is_what_old_servers_want() {
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let mut settings = ews_settings(&upstream);
    settings.role_accounts[0].username = Some(r"CORP\svc-ü".into());
    ask_anna(&backend(settings)).await.unwrap();
    let requests = upstream.requests();
    let [request] = requests.as_slice() else {
        panic!("{} requests", requests.len());
    };
    let header = |name| request.header(name).unwrap_or_default();
    assert!(
        request
            .head
            .starts_with("POST /EWS/Exchange.asmx HTTP/1.1\r\n")
    );
    assert_eq!(header("content-type"), "text/xml; charset=utf-8");
    assert_eq!(header("return-client-request-id"), "true");
    assert!(uuid::Uuid::parse_str(header("client-request-id")).is_ok());
    assert!(header("user-agent").starts_with("calbridge/"));
    assert!(header("accept-encoding").contains("gzip"));
    let via = header("X-Calbridge-Via");
    assert!(uuid::Uuid::parse_str(via).is_ok(), "our own id: {via}");
    assert_eq!(request.user(), r"CORP\svc-ü");
    assert!(request.body.contains("Exchange2013_SP1"));
    assert!(request.body.contains("anna@example.com"));
}

#[tokio::test]
async fn the_way_that_a_question_came_goes_along() {
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let instance = instance();
    let backend = Ews::new("hq", ews_settings(&upstream), &instance).unwrap();
    let mut ask = Ask::new(vec![mailbox("anna@example.com")], day());
    ask.via = Via::parse("one, two");
    backend.free_busy(&ask, soon()).await.unwrap();
    assert_eq!(
        upstream.requests()[0].header("x-calbridge-via"),
        Some(format!("one, two, {}", instance.id).as_str())
    );
    assert_eq!(ask.trail.calls(), 1);
    assert_eq!(ask.trail.accounts(), [mailbox("svc@example.com")]);
}

#[tokio::test]
async fn exchange_2007_with_offsets_is_read() {
    let outcomes = read_golden("e2007-rtm-offsets", &["anna"]).await;
    let anna = outcomes[0].as_ref().unwrap();
    assert_eq!(lines(anna), ["08:30-09:15 Busy", "13:00-14:00 Tentative"]);
}

#[tokio::test]
async fn exchange_2010_unsorted_is_read() {
    let outcomes = read_golden("e2010-unsorted", &["anna"]).await;
    let anna = outcomes[0].as_ref().unwrap();
    assert_eq!(
        lines(anna),
        [
            "08:00-08:30 Busy",
            "10:00-10:00 Free",
            "15:00-16:00 OutOfOffice"
        ]
    );
    assert_eq!(anna.detail(), Detail::Subjects);
    let last = anna.events().next_back().and_then(|e| e.details);
    assert_eq!(last.unwrap().subject, Some("Dentist & lunch"));
}

#[tokio::test]
async fn exchange_2016_is_read_and_private_stays_private() {
    let outcomes = read_golden("e2016-two-mailboxes", &["anna", "bert"]).await;
    let anna = outcomes[0].as_ref().unwrap();
    assert_eq!(
        lines(anna),
        ["07:15-07:45 WorkingElsewhere", "09:00-11:00 Busy"]
    );
    let private = anna.events().nth(1).unwrap().details.unwrap();
    assert!(private.flags.private);
    assert_eq!(
        (private.subject, private.location, private.id),
        (None, None, None)
    );
    let hours = anna.working_hours.as_deref().unwrap();
    assert_eq!(hours.zone.bias_minutes, -60);
    assert_eq!(hours.periods[0].start_minute, 450);
    assert_eq!(outcomes[1], Err(MailboxError::NotFound));
}

#[tokio::test]
async fn exchange_online_is_read_and_an_unknown_is_never_free() {
    let names = ["anna", "bert", "cora", "dora"];
    let outcomes = read_golden("online-mixed", &names).await;
    assert!(outcomes[0].as_ref().unwrap().is_empty());
    assert_eq!(outcomes[1], Err(MailboxError::NoAccess));
    let list = outcomes[2].as_ref().unwrap();
    assert_eq!(list.detail(), Detail::DigitsOnly);
    let status_of = |s| list.events().any(|e| e.status == s);
    assert!(status_of(BusyStatus::NoData) && status_of(BusyStatus::Busy));
    let nothing = outcomes[3].as_ref();
    let free = nothing.is_ok_and(|n| n.events().all(|e| e.status != BusyStatus::NoData));
    assert!(!free, "a view of None says nothing: {nothing:?}");
}

#[tokio::test]
async fn gromox_is_read() {
    let outcomes = read_golden("gromox-offsets", &["anna", "bert"]).await;
    let anna = outcomes[0].as_ref().unwrap();
    assert_eq!(lines(anna), ["10:00-11:30 Busy", "14:00-14:20 Busy"]);
    assert_eq!(outcomes[1], Err(MailboxError::NotFound));
}

#[tokio::test]
async fn a_window_of_62_days_takes_two_calls_and_an_event_of_both_stands_once() {
    let body = golden("e2016-one-event")
        .replace("2026-09-01T09:00:00", "2026-10-12T20:00:00")
        .replace("2026-09-01T09:30:00", "2026-10-13T04:00:00");
    let upstream = Upstream::start(move |_, _| Reply::xml(200, body.clone())).await;
    let anna = [mailbox("anna@example.com")];
    let window = window("2026-09-01T00:00Z", "2026-11-02T00:00Z");
    let outcomes = endpoint(&upstream).ask(&anna, window, soon()).await;
    assert_eq!(outcomes[&anna[0]].as_ref().unwrap().len(), 1);
    let requests = upstream.requests();
    assert_eq!(requests.len(), 2);
    let asks = |text: &str| requests.iter().filter(|r| r.body.contains(text)).count();
    assert_eq!(asks("2026-09-01T00:00:00"), 1);
    assert_eq!(
        asks("2026-10-13T00:00:00"),
        2,
        "the end of one, the start of the other"
    );
    assert_eq!(asks("2026-11-02T00:00:00"), 1);
}

#[tokio::test]
async fn mailboxes_beyond_a_hundred_take_further_calls() {
    let upstream = Upstream::start(|_, request| busy_for_all(request)).await;
    let names: Vec<_> = (0..250)
        .map(|n| mailbox(&format!("m{n}@example.com")))
        .collect();
    let outcomes = endpoint(&upstream).ask(&names, day(), soon()).await;
    assert_eq!(outcomes.len(), 250);
    assert!(
        outcomes
            .values()
            .all(|o| lines(o.as_ref().unwrap()) == ["09:00-09:30 Busy"])
    );
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn a_mailbox_is_resolved_by_asking_about_a_moment() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Reply::xml(200, golden("e2016-one-event")),
        1 => Reply::xml(200, not_found()),
        2 => Reply::xml(200, golden("mailbox-server-busy")),
        _ => Reply::status(500, &[]),
    })
    .await;
    let endpoint = endpoint(&upstream);
    let anna = mailbox("anna@example.com");
    let known = endpoint.resolve(&anna, soon()).await.unwrap();
    assert_eq!(known.as_deref(), Some("anna@example.com"));
    assert_eq!(endpoint.resolve(&anna, soon()).await.unwrap(), None);
    let busy = endpoint.resolve(&anna, soon()).await.unwrap_err();
    assert_eq!(
        busy.label(),
        "throttled",
        "whether there is one is not known"
    );
}

#[tokio::test]
async fn a_probe_makes_a_real_call() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Reply::xml(200, not_found()),
        _ => Reply::status(503, &[]),
    })
    .await;
    let endpoint = endpoint(&upstream);
    endpoint.probe(soon()).await.unwrap();
    assert!(upstream.requests()[0].body.contains("svc@example.com"));
    assert!(endpoint.probe(soon()).await.is_err());
}

/// The second mailbox of a golden body, alone: there is no such mailbox.
fn not_found() -> String {
    let both = golden("e2016-two-mailboxes");
    let first = both.find("<FreeBusyResponse>").unwrap();
    let second = both.rfind("<FreeBusyResponse>").unwrap();
    [&both[..first], &both[second..]].concat()
}
