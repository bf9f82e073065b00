//! A directory that fails at first: by a clock that stands still until it is put forward.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::backend::endpoint::{Endpoint, Guard};
use crate::backend::instance::Instance;
use crate::backend::rooms::{Found, OutsideRequests, RoomSource, ToldRooms};
use crate::backend::{Ask, Backend, EndpointError, Limits};
use crate::domain::{CallerId, Detail, FixedClock, Listed, MailDomain, Outcome, Room};
use crate::service::settings::ServiceSettings;

/// Whoever is asked for by name is Anna, from the call on that has this number; before, it hangs.
struct Directory {
    well_from: usize,
    /// What is said instead of the first mailbox.
    odd: Option<EndpointError>,
    /// How long each call takes.
    takes: Duration,
    calls: AtomicUsize,
}

#[async_trait]
impl Backend for Directory {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn free_busy(
        &self,
        _: &Ask,
        _: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        panic!("a name is no question about free time");
    }

    async fn resolve(&self, _: &SmtpAddress, _: Instant) -> Result<Name, EndpointError> {
        panic!("that there is such a mailbox is known");
    }

    async fn probe(&self, _: Instant) -> Result<(), EndpointError> {
        Ok(())
    }

    fn room_source(&self) -> Option<&dyn RoomSource> {
        Some(self)
    }
}

#[async_trait]
impl RoomSource for Directory {
    async fn room_lists(&self, _: Instant) -> Result<Vec<Listed>, EndpointError> {
        Ok(Vec::new())
    }

    async fn rooms(&self, _: &SmtpAddress, _: Instant) -> Result<Option<ToldRooms>, EndpointError> {
        Ok(None)
    }

    async fn room(&self, room: &SmtpAddress, _: Instant) -> Result<Option<Room>, EndpointError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.well_from {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(self.takes).await;
        match &self.odd {
            Some(error) if *room == mailbox(0) => return Err(error.clone()),
            Some(_) | None => {}
        }
        let listed = Listed::parse(&format!("Anna Ahrens <{room}>"));
        Ok(listed.ok().map(Room::new))
    }

    fn has_details(&self) -> bool {
        true
    }

    async fn expand(
        &self,
        _: &SmtpAddress,
        _: Instant,
    ) -> Result<Option<Vec<Listed>>, EndpointError> {
        Ok(None)
    }

    async fn search(&self, _: &str, _: Instant) -> Result<Found, EndpointError> {
        Ok(Found::default())
    }

    fn outside_requests(&self, _: &SmtpAddress) -> OutsideRequests {
        OutsideRequests::Unknown {
            look_up: String::new(),
        }
    }
}

struct World {
    directory: Arc<Directory>,
    names: Names,
}

impl World {
    async fn new(well_from: usize) -> Self {
        Self::over(Directory {
            well_from,
            odd: None,
            takes: Duration::ZERO,
            calls: AtomicUsize::new(0),
        })
        .await
    }

    async fn over(directory: Directory) -> Self {
        let directory = Arc::new(directory);
        let instance = Instance::new(Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH)));
        let domain = MailDomain::parse("x.example").unwrap();
        let endpoint = Endpoint::new(
            "hq",
            [domain],
            Guard::default(),
            directory.clone(),
            &instance,
        );
        let settings = ServiceSettings::default();
        let availability = Availability::new(vec![Arc::new(endpoint)], &settings, &instance);
        availability.refresh_rooms().await;
        let names = Names::new(Arc::new(availability));
        assert!(names.are_told());
        Self { directory, names }
    }

    /// What so many mailboxes are called, and the calls that were made for it.
    async fn ask(&self, mailboxes: usize) -> (Vec<Name>, usize) {
        let before = self.directory.calls.load(Ordering::SeqCst);
        let caller = Caller::new(CallerId::Face("x".into()), Detail::BusyOnly);
        let mailboxes: Vec<_> = (0..mailboxes).map(mailbox).collect();
        let mut names = vec![None; mailboxes.len()];
        let wanted = mailboxes.iter().zip(&mut names).collect();
        let deadline = Instant::now() + Duration::from_secs(25);
        self.names.ask(&caller, wanted, deadline).await;
        (names, self.directory.calls.load(Ordering::SeqCst) - before)
    }
}

fn mailbox(number: usize) -> SmtpAddress {
    SmtpAddress::parse(&format!("m{number}@x.example")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_no_answer_and_costs_little() {
    let world = World::new(AT_ONCE).await;
    let begun = Instant::now();
    let (names, calls) = world.ask(20).await;
    assert_eq!((names, calls), (vec![None; 20], AT_ONCE));
    assert_eq!(begun.elapsed(), PATIENCE);
    let (_, calls) = world.ask(20).await;
    assert_eq!(calls, 0, "it is left alone");
    assert_eq!(begun.elapsed(), PATIENCE, "nobody waits for it");
    tokio::time::advance(REST).await;
    let anna: Name = Some("Anna Ahrens".into());
    assert_eq!(world.ask(20).await, (vec![anna.clone(); 20], 20));
    assert_eq!(world.names.known(&mailbox(0)), Some(anna));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_the_same_name_waits_for_the_same_call() {
    let world = World::new(0).await;
    let (one, other) = tokio::join!(world.ask(1), world.ask(1));
    assert_eq!(one.0, other.0);
    assert_eq!(world.directory.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_whose_name_is_not_told_costs_no_other_name() {
    let fault = EndpointError::Fault {
        code: "ErrorInternalServerTransientError".into(),
        text: String::new().into(),
        transient: true,
    };
    for (odd, again) in [(EndpointError::BadAnswer("".into()), 0), (fault, 1)] {
        let world = World::over(Directory {
            well_from: 0,
            odd: Some(odd),
            takes: Duration::ZERO,
            calls: AtomicUsize::new(0),
        })
        .await;
        let mut expect: Vec<Name> = vec![Some("Anna Ahrens".into()); 20];
        expect[0] = None;
        assert_eq!(world.ask(20).await, (expect.clone(), 20));
        // What failed is asked for again, since the directory is not left alone.
        assert_eq!(world.ask(20).await, (expect, again));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_directory_is_not_left_alone() {
    let world = World::over(Directory {
        well_from: 0,
        odd: None,
        takes: PATIENCE * 3 / 4,
        calls: AtomicUsize::new(0),
    })
    .await;
    for told in [AT_ONCE, 2 * AT_ONCE] {
        let (names, calls) = world.ask(20).await;
        assert!(calls > 0);
        assert_eq!(names.iter().flatten().count(), told);
    }
}
