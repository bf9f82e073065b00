//! Finding a time among sorted times with few looks at memory: calendars are even enough for a guess by time, and what lies
//! around the guess is what is read next. A search by halves would wait for memory at each step.

/// The first place whose time is `bound` or later, in `sorted` times of which the first and the last are known.
pub(super) fn first_from<T>(
    sorted: &[T],
    time: impl Fn(&T) -> i64 + Copy,
    (first, last): (i64, i64),
    bound: i64,
) -> usize {
    if bound <= first {
        return 0;
    }
    if bound > last {
        return sorted.len();
    }
    let (past, all) = (bound.abs_diff(first), last.abs_diff(first));
    let guess = u128::from(past) * sorted.len() as u128 / (u128::from(all) + 1);
    let guess = guess as usize;
    if sorted.get(guess).is_some_and(|one| time(one) < bound) {
        ascend(sorted, time, guess + 1, bound)
    } else {
        descend(sorted, time, guess, bound)
    }
}

/// The same where all before `low` are earlier: by steps that grow.
pub(super) fn ascend<T>(
    sorted: &[T],
    time: impl Fn(&T) -> i64 + Copy,
    mut low: usize,
    bound: i64,
) -> usize {
    let mut step = 1;
    while sorted
        .get(low + step - 1)
        .is_some_and(|one| time(one) < bound)
    {
        low += step;
        step *= 2;
    }
    let high = (low + step - 1).min(sorted.len());
    between(sorted, time, (low, high), bound)
}

/// The same where none from `high` on is earlier.
fn descend<T>(sorted: &[T], time: impl Fn(&T) -> i64 + Copy, mut high: usize, bound: i64) -> usize {
    let mut step = 1;
    while step <= high
        && sorted
            .get(high - step)
            .is_some_and(|one| time(one) >= bound)
    {
        high -= step;
        step *= 2;
    }
    between(sorted, time, (high.saturating_sub(step), high), bound)
}

fn between<T>(
    sorted: &[T],
    time: impl Fn(&T) -> i64,
    (low, high): (usize, usize),
    bound: i64,
) -> usize {
    let piece = sorted.get(low..high).unwrap_or_default();
    low + piece.partition_point(|one| time(one) < bound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn it_finds_what_a_search_by_halves_finds(
            mut times in prop::collection::vec(
                prop_oneof![-20_i64..60, Just(i64::MIN), Just(i64::MAX), Just(1_000_000)],
                0..40,
            ),
            bound in prop_oneof![-25_i64..65, Just(i64::MIN), Just(i64::MAX), Just(500_000)],
            low in 0_usize..40,
        ) {
            times.sort_unstable();
            let expect = times.partition_point(|time| *time < bound);
            let (first, last) = (times.first().copied(), times.last().copied());
            let ends = (first.unwrap_or(0), last.unwrap_or(0));
            prop_assert_eq!(first_from(&times, |time| *time, ends, bound), expect);
            prop_assert_eq!(ascend(&times, |time| *time, low.min(expect), bound), expect);
            prop_assert_eq!(descend(&times, |time| *time, (expect + low).min(times.len()), bound), expect);
        }
    }
}
