//! A source that answers each call as a script says, and counts.

use super::*;
use crate::backend::{AccountCondition, AccountState};
use crate::domain::MailDomain;

pub(super) type Answers = Result<BTreeMap<SmtpAddress, Outcome>, EndpointError>;

/// When a call is answered, and with what.
pub(super) struct Reply(pub(super) Duration, pub(super) Answers);

type Script = dyn Fn(usize, &Ask) -> Reply + Send + Sync;

pub(super) struct Scripted {
    script: Box<Script>,
    accounts: Vec<SmtpAddress>,
    asked: Mutex<Vec<Ask>>,
    /// How probes fail, the last one first; then they succeed.
    pub(super) ill_probes: Mutex<Vec<EndpointError>>,
}

pub(super) const AT_ONCE: Duration = Duration::ZERO;
pub(super) const NEVER: Duration = Duration::from_hours(1_000);

impl Scripted {
    /// Answers call number N (from 0) with `script(N, call)`.
    pub(super) fn new(script: impl Fn(usize, &Ask) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Self::with_accounts(&["first", "second"], script)
    }

    pub(super) fn with_accounts(
        accounts: &[&str],
        script: impl Fn(usize, &Ask) -> Reply + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            accounts: accounts.iter().map(|name| mailbox(name)).collect(),
            asked: Mutex::default(),
            ill_probes: Mutex::default(),
        })
    }

    pub(super) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(super) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Backend for Scripted {
    fn limits(&self) -> Limits {
        Limits {
            mailboxes_per_call: 100,
            days_per_call: 62,
        }
    }

    async fn free_busy(&self, ask: &Ask, _deadline: Instant) -> Answers {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(ask.clone());
            asked.len() - 1
        };
        let mut accounts = self.accounts.iter();
        let Reply(after, answers) = (self.script)(number, ask);
        if !matches!(answers, Err(EndpointError::NotAsked(_))) {
            ask.trail
                .called(accounts.find(|account| !ask.avoid.contains(account)));
        }
        tokio::time::sleep(after).await;
        answers
    }

    async fn resolve(
        &self,
        _mailbox: &SmtpAddress,
        _deadline: Instant,
    ) -> Result<Option<Arc<str>>, EndpointError> {
        Ok(None)
    }

    async fn probe(&self, _deadline: Instant) -> Result<(), EndpointError> {
        self.ill_probes.lock().unwrap().pop().map_or(Ok(()), Err)
    }

    fn accounts(&self) -> Vec<AccountState> {
        let state = |address: &SmtpAddress| AccountState {
            address: address.clone(),
            condition: AccountCondition::Ready,
            left: None,
            in_flight: 0,
        };
        self.accounts.iter().map(state).collect()
    }
}

/// Everybody has a calendar.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is one of the answers of a call"
)]
pub(super) fn all_known(ask: &Ask) -> Answers {
    let each = ask.mailboxes.iter();
    Ok(each
        .map(|mailbox| (mailbox.clone(), Ok(busy(&ask.window))))
        .collect())
}

pub(super) fn names(count: usize) -> Vec<SmtpAddress> {
    (0..count).map(|n| mailbox(&format!("m{n:03}"))).collect()
}

pub(super) fn instance() -> Instance {
    Instance::new(Arc::new(FixedClock(at("2026-09-01T08:00Z"))))
}

pub(super) fn guarded(source: &Arc<Scripted>, guard: Guard) -> Endpoint {
    guarded_in(source, guard, &instance())
}

pub(super) fn guarded_in(source: &Arc<Scripted>, guard: Guard, instance: &Instance) -> Endpoint {
    let domain = MailDomain::parse("x.example").unwrap();
    Endpoint::new("hq", [domain], guard, Arc::clone(source) as _, instance)
}

pub(super) fn plain(source: &Arc<Scripted>) -> Endpoint {
    guarded(source, Guard::default())
}

/// 42 days from the first of September.
pub(super) fn weeks() -> TimeWindow {
    window("2026-09-01T00:00Z", "2026-10-13T00:00Z")
}

pub(super) fn count_known(outcomes: &BTreeMap<SmtpAddress, Outcome>) -> usize {
    outcomes.values().filter(|outcome| outcome.is_ok()).count()
}
