//! A slow call made a second time through another role account: the first answer wins. Chooses neither account; says
//! only which one must not be used again.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout};

use super::budget::Budget;
use super::calls::Calls;
use crate::backend::{AccountCondition, Ask, EndpointError};
use crate::domain::{Outcome, SmtpAddress};

/// At most so many calls in a hundred are made twice; the first one may be among the first twenty.
const PERCENT: u32 = 5;
const MOST_IN_A_ROW: u32 = 5;

pub(super) struct Hedge {
    after: Duration,
    budget: Budget,
}

impl Hedge {
    pub(super) fn new(after: Duration) -> Self {
        Self {
            after,
            budget: Budget::with_one_in_advance(PERCENT, MOST_IN_A_ROW),
        }
    }
}

impl Calls {
    /// Asks, and asks again beside the first call when that takes too long, if another account is ready, a permit is
    /// free and the budget allows it.
    pub(super) async fn hedged(
        &self,
        hedge: &Hedge,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<BTreeMap<SmtpAddress, Outcome>, EndpointError> {
        hedge.budget.earn();
        let first_ask = Ask {
            trail: ask.trail.branch(),
            ..ask.clone()
        };
        let mut first = pin!(self.backend.free_busy(&first_ask, deadline));
        if let Ok(result) = timeout(hedge.after, &mut first).await {
            return result;
        }
        let avoid = first_ask.trail.accounts();
        let permit = self.permits.try_acquire();
        if permit.is_err() || !self.another_is_ready(&avoid) || !hedge.budget.spend() {
            return first.await;
        }
        self.metrics.hedged();
        let second_ask = Ask {
            avoid,
            ..ask.clone()
        };
        let second = pin!(self.backend.free_busy(&second_ask, deadline));
        match select(first, second).await {
            Either::Left((Ok(answers), _)) | Either::Right((Ok(answers), _)) => Ok(answers),
            Either::Left((Err(error), second)) => second.await.or(Err(error)),
            // What the account that was asked first says of the endpoint counts.
            Either::Right((Err(_), first)) => first.await,
        }
    }

    fn another_is_ready(&self, used: &[SmtpAddress]) -> bool {
        self.backend.accounts().iter().any(|account| {
            account.condition == AccountCondition::Ready && !used.contains(&account.address)
        })
    }
}
