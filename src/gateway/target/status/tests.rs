//! The words of the status page: sparklines, the headline, days and units.

use super::*;

#[track_caller]
fn check(milliseconds: &[u64], line: &str, most: &str, last: &str) {
    let calls = milliseconds.iter().copied().map(Duration::from_millis);
    let spark = spark(&calls.collect::<Vec<_>>());
    assert_eq!(
        (&*spark.line, &*spark.most, &*spark.last),
        (line, most, last)
    );
}

#[test]
fn a_sparkline_fills_its_field() {
    check(&[], "", "", "");
    check(&[7], "0.0,3.0 240.0,3.0", "7.0 ms", "7.0 ms");
    check(
        &[0, 100, 50],
        "0.0,45.0 120.0,3.0 240.0,24.0",
        "100 ms",
        "50 ms",
    );
    check(&[0, 0], "0.0,45.0 240.0,45.0", "0.0 ms", "0.0 ms");
}

#[test]
fn the_headline_says_the_worst() {
    let endpoints = |tones: &[Tone]| -> Vec<EndpointStatus> {
        let each = tones.iter().map(|tone| EndpointStatus {
            name: format!("<{tone}>"),
            tone: *tone,
            ..EndpointStatus::default()
        });
        each.collect()
    };
    let check = |tones: &[Tone], tone: Tone, word: &str| {
        let (seen, headline, summary) = overall(&endpoints(tones), true, &[]);
        let text = format!("{headline}: {summary}");
        assert!(seen == tone && text.contains(word), "{tones:?} {text}");
    };
    check(&[Tone::Good, Tone::Good], Tone::Good, "All endpoints");
    check(&[Tone::Good, Tone::Warn], Tone::Warn, "Look at: <warn>");
    check(&[Tone::Bad, Tone::Good], Tone::Warn, "Mailboxes of <bad>");
    check(&[Tone::Bad, Tone::Bad], Tone::Bad, "No endpoint is asked");
    let (tone, _, summary) = overall(&endpoints(&[Tone::Good]), false, &[]);
    assert!(
        tone == Tone::Bad && summary.contains("expired"),
        "{summary}"
    );
}

#[test]
fn what_will_fail_later_is_in_the_headline() {
    let well = [EndpointStatus::default()];
    let ends = |days| ExpiryStatus {
        what: "certificate for callers".to_owned(),
        on: String::new(),
        days,
    };
    let refused = RefusalStatus {
        what: "The configuration as last read is not in use",
        at: "today".to_owned(),
        problems: vec!["a name of a file".to_owned()],
    };
    let check = |refusals: &[RefusalStatus], days, tone: Tone, words: &str| {
        let concerns = concerns(refusals, &[ends(days)]);
        let (seen, headline, summary) = overall(&well, true, &concerns);
        let text = format!("{headline}: {summary}");
        assert!(seen == tone && text.contains(words), "{days} {text}");
        assert!(!text.contains("a name of a file"), "{text}");
    };
    check(&[], 20, Tone::Good, "Everything is well");
    check(&[], 0, Tone::Warn, "Renew: certificate for callers");
    check(&[], -1, Tone::Warn, "Renew: certificate for callers");
    let refused = [refused];
    check(&refused, 20, Tone::Warn, "is not in use (refused today)");
    let ill = EndpointStatus {
        name: "hq".to_owned(),
        tone: Tone::Bad,
        ..EndpointStatus::default()
    };
    let (_, _, summary) = overall(&[ill, EndpointStatus::default()], true, &["More.".into()]);
    assert!(summary.contains("Mailboxes of hq") && summary.ends_with(" More."));
}

#[test]
fn a_day_that_has_begun_is_none_and_what_is_over_is_below_zero() {
    let now = Timestamp::UNIX_EPOCH;
    let of = |seconds| days(Timestamp::from_second(seconds).unwrap(), now);
    assert_eq!([of(7_200), of(86_400), of(0)], [0, 1, 0]);
    assert_eq!([of(-1), of(-86_401)], [-1, -2]);
}

#[test]
fn numbers_are_told_with_a_unit() {
    let words = |seconds| duration(Duration::from_secs(seconds));
    assert_eq!(
        [words(0), words(119), words(120)],
        ["0 s", "119 s", "2 min"]
    );
    assert_eq!([words(7_200), words(172_800)], ["2 h", "2 days"]);
    assert_eq!([bytes(12), bytes(1_536)], ["12 bytes", "1.5 KiB"]);
    assert_eq!(sentence("it broke"), "It broke.");
}
