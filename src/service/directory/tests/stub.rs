//! An endpoint that knows rooms, in memory: it counts what it is asked and fails when it is told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backend::endpoint::{Endpoint, Guard};
use crate::backend::instance::Instance;
use crate::backend::rooms::{Found, OutsideRequests, RoomSource, ToldRooms};
use crate::backend::{Ask, Backend, EndpointError, Limits};
use crate::domain::{
    BusyStatus, CalendarEvent, Caller, Detail, EventDetails, FixedClock, FreeBusy, Listed,
    MailDomain, MailboxError, Outcome, Room, RoomEntry, RoomList, SmtpAddress,
};
use crate::service::Availability;
use crate::service::settings::ServiceSettings;

pub(super) fn address(text: &str) -> SmtpAddress {
    SmtpAddress::parse(text).unwrap()
}

pub(super) fn room(text: &str) -> Room {
    Room::new(Listed::parse(text).unwrap())
}

pub(super) fn list(text: &str, rooms: &[&str]) -> RoomList {
    RoomList {
        listed: Listed::parse(text).unwrap(),
        rooms: rooms.iter().map(|text| room(text)).collect(),
    }
}

#[derive(Default)]
pub(super) struct Stub {
    pub(super) lists: Mutex<Vec<RoomList>>,
    pub(super) people: Vec<Listed>,
    /// The rooms cannot be read.
    pub(super) fails: AtomicBool,
    /// The rooms are not told, now or later.
    pub(super) refuses: AtomicBool,
    /// The rooms of this list are not told.
    pub(super) refused_list: Mutex<Option<SmtpAddress>>,
    /// This list is named, and not found when its rooms are asked for.
    pub(super) lost_list: Mutex<Option<SmtpAddress>>,
    /// Why the rooms of some lists are not told.
    pub(super) odd_lists: Mutex<BTreeMap<SmtpAddress, EndpointError>>,
    /// How often the rooms of any list were asked for.
    pub(super) lists_asked: AtomicUsize,
    /// Why nothing else is told of some rooms; where it is empty, of none.
    pub(super) secretive: BTreeMap<SmtpAddress, EndpointError>,
    /// What was asked for its details.
    pub(super) detailed: Mutex<Vec<SmtpAddress>>,
    /// The rooms are never told, and never refused.
    pub(super) hangs: AtomicBool,
    /// A search says that there are others.
    pub(super) more: bool,
    /// The members of lists that are none of rooms.
    pub(super) groups: BTreeMap<SmtpAddress, Vec<Listed>>,
    /// What was asked for its members.
    pub(super) expanded: Mutex<Vec<SmtpAddress>>,
    /// Calls for members that were under way at once, and the most of them.
    pub(super) expanding: (AtomicUsize, AtomicUsize),
    pub(super) refreshes: AtomicUsize,
    /// Of these mailboxes merged times alone are told, as of lists.
    pub(super) merged: Vec<SmtpAddress>,
    /// Mailboxes that are not found.
    pub(super) absent: Mutex<Vec<SmtpAddress>>,
    /// Calls for calendars fail.
    pub(super) is_down: AtomicBool,
    /// The mailboxes of each call that was begun.
    pub(super) asked: Mutex<Vec<Vec<SmtpAddress>>>,
    /// Calls for more than one mailbox wait until they are let go.
    pub(super) holds: AtomicBool,
    pub(super) let_go: Notify,
}

impl Stub {
    pub(super) fn with(lists: Vec<RoomList>) -> Arc<Self> {
        Arc::new(Self {
            lists: Mutex::new(lists),
            ..Self::default()
        })
    }

    pub(super) fn take_asked(&self) -> Vec<Vec<SmtpAddress>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Backend for Stub {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn free_busy(
        &self,
        ask: &Ask,
        _deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        self.asked.lock().unwrap().push(ask.mailboxes.clone());
        if self.is_down.load(Ordering::SeqCst) {
            return Err(EndpointError::Status(503));
        }
        if self.holds.load(Ordering::SeqCst) && ask.mailboxes.len() > 1 {
            self.let_go.notified().await;
        }
        let event = CalendarEvent {
            start: ask.window.start(),
            end: ask.window.start() + jiff::SignedDuration::from_hours(1),
            status: BusyStatus::Busy,
            details: Some(Arc::new(EventDetails {
                subject: Some("Secret plan".into()),
                ..EventDetails::default()
            })),
        };
        let known = || FreeBusy::new(vec![event.clone()], Detail::Subjects, None);
        let told = |mailbox: &SmtpAddress| {
            if mailbox.local_part() == "crowd" {
                Err(MailboxError::ListTooLong)
            } else if self.absent.lock().unwrap().contains(mailbox) {
                Err(MailboxError::NotFound)
            } else if self.merged.contains(mailbox) {
                Ok(known().stripped_to(Detail::DigitsOnly))
            } else {
                Ok(known())
            }
        };
        let mailboxes = ask.mailboxes.iter();
        Ok(mailboxes
            .map(|mailbox| (mailbox.clone(), told(mailbox)))
            .collect())
    }

    async fn resolve(
        &self,
        mailbox: &SmtpAddress,
        _deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        // As some servers do: whatever has an address is there.
        Ok(Some(mailbox.as_str().into()))
    }

    async fn probe(&self, _deadline: Instant) -> Result<(), EndpointError> {
        Ok(())
    }

    fn room_source(&self) -> Option<&dyn RoomSource> {
        Some(self)
    }
}

#[async_trait]
impl RoomSource for Stub {
    async fn room_lists(&self, _: Instant) -> Result<Vec<Listed>, EndpointError> {
        self.refreshes.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(EndpointError::Status(503));
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(refusal());
        }
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let lists = self.lists.lock().unwrap();
        Ok(lists.iter().map(|list| list.listed.clone()).collect())
    }

    async fn rooms(
        &self,
        list: &SmtpAddress,
        _: Instant,
    ) -> Result<Option<ToldRooms>, EndpointError> {
        self.lists_asked.fetch_add(1, Ordering::SeqCst);
        if self.refused_list.lock().unwrap().as_ref() == Some(list) {
            return Err(refusal());
        }
        if self.lost_list.lock().unwrap().as_ref() == Some(list) {
            return Ok(None);
        }
        if let Some(error) = self.odd_lists.lock().unwrap().get(list) {
            return Err(error.clone());
        }
        let lists = self.lists.lock().unwrap();
        let known = lists.iter().find(|known| known.listed.address == *list);
        Ok(known.map(|known| ToldRooms {
            rooms: known.rooms.clone(),
            may_have_more: false,
        }))
    }

    async fn room(&self, room: &SmtpAddress, _: Instant) -> Result<Option<Room>, EndpointError> {
        self.detailed.lock().unwrap().push(room.clone());
        if let Some(error) = self.secretive.get(room) {
            return Err(error.clone());
        }
        let mut told = Room::new(Listed::unnamed(room.clone()));
        told.details.building = Some("Annex".into());
        Ok(Some(told))
    }

    fn has_details(&self) -> bool {
        !self.secretive.is_empty()
    }

    async fn expand(
        &self,
        list: &SmtpAddress,
        _: Instant,
    ) -> Result<Option<Vec<Listed>>, EndpointError> {
        self.expanded.lock().unwrap().push(list.clone());
        let (now, most) = &self.expanding;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        now.fetch_sub(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(EndpointError::Status(503));
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(refusal());
        }
        Ok(self.groups.get(list).cloned())
    }

    async fn search(&self, name: &str, _: Instant) -> Result<Found, EndpointError> {
        let people = self.people.iter().filter(|person| person.is_called(name));
        Ok(Found {
            listed: people.cloned().collect(),
            more: self.more,
        })
    }

    fn outside_requests(&self, _: &SmtpAddress) -> OutsideRequests {
        OutsideRequests::Accepted
    }
}

pub(super) fn refusal() -> EndpointError {
    EndpointError::Fault {
        code: "ErrorAccessDenied".into(),
        text: "not for you".into(),
        transient: false,
    }
}

/// A Tuesday, ten o'clock.
pub(super) fn now() -> Timestamp {
    "2026-09-01T10:00Z".parse().unwrap()
}

fn instance() -> Instance {
    Instance::new(Arc::new(FixedClock(now())))
}

pub(super) fn endpoint(name: &str, domain: &str, stub: &Arc<Stub>, calls: usize) -> Arc<Endpoint> {
    endpoint_with(name, domain, stub, (calls, Vec::new()))
}

/// The same, with rooms that the configuration names.
pub(super) fn endpoint_with(
    name: &str,
    domain: &str,
    stub: &Arc<Stub>,
    (calls, written): (usize, Vec<RoomEntry>),
) -> Arc<Endpoint> {
    let guard = Guard {
        max_concurrency: calls,
        ..Guard::default()
    };
    let endpoint = guarded(name, domain, stub, guard);
    Arc::new(endpoint.with_rooms(written))
}

pub(super) fn guarded(name: &str, domain: &str, stub: &Arc<Stub>, guard: Guard) -> Endpoint {
    let domain = MailDomain::parse(domain).unwrap();
    let backend = Arc::clone(stub) as Arc<dyn Backend>;
    Endpoint::new(name, [domain], guard, backend, &instance())
}

pub(super) fn service(
    endpoints: Vec<Arc<Endpoint>>,
    settings: &ServiceSettings,
) -> Arc<Availability> {
    Arc::new(Availability::new(endpoints, settings, &instance()))
}

pub(super) fn caller() -> Caller {
    Caller::of_account(address("interop@example.com"), Detail::Subjects)
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}
