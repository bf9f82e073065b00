//! Covers that overlap and covers that adjoin.

use super::*;

#[test]
fn adjoining_covers_answer_together_and_with_the_age_of_the_older() {
    let bench = bench();
    bench.store((1, 15), Ok(busy_on(3)));
    bench.wait(30);
    bench.store((8, 22), Ok(busy_on(12)));
    let both = busy_on(3).merged(busy_on(12));
    assert_eq!(bench.find((2, 20)), Found::Fresh(both.clone()));
    assert_eq!(bench.find((2, 23)), Found::Missing);
    bench.wait(30);
    assert_eq!(
        bench.find((2, 20)),
        Found::Stale {
            known: both,
            refresh: true
        }
    );
    assert_eq!(bench.find((9, 20)), Found::Fresh(busy_on(12)));
}

#[test]
fn an_older_cover_says_nothing_about_what_a_newer_one_knows() {
    let bench = bench();
    // An event of the 12th that is gone when the second answer comes.
    bench.store((1, 15), Ok(busy_on(12)));
    bench.wait(1);
    bench.store((8, 22), Ok(busy_on(20)));
    assert_eq!(bench.find((2, 21)), Found::Fresh(busy_on(20)));
}

#[test]
fn questions_whose_windows_overlap_come_to_rest() {
    let bench = bench();
    let windows = [
        (1, 15),
        (3, 17),
        (5, 19),
        (7, 21),
        (9, 23),
        (11, 25),
        (13, 27),
    ];
    for window in windows {
        bench.store(window, Ok(busy_on(14)));
    }
    for window in windows {
        assert_eq!(bench.find(window), Found::Fresh(busy_on(14)), "{window:?}");
    }
}

#[test]
fn where_windows_overlap_the_newer_answer_counts() {
    let bench = bench();
    bench.store((1, 10), Ok(busy_on(3)));
    bench.wait(50);
    bench.store((5, 15), Ok(busy_on(12)));
    assert_eq!(bench.find((6, 8)), Found::Fresh(busy_on(12)));
    bench.wait(15);
    assert_eq!(bench.find((6, 8)), Found::Fresh(busy_on(12)));
    assert!(
        matches!(bench.find((2, 4)), Found::Stale { .. }),
        "each window has its own age"
    );
}
