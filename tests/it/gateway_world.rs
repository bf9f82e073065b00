//! The gateway for a test: the real server with the real EWS face and service in front of calendars held in memory, and
//! SOAP requests made from a few words. Knows nothing of how answers are judged.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use calbridge::backend::endpoint::{Endpoint, Guard};
use calbridge::backend::instance::Instance;
use calbridge::backend::{Ask, Backend, EndpointError, Limits};
use calbridge::domain::{
    BusyStatus, CalendarEvent, Caller, Detail, EventDetails, FixedClock, FreeBusy, MailDomain,
    MailboxError, Outcome, SmtpAddress,
};
use calbridge::face::ews::EwsFace;
use calbridge::server::settings::ServerSettings;
use calbridge::service::Availability;
use calbridge::service::settings::{
    CacheLifetimes, CacheSettings, ServiceSettings, SharingSettings,
};
use jiff::Timestamp;
use tokio::sync::Barrier;
use tokio::time::Instant;

use crate::world::{ACCOUNT, TestServer};

pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
pub(crate) const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";

/// Calendars in memory, answered whole whatever the window. An address that is not in it is not found.
#[derive(Default)]
pub(crate) struct MemoryBackend {
    known: Mutex<HashMap<SmtpAddress, Outcome>>,
    asked: Mutex<Vec<Vec<SmtpAddress>>>,
    /// Never answers.
    hangs: bool,
    /// Every call waits for as many others as the barrier wants.
    together: Option<Barrier>,
}

impl MemoryBackend {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn hanging() -> Arc<Self> {
        Arc::new(Self {
            hangs: true,
            ..Self::default()
        })
    }

    /// Answers only when `count` calls are there at the same time.
    pub(crate) fn together(count: usize) -> Arc<Self> {
        Arc::new(Self {
            together: Some(Barrier::new(count)),
            ..Self::default()
        })
    }

    /// A mailbox with these events, known in full detail.
    pub(crate) fn put(&self, address: &str, events: Vec<CalendarEvent>) {
        self.put_outcome(address, Ok(FreeBusy::new(events, Detail::Subjects, None)));
    }

    pub(crate) fn put_outcome(&self, address: &str, outcome: Outcome) {
        let address = SmtpAddress::parse(address).unwrap();
        self.known.lock().unwrap().insert(address, outcome);
    }

    /// The mailboxes of each call since the last time this was read.
    pub(crate) fn take_asked(&self) -> Vec<Vec<SmtpAddress>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    async fn wait(&self) {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        if let Some(barrier) = &self.together {
            barrier.wait().await;
        }
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        _deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        self.asked.lock().unwrap().push(ask.mailboxes.clone());
        self.wait().await;
        let known = self.known.lock().unwrap();
        let outcome = |mailbox: &SmtpAddress| {
            let outcome = known.get(mailbox).cloned();
            (
                mailbox.clone(),
                outcome.unwrap_or(Err(MailboxError::NotFound)),
            )
        };
        Ok(ask.mailboxes.iter().map(outcome).collect())
    }

    async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        _deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        self.wait().await;
        let is_known = self.known.lock().unwrap().contains_key(mailbox);
        Ok(is_known.then(|| mailbox.as_str().into()))
    }

    async fn probe(&self, _deadline: Instant) -> Result<(), EndpointError> {
        self.wait().await;
        Ok(())
    }
}

/// An event in UTC, times as `2026-09-01T09:00`.
pub(crate) fn event(start: &str, end: &str, status: BusyStatus) -> CalendarEvent {
    let at = |text: &str| format!("{text}Z").parse().unwrap();
    CalendarEvent {
        start: at(start),
        end: at(end),
        status,
        details: None,
    }
}

pub(crate) fn busy(start: &str, end: &str) -> CalendarEvent {
    event(start, end, BusyStatus::Busy)
}

pub(crate) fn with_details(mut event: CalendarEvent, details: EventDetails) -> CalendarEvent {
    event.details = Some(Arc::new(details));
    event
}

/// An endpoint that gets `timeout` for each question.
pub(crate) fn endpoint(
    name: &str,
    domains: &[&str],
    backend: Arc<MemoryBackend>,
    timeout: Duration,
) -> Arc<Endpoint> {
    let domains = domains.iter().map(|d| MailDomain::parse(d).unwrap());
    let guard = Guard {
        timeout,
        max_concurrency: 1000,
        limits: Limits::default(),
        ..Guard::default()
    };
    let instance = Instance::new(Arc::new(FixedClock(Timestamp::UNIX_EPOCH)));
    Arc::new(Endpoint::new(name, domains, guard, backend, &instance))
}

/// A cache that serves nothing twice, so that a test sees what the endpoint says now.
fn forgetful() -> CacheSettings {
    let lifetimes = CacheLifetimes {
        fresh_for: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        unknown_for: Duration::ZERO,
        refused_for: Duration::ZERO,
        outage_for: Duration::ZERO,
    };
    CacheSettings {
        lifetimes,
        ..CacheSettings::default()
    }
}

/// The gateway over these endpoints; `tweak` changes the server's settings first.
pub(crate) async fn gateway(
    endpoints: Vec<Arc<Endpoint>>,
    sharing: SharingSettings,
    tweak: impl FnOnce(&mut ServerSettings),
) -> TestServer {
    let instance = Instance::new(Arc::new(FixedClock(Timestamp::UNIX_EPOCH)));
    let settings = ServiceSettings {
        sharing,
        cache: forgetful(),
        ..ServiceSettings::default()
    };
    let availability = Availability::new(endpoints, &settings, &instance);
    if !sharing.room_booking {
        // As the program does at its start: until then nobody's details are told.
        availability.refresh_rooms().await;
    }
    let availability = Arc::new(availability);
    let face = EwsFace::new(
        availability,
        [Caller::of_account(
            SmtpAddress::parse(ACCOUNT).unwrap(),
            Detail::Subjects,
        )],
    );
    TestServer::with(Arc::new(face), tweak).await
}

/// A SOAP 1.1 envelope with the prefixes `s`, `m` and `t`. An empty `header` leaves the element out.
pub(crate) fn envelope(header: &str, body: &str) -> String {
    let header = if header.is_empty() {
        String::new()
    } else {
        format!("<s:Header>{header}</s:Header>")
    };
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}">{header}<s:Body>{body}</s:Body></s:Envelope>"#
    )
}

pub(crate) fn version(word: &str) -> String {
    format!(r#"<t:RequestServerVersion Version="{word}"/>"#)
}

/// `t:MailboxData` of an attendee who is required.
pub(crate) fn mailbox(address: &str) -> String {
    format!(
        "<t:MailboxData><t:Email><t:Address>{address}</t:Address></t:Email>\
         <t:AttendeeType>Required</t:AttendeeType></t:MailboxData>"
    )
}

pub(crate) fn window(start: &str, end: &str) -> String {
    format!("<t:StartTime>{start}</t:StartTime><t:EndTime>{end}</t:EndTime>")
}

/// An availability request by its parts; [`ask`] gives one that is answered.
#[derive(Clone)]
pub(crate) struct Question<'a> {
    /// Content of the SOAP header.
    pub(crate) header: &'a str,
    /// The content of `t:TimeZone`, or nothing for none.
    pub(crate) zone: &'a str,
    /// Addresses with blanks between.
    pub(crate) mailboxes: &'a str,
    pub(crate) start: &'a str,
    pub(crate) end: &'a str,
    /// As written; nothing leaves the element out.
    pub(crate) interval: &'a str,
    /// As written; nothing leaves the element out.
    pub(crate) view: &'a str,
    pub(crate) free_busy: bool,
    pub(crate) suggestions: bool,
    /// Elements before and after the window that suggestions are wanted in.
    pub(crate) search: &'a str,
    pub(crate) search_window: (&'a str, &'a str),
    pub(crate) search_end: &'a str,
}

/// Anna's working day in UTC with everything that is known of it.
pub(crate) fn ask() -> Question<'static> {
    Question {
        header: r#"<t:RequestServerVersion Version="Exchange2013_SP1"/>"#,
        zone: "",
        mailboxes: "anna@example.com",
        start: "2026-09-01T08:00:00",
        end: "2026-09-01T18:00:00",
        interval: "60",
        view: "DetailedMerged",
        free_busy: true,
        suggestions: false,
        search: "",
        search_window: ("2026-09-01T00:00:00", "2026-09-02T00:00:00"),
        search_end: "",
    }
}

impl Question<'_> {
    pub(crate) fn xml(&self) -> String {
        let mailboxes: String = self.mailboxes.split(' ').map(mailbox).collect();
        self.xml_of(&mailboxes)
    }

    /// With this content of `m:MailboxDataArray`.
    pub(crate) fn xml_of(&self, mailboxes: &str) -> String {
        let zone = element("t:TimeZone", self.zone);
        let (free_busy, suggestions) = (self.free_busy_options(), self.suggestions_options());
        envelope(
            self.header,
            &format!(
                "<m:GetUserAvailabilityRequest>{zone}<m:MailboxDataArray>{mailboxes}</m:MailboxDataArray>\
                 {free_busy}{suggestions}</m:GetUserAvailabilityRequest>"
            ),
        )
    }

    fn free_busy_options(&self) -> String {
        if !self.free_busy {
            return String::new();
        }
        format!(
            "<t:FreeBusyViewOptions><t:TimeWindow>{}</t:TimeWindow>{}{}</t:FreeBusyViewOptions>",
            window(self.start, self.end),
            element("t:MergedFreeBusyIntervalInMinutes", self.interval),
            element("t:RequestedView", self.view),
        )
    }

    fn suggestions_options(&self) -> String {
        if !self.suggestions {
            return String::new();
        }
        format!(
            "<t:SuggestionsViewOptions>{}<t:DetailedSuggestionsWindow>{}</t:DetailedSuggestionsWindow>{}</t:SuggestionsViewOptions>",
            self.search,
            window(self.search_window.0, self.search_window.1),
            self.search_end,
        )
    }
}

fn element(name: &str, content: &str) -> String {
    if content.is_empty() {
        String::new()
    } else {
        format!("<{name}>{content}</{name}>")
    }
}

/// The content of a `SerializableTimeZone`; each rule as `bias time day-order month weekday [year]`.
pub(crate) fn zone(bias: i32, standard: &str, daylight: &str) -> String {
    let rule = |name: &str, rule: &str| {
        let words: Vec<&str> = rule.split(' ').collect();
        let names = ["Bias", "Time", "DayOrder", "Month", "DayOfWeek", "Year"];
        let parts = names.iter().zip(words);
        let parts: String = parts
            .map(|(n, word)| element(&format!("t:{n}"), word))
            .collect();
        element(name, &parts)
    };
    format!(
        "<t:Bias>{bias}</t:Bias>{}{}",
        rule("t:StandardTime", standard),
        rule("t:DaylightTime", daylight)
    )
}

/// Central Europe.
pub(crate) fn berlin() -> String {
    zone(-60, "0 03:00:00 5 10 Sunday", "-60 02:00:00 5 3 Sunday")
}

/// The text of every element with this local name, in order, as written (entities and all). For elements without
/// children.
pub(crate) fn texts(document: &str, local: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in document.split('<').skip(1) {
        let Some((tag, text)) = piece.split_once('>') else {
            continue;
        };
        let name = tag.trim_end_matches('/').split([' ', '\n']).next().unwrap();
        if name.rsplit(':').next() == Some(local) && !name.starts_with('/') {
            found.push(text.to_owned());
        }
    }
    found
}
