//! The service over endpoints that answer from memory: routes, fallbacks, policy, and who may ask on whose behalf.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::settings::{
    AliasSettings, EndpointService, PermitSettings, RoutingSettings, ServiceSettings,
};
use super::*;
use crate::backend::endpoint::Guard;
use crate::backend::{Ask, Backend, EndpointError, Limits};
use crate::domain::via::Via;
use crate::domain::{
    AttendeeRole, BusyStatus, CalendarEvent, Clock, DomainPattern, EventDetails, FreeBusy,
    MailDomain, MailboxPattern, TimeWindow,
};
use crate::metrics::{CacheResult, Metrics};

mod places;

/// Has the mailboxes it is given; remembers who was asked for.
struct Memory {
    has: Vec<&'static str>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Backend for Memory {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        _: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        let answer = |mailbox: &SmtpAddress| {
            self.asked.lock().unwrap().push(mailbox.to_string());
            let known = self.has.contains(&mailbox.as_str());
            (
                mailbox.clone(),
                if known {
                    Ok(calendar())
                } else {
                    Err(MailboxError::NotFound)
                },
            )
        };
        Ok(ask.mailboxes.iter().map(answer).collect())
    }

    async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        _: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        Ok(self
            .has
            .contains(&mailbox.as_str())
            .then(|| mailbox.as_str().into()))
    }

    async fn probe(&self, _: Instant) -> Result<(), EndpointError> {
        Ok(())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn calendar() -> FreeBusy {
    let details = EventDetails {
        subject: Some("Title".into()),
        ..EventDetails::default()
    };
    let (start, end) = (at("2026-09-01T09:00Z"), at("2026-09-01T10:00Z"));
    let event = CalendarEvent {
        start,
        end,
        status: BusyStatus::Busy,
        details: Some(details.into()),
    };
    FreeBusy::new(vec![event], Detail::Subjects, None)
}

struct HandClock(Mutex<Timestamp>);

impl HandClock {
    fn advance(&self, minutes: i64) {
        *self.0.lock().unwrap() += jiff::SignedDuration::from_mins(minutes);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct World {
    service: Availability,
    backends: Vec<Arc<Memory>>,
    clock: Arc<HandClock>,
    metrics: Arc<Metrics>,
    id: InstanceId,
}

/// Endpoints as (domain, mailboxes).
fn world(endpoints: &[(&str, &[&'static str])], settings: &ServiceSettings) -> World {
    let clock = Arc::new(HandClock(Mutex::new(at("2026-09-01T00:00Z"))));
    let names: Vec<_> = endpoints.iter().map(|(domain, _)| *domain).collect();
    let metrics = Arc::new(Metrics::new(&names));
    let instance = Instance::new(clock.clone()).counting(Arc::clone(&metrics));
    let backends: Vec<_> = endpoints
        .iter()
        .map(|(_, has)| {
            Arc::new(Memory {
                has: has.to_vec(),
                asked: Mutex::default(),
            })
        })
        .collect();
    let made = endpoints
        .iter()
        .zip(&backends)
        .map(|((domain, _), backend)| {
            let domains = vec![DomainPattern::parse(domain).unwrap()];
            Arc::new(Endpoint::new(
                domain,
                domains,
                Guard::default(),
                backend.clone(),
                &instance,
            ))
        });
    let service = Availability::new(made.collect(), settings, &instance);
    World {
        service,
        backends,
        clock,
        metrics,
        id: instance.id,
    }
}

impl World {
    async fn ask(&self, mailboxes: &[&str], origin: Origin) -> (Vec<Outcome>, Vec<Explanation>) {
        let attendees = mailboxes.iter().map(|mailbox| Attendee {
            mailbox: SmtpAddress::parse(mailbox).map_err(|_| MailboxError::InvalidAddress),
            role: AttendeeRole::Required,
            exclude_conflicts: false,
        });
        let query = AvailabilityQuery {
            caller: Arc::new(Caller::of_account(
                SmtpAddress::parse("role@x.example").unwrap(),
                Detail::Subjects,
            )),
            attendees: attendees.collect(),
            window: TimeWindow::new(at("2026-09-01T00:00Z"), at("2026-09-02T00:00Z")).unwrap(),
            detail: Detail::Subjects,
            origin,
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        let (answer, explained) = self.service.answer_explained(&query, deadline).await;
        (answer.per_mailbox, explained)
    }

    /// A letter for each mailbox: `k`nown, not `f`ound, no `a`ccess, `l`oop, `i`nvalid.
    async fn letters(&self, mailboxes: &[&str], origin: Origin) -> String {
        let letter = |outcome: &Outcome| match outcome {
            Ok(_) => 'k',
            Err(MailboxError::NotFound) => 'f',
            Err(MailboxError::NoAccess) => 'a',
            Err(MailboxError::Loop) => 'l',
            Err(MailboxError::InvalidAddress) => 'i',
            Err(other) => panic!("{other:?}"),
        };
        self.ask(mailboxes, origin)
            .await
            .0
            .iter()
            .map(letter)
            .collect()
    }

    fn asked(&self, endpoint: usize) -> Vec<String> {
        std::mem::take(&mut *self.backends[endpoint].asked.lock().unwrap())
    }
}

const TWO: [(&str, &[&str]); 2] = [
    ("old.example", &["stays@old.example"]),
    ("cloud.example", &["moved@old.example", "new@cloud.example"]),
];

fn with_fallback() -> ServiceSettings {
    let first = EndpointService {
        fallback: Some(1),
        ..EndpointService::default()
    };
    ServiceSettings {
        endpoints: vec![first],
        ..ServiceSettings::default()
    }
}

#[tokio::test]
async fn every_attendee_keeps_its_place() {
    let world = world(&TWO, &ServiceSettings::default());
    let asked = [
        "new@cloud.example",
        "nonsense",
        "stays@old.example",
        "x@elsewhere.example",
        "new@cloud.example",
        "no@old.example",
    ];
    assert_eq!(world.letters(&asked, Origin::default()).await, "kikfkf");
    assert_eq!(
        world.asked(1),
        ["new@cloud.example"],
        "one question for two entries"
    );
}

#[tokio::test]
async fn a_mailbox_that_moved_is_found_and_asked_for_there_the_next_time() {
    let world = world(&TWO, &with_fallback());
    let (outcomes, explained) = world
        .ask(
            &["moved@old.example", "stays@old.example"],
            Origin::default(),
        )
        .await;
    assert!(outcomes.iter().all(Result::is_ok));
    let fallback = |explained: &Explanation| {
        explained
            .route
            .as_ref()
            .and_then(|route| route.fallback.clone())
    };
    assert_eq!(
        explained.iter().map(fallback).collect::<Vec<_>>(),
        [Some("cloud.example".into()), None]
    );
    assert_eq!(world.asked(0).len(), 2);
    world.clock.advance(10);
    assert_eq!(
        world
            .letters(&["moved@old.example"], Origin::default())
            .await,
        "k"
    );
    assert!(world.asked(0).is_empty(), "its place is remembered");
    assert_eq!(
        world
            .letters(&["nobody@old.example"], Origin::default())
            .await,
        "f"
    );
    assert_eq!((world.asked(0).len(), world.asked(1).len()), (1, 3));
}

#[tokio::test]
async fn rules_hold_for_the_asked_and_for_the_final_address() {
    let settings = ServiceSettings {
        permit: PermitSettings {
            deny: vec![MailboxPattern::parse("stays@old.example").unwrap()],
            only: None,
        },
        routing: RoutingSettings {
            aliases: vec![AliasSettings {
                external: MailDomain::parse("outside.example").unwrap(),
                internal: MailDomain::parse("old.example").unwrap(),
            }],
            ..RoutingSettings::default()
        },
        ..with_fallback()
    };
    let world = world(&TWO, &settings);
    let asked = [
        "stays@old.example",
        "stays@outside.example",
        "moved@outside.example",
    ];
    assert_eq!(world.letters(&asked, Origin::default()).await, "aak");
    let caller = Caller::of_account(
        SmtpAddress::parse("role@x.example").unwrap(),
        Detail::Subjects,
    );
    let deadline = Instant::now() + Duration::from_secs(5);
    let name = async |text: &str| {
        world
            .service
            .resolve(&caller, &SmtpAddress::parse(text).unwrap(), deadline)
            .await
            .unwrap()
    };
    assert_eq!(
        name("moved@outside.example").await.as_deref(),
        Some("moved@outside.example")
    );
    assert_eq!(name("stays@outside.example").await, None);
}

#[tokio::test]
async fn a_question_that_comes_back_is_refused() {
    let world = world(&TWO, &ServiceSettings::default());
    let via = |text: &str| Origin {
        via: Via::parse(text),
        ..Origin::default()
    };
    let asked = ["stays@old.example", "nonsense"];
    assert_eq!(world.letters(&asked, via("a, b, c")).await, "ki");
    assert_eq!(world.letters(&asked, via("a, b, c, d")).await, "li");
    assert_eq!(world.letters(&asked, via(world.id.as_str())).await, "li");
}

#[tokio::test]
async fn other_forests_are_answered_where_it_is_allowed() {
    let open = EndpointService {
        answer_cross_forest: true,
        ..EndpointService::default()
    };
    let settings = ServiceSettings {
        endpoints: vec![EndpointService::default(), open],
        ..ServiceSettings::default()
    };
    let world = world(&TWO, &settings);
    let origin = Origin {
        cross_forest: true,
        ..Origin::default()
    };
    assert_eq!(
        world
            .letters(&["stays@old.example", "new@cloud.example"], origin)
            .await,
        "lk"
    );
    assert!(world.asked(0).is_empty());
}

#[tokio::test]
async fn a_fallback_is_no_way_around_what_other_forests_may_ask() {
    let open_with_fallback = EndpointService {
        answer_cross_forest: true,
        fallback: Some(1),
        ..EndpointService::default()
    };
    let settings = ServiceSettings {
        endpoints: vec![open_with_fallback],
        ..ServiceSettings::default()
    };
    let world = world(&TWO, &settings);
    let foreign = || Origin {
        cross_forest: true,
        ..Origin::default()
    };
    let asked = ["stays@old.example", "moved@old.example"];
    assert_eq!(world.letters(&asked, foreign()).await, "kl");
    assert!(world.asked(1).is_empty(), "it answers no other forest");
    assert_eq!(world.letters(&asked, Origin::default()).await, "kk");
    assert_eq!(world.asked(1), ["moved@old.example"]);
    assert_eq!(
        world.letters(&asked, foreign()).await,
        "kl",
        "also where it was found lately"
    );
    assert!(world.asked(1).is_empty());
}

#[tokio::test]
async fn details_are_withheld_after_the_cache() {
    let mut settings = ServiceSettings::default();
    settings.sharing.event_details = false;
    let world = world(&TWO, &settings);
    for from in [CacheResult::Miss, CacheResult::Hit] {
        let (outcomes, explained) = world.ask(&["stays@old.example"], Origin::default()).await;
        assert_eq!(
            explained[0].asked.as_ref().map(|asked| asked.cache),
            Some(from)
        );
        let known = outcomes[0].as_ref().unwrap();
        assert_eq!(known.detail(), Detail::BusyOnly);
        assert!(known.events().all(|event| event.details.is_none()));
    }
}
