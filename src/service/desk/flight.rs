//! Calls in flight and waiting to leave. A question boards a flight that already carries its mailbox over its window; what
//! is left leaves at once while the endpoint has calls to spare, and is collected into one call after another while it has
//! none: nobody waits at an idle endpoint, and a crowd makes few calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{Passage, Trip};
use crate::backend::Trail;
use crate::backend::endpoint::{Asked, Endpoint, Way};
use crate::domain::{MailboxError, Outcome, SmtpAddress, TimeWindow, Trace, Via};
use crate::service::cache::Cache;

/// All flights of one endpoint.
pub(super) struct Flights {
    seat: u32,
    endpoint: Arc<Endpoint>,
    cache: Arc<Cache>,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    /// By mailbox, whatever carries it.
    carrying: HashMap<SmtpAddress, Vec<Arc<Flight>>>,
    /// Not left yet; they still take passengers.
    waiting: Vec<Waiting>,
    in_the_air: usize,
}

struct Waiting {
    flight: Arc<Flight>,
    mailboxes: Vec<SmtpAddress>,
}

/// One question to the endpoint, on behalf of many callers.
struct Flight {
    window: TimeWindow,
    circle: Circle,
    trace: Option<Trace>,
    trail: Trail,
    begun: Instant,
    asked: OnceLock<Asked>,
    /// Closed without a word where the call died.
    landed: watch::Sender<bool>,
}

/// Questions that may share a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Circle {
    /// Questions from elsewhere do not mix with others: each tells the endpoint the way it came.
    via: Via,
    alone: Option<uuid::Uuid>,
    /// How often the cache was dropped before they were asked: who drops it wants something newer than what is on its
    /// way.
    drops: u64,
}

/// What a question asks for, and what is fetched for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) asked: TimeWindow,
    /// What a new flight asks for.
    pub(super) fetched: TimeWindow,
    /// Whether a flight that asks for more than `asked` will not do: it may fail where `asked` alone would not.
    pub(super) exact: bool,
}

impl Span {
    /// Of a question that gets what it asks for, and nothing beside it.
    pub(super) fn exactly(asked: TimeWindow) -> Self {
        Self {
            asked,
            fetched: asked,
            exact: true,
        }
    }

    fn suits(&self, flight: &Flight) -> bool {
        if self.exact {
            flight.window == self.asked
        } else {
            flight.window.contains(&self.asked)
        }
    }
}

/// A place on a flight.
pub(super) struct Ticket {
    mailbox: SmtpAddress,
    flight: Arc<Flight>,
    landed: watch::Receiver<bool>,
    /// The flight was there before this question.
    pub(super) shared: bool,
}

impl Ticket {
    /// The window that the flight asks for.
    pub(super) fn window(&self) -> TimeWindow {
        self.flight.window
    }

    /// What the flight brought and what it took, or that it is late. A server that wants to be left alone is waited for
    /// only where that ends before the deadline and there is nothing older to tell, as `has_older` says.
    pub(super) async fn outcome(
        mut self,
        deadline: Instant,
        has_older: impl Fn() -> bool,
    ) -> (Outcome, Option<Trip>) {
        let landing = timeout_at(deadline, self.landed.wait_for(|landed| *landed));
        let landed = tokio::select! {
            biased;
            landed = landing => landed.map(|landed| landed.is_ok()),
            () = self.flight.trail.rests(|until| until >= deadline || has_older()) => {
                return (Err(MailboxError::Throttled), Some(self.flight.trip()));
            }
        };
        match landed {
            Err(_) => return (Err(MailboxError::Timeout), None),
            Ok(false) => return (Err(MailboxError::EndpointFailed), None),
            Ok(true) => {}
        }
        let Some(asked) = self.flight.asked.get() else {
            return (Err(MailboxError::EndpointFailed), None);
        };
        let outcome = asked.outcomes.get(&self.mailbox).cloned();
        (
            outcome.unwrap_or(Err(MailboxError::EndpointFailed)),
            Some(self.flight.trip()),
        )
    }
}

impl Flight {
    /// What it took so far.
    fn trip(&self) -> Trip {
        Trip {
            calls: self.trail.calls(),
            accounts: self.trail.accounts(),
            took: self
                .asked
                .get()
                .map_or(self.begun.elapsed(), |asked| asked.took),
        }
    }
}

impl Flights {
    pub(super) fn new(seat: u32, endpoint: Arc<Endpoint>, cache: Arc<Cache>) -> Self {
        Self {
            seat,
            endpoint,
            cache,
            board: Mutex::default(),
        }
    }

    /// A ticket for each mailbox, in order.
    pub(super) fn board(
        self: &Arc<Self>,
        mailboxes: Vec<SmtpAddress>,
        span: Span,
        passage: &Passage,
    ) -> Vec<Ticket> {
        let circle = Circle {
            via: passage.via.clone(),
            alone: passage.alone,
            drops: self.cache.drops(),
        };
        let mut board = self.lock();
        let mut tickets = Vec::with_capacity(mailboxes.len());
        let limit = self.endpoint.guard().limits.mailboxes_per_call;
        for mailbox in mailboxes {
            let old = board.find(&mailbox, &span, &circle);
            let shared = old.is_some();
            let book = || board.book(&mailbox, span.fetched, (&circle, &passage.trace), limit);
            let flight = old.unwrap_or_else(book);
            tickets.push(Ticket {
                landed: flight.landed.subscribe(),
                flight,
                mailbox,
                shared,
            });
        }
        self.depart(&mut board);
        tickets
    }

    /// Lets flights leave while the endpoint has calls to spare.
    fn depart(self: &Arc<Self>, board: &mut Board) {
        while board.in_the_air < self.endpoint.guard().max_concurrency && !board.waiting.is_empty()
        {
            let Waiting { flight, mailboxes } = board.waiting.remove(0);
            board.in_the_air += 1;
            let flights = self.clone();
            tokio::spawn(async move { flights.fly(flight, mailboxes).await });
        }
    }

    async fn fly(self: Arc<Self>, flight: Arc<Flight>, mailboxes: Vec<SmtpAddress>) {
        // Lands also when the call panics: those who wait must not wait for ever.
        let landing = Landing {
            flights: &self,
            flight: &flight,
            mailboxes: &mailboxes,
        };
        let asking = self.cache.asking(self.seat);
        let deadline = Instant::now() + self.endpoint.guard().timeout;
        let way = Way {
            via: &flight.circle.via,
            trace: flight.trace.as_ref(),
            trail: Some(&flight.trail),
        };
        let endpoint = &self.endpoint;
        let mut asked = endpoint
            .ask_via(&mailboxes, flight.window, way, deadline)
            .await;
        for (mailbox, outcome) in &asked.outcomes {
            // Nothing was learned where no call was made, unless it was waited for in vain: the endpoint may be well by the
            // next question.
            let in_vain = matches!(outcome, Err(MailboxError::Timeout));
            let is_outage = outcome.as_ref().is_err_and(|error| error.is_outage());
            if asked.calls == 0 && is_outage && !in_vain {
                continue;
            }
            self.cache.store(&asking, mailbox, &flight.window, outcome);
        }
        // Who boards later must not take it for younger than it is.
        for known in asked.outcomes.values_mut().flatten() {
            *known = known.clone().asked_at(asking.at());
        }
        // Nobody else sets it.
        let _ = flight.asked.set(asked);
        drop(landing);
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a flight off the board when it is over, and lets the next one leave.
struct Landing<'a> {
    flights: &'a Arc<Flights>,
    flight: &'a Arc<Flight>,
    mailboxes: &'a [SmtpAddress],
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut board = self.flights.lock();
        board.in_the_air -= 1;
        for mailbox in self.mailboxes {
            if let Some(carrying) = board.carrying.get_mut(mailbox) {
                carrying.retain(|flight| !Arc::ptr_eq(flight, self.flight));
                if carrying.is_empty() {
                    board.carrying.remove(mailbox);
                }
            }
        }
        self.flights.depart(&mut board);
        drop(board);
        self.flight.landed.send_replace(true);
    }
}

impl Board {
    fn find(&self, mailbox: &SmtpAddress, span: &Span, circle: &Circle) -> Option<Arc<Flight>> {
        let carrying = self.carrying.get(mailbox)?;
        carrying
            .iter()
            .find(|flight| flight.circle == *circle && span.suits(flight))
            .cloned()
    }

    /// A place on a flight that has not left, or on a new one.
    fn book(
        &mut self,
        mailbox: &SmtpAddress,
        wide: TimeWindow,
        (circle, trace): (&Circle, &Option<Trace>),
        limit: usize,
    ) -> Arc<Flight> {
        let open = self.waiting.iter_mut().find(|waiting| {
            waiting.mailboxes.len() < limit
                && waiting.flight.window == wide
                && waiting.flight.circle == *circle
        });
        let flight = if let Some(waiting) = open {
            waiting.mailboxes.push(mailbox.clone());
            waiting.flight.clone()
        } else {
            let (landed, _) = watch::channel(false);
            let flight = Arc::new(Flight {
                window: wide,
                circle: circle.clone(),
                trace: trace.clone(),
                trail: Trail::default(),
                begun: Instant::now(),
                asked: OnceLock::new(),
                landed,
            });
            self.waiting.push(Waiting {
                flight: flight.clone(),
                mailboxes: vec![mailbox.clone()],
            });
            flight
        };
        self.carrying
            .entry(mailbox.clone())
            .or_default()
            .push(flight.clone());
        flight
    }
}
