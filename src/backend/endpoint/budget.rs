//! How much extra work an endpoint may be given: a share of the calls that are made anyway, so that trying harder never
//! doubles the load of a server that is in trouble. Counts only.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One call, in hundredths.
const ONE: u32 = 100;

/// Every call earns a share of an extra one; an extra call spends a whole one.
pub(super) struct Budget {
    percent: u32,
    most: u32,
    state: Mutex<State>,
}

struct State {
    /// Hundredths of a call.
    saved: u32,
    /// What was spent before it was earned, in hundredths of a call.
    owed: u32,
    /// Whether one extra call may still be made before it is earned.
    lends: bool,
}

impl Budget {
    /// `percent` extra calls in a hundred, never more than `most` in a row; `first` may be made before any is earned.
    pub(super) fn new(percent: u32, first: u32, most: u32) -> Self {
        Self {
            percent,
            most: most.saturating_mul(ONE),
            state: Mutex::new(State {
                saved: first.min(most).saturating_mul(ONE),
                owed: 0,
                lends: false,
            }),
        }
    }

    /// The same, where a single call may be made before it is earned, and is earned back before there is another: from
    /// then on the share is kept exactly.
    pub(super) fn with_one_in_advance(percent: u32, most: u32) -> Self {
        let budget = Self::new(percent, 0, most);
        budget.lock().lends = true;
        budget
    }

    /// A call that is made anyway.
    pub(super) fn earn(&self) {
        let mut state = self.lock();
        let repaid = state.owed.min(self.percent);
        state.owed -= repaid;
        let saved = state.saved.saturating_add(self.percent - repaid);
        state.saved = saved.min(self.most);
    }

    /// Whether an extra call may be made; if so, it is paid for.
    pub(super) fn spend(&self) -> bool {
        let mut state = self.lock();
        if let Some(rest) = state.saved.checked_sub(ONE) {
            state.saved = rest;
            return true;
        }
        let lent = std::mem::replace(&mut state.lends, false);
        if lent {
            state.owed = ONE - std::mem::take(&mut state.saved);
        }
        lent
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_calls_are_a_share_of_the_others() {
        let budget = Budget::new(5, 1, 3);
        let mut extra = 0;
        for _ in 0..1_000 {
            budget.earn();
            extra += u32::from(budget.spend());
        }
        assert_eq!(extra, 51);
    }

    #[test]
    fn what_was_made_in_advance_is_earned_back() {
        let budget = Budget::with_one_in_advance(5, 5);
        let mut extra = 0;
        for calls in 1..=1_000_u32 {
            budget.earn();
            extra += u32::from(budget.spend());
            assert_eq!(extra, (calls / 20).max(1), "after {calls} calls");
        }
        // Where there was no need for it, nothing is owed.
        let budget = Budget::with_one_in_advance(5, 5);
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!((0..10).filter(|_| budget.spend()).count(), 5 + 1);
        (0..39).for_each(|_| budget.earn());
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend());
    }

    #[test]
    fn what_is_saved_has_a_bound() {
        let budget = Budget::new(20, 0, 3);
        assert!(!budget.spend());
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!((0..10).filter(|_| budget.spend()).count(), 3);
    }
}
