//! Where a mailbox was found that its first endpoint does not have: for how long that is remembered, and what forgets it.

use super::*;

const MOVED: &str = "moved@old.example";

#[tokio::test]
async fn a_place_is_remembered_from_the_first_finding_on_and_not_from_the_last() {
    let world = world(&TWO, &with_fallback());
    // After an hour, the first endpoint is asked again, however often somebody asked meanwhile.
    for first_is_asked in [true, false, false, true, false] {
        assert_eq!(world.letters(&[MOVED], Origin::default()).await, "k");
        assert_eq!(!world.asked(0).is_empty(), first_is_asked);
        world.clock.advance(25);
    }
}

#[tokio::test]
async fn what_is_dropped_may_be_called_by_the_names_of_callers() {
    let domain = |text| MailDomain::parse(text).unwrap();
    let settings = ServiceSettings {
        routing: RoutingSettings {
            aliases: vec![AliasSettings {
                external: domain("outside.example"),
                internal: domain("old.example"),
            }],
            ..RoutingSettings::default()
        },
        ..with_fallback()
    };
    let world = world(&TWO, &settings);
    let mailbox = |text| DropScope::Mailbox(SmtpAddress::parse(text).unwrap());
    for (scope, dropped) in [
        (mailbox("moved@outside.example"), 2),
        (mailbox(MOVED), 2),
        (DropScope::Domain(domain("outside.example")), 2),
        (DropScope::Domain(domain("old.example")), 2),
        (DropScope::All, 2),
        (mailbox("other@outside.example"), 0),
        (DropScope::Domain(domain("cloud.example")), 0),
    ] {
        let asked = ["moved@outside.example"];
        assert_eq!(world.letters(&asked, Origin::default()).await, "k");
        // At both endpoints: its place is forgotten as well.
        assert_eq!(
            (world.asked(0), world.asked(1)),
            (
                [MOVED].map(String::from).into(),
                [MOVED].map(String::from).into()
            ),
            "before {scope:?}"
        );
        assert_eq!(world.service.drop_cached(&scope), dropped, "{scope:?}");
        if dropped == 0 {
            world.letters(&asked, Origin::default()).await;
            assert!(world.asked(1).is_empty(), "{scope:?}");
            world.service.drop_cached(&DropScope::All);
        }
    }
}

#[tokio::test]
async fn only_what_the_cache_does_not_have_is_asked_for() {
    let old = [
        "a@old.example",
        "b@old.example",
        "c@old.example",
        "d@old.example",
    ];
    let cloud = ["new@cloud.example"];
    let world = world(
        &[("old.example", &old), ("cloud.example", &cloud)],
        &ServiceSettings::default(),
    );
    let known = ["c@old.example", "new@cloud.example", "a@old.example"];
    assert_eq!(world.letters(&known, Origin::default()).await, "kkk");
    assert_eq!((world.asked(0).len(), world.asked(1).len()), (2, 1));
    let [a, b, c, d] = old;
    let all = [a, b, "new@cloud.example", c, "no@old.example", d];
    let (outcomes, explained) = world.ask(&all, Origin::default()).await;
    let is_known: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(is_known, [true, true, true, true, false, true]);
    let from = |explained: &Explanation| explained.asked.as_ref().unwrap().cache;
    let (hit, miss) = (CacheResult::Hit, CacheResult::Miss);
    assert_eq!(
        explained.iter().map(from).collect::<Vec<_>>(),
        [hit, miss, hit, hit, miss, miss]
    );
    let mut asked = world.asked(0);
    asked.sort();
    assert_eq!(asked, [b, d, "no@old.example"]);
    assert!(world.asked(1).is_empty());
    let page = world.metrics.render();
    for (endpoint, result, mailboxes) in [
        ("old.example", "hit", 2),
        ("old.example", "miss", 5),
        ("cloud.example", "hit", 1),
        ("cloud.example", "miss", 1),
    ] {
        let labels = format!(r#"endpoint="{endpoint}",result="{result}""#);
        let line = format!("calbridge_cache_lookups_total{{{labels}}} {mailboxes}\n");
        assert!(page.contains(&line), "{line}");
    }
}
