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
