//! How much extra work an endpoint may be given: a share of the calls that are made anyway, so that trying harder never
//! doubles the load of a server that is in trouble. Counts only.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One call, in hundredths.
const ONE: u32 = 100;

/// Every call earns a share of an extra one; an extra call spends a whole one.
pub(super) struct Budget {
    percent: u32,
    most: u32,
    /// Hundredths of a call.
    saved: Mutex<u32>,
}

impl Budget {
    /// `percent` extra calls in a hundred, never more than `most` in a row; `first` may be made before any is earned.
    pub(super) fn new(percent: u32, first: u32, most: u32) -> Self {
        Self {
            percent,
            most: most.saturating_mul(ONE),
            saved: Mutex::new(first.min(most).saturating_mul(ONE)),
        }
    }

    /// A call that is made anyway.
    pub(super) fn earn(&self) {
        let mut saved = self.lock();
        *saved = saved.saturating_add(self.percent).min(self.most);
    }

    /// Whether an extra call may be made; if so, it is paid for.
    pub(super) fn spend(&self) -> bool {
        let mut saved = self.lock();
        match saved.checked_sub(ONE) {
            Some(rest) => {
                *saved = rest;
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, u32> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn what_is_saved_has_a_bound() {
        let budget = Budget::new(20, 0, 3);
        assert!(!budget.spend());
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!((0..10).filter(|_| budget.spend()).count(), 3);
    }
}
