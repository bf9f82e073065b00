//! The cache, the rules of sharing, the ops listener, and what endpoints say of their calls.

use std::time::Duration;

use super::{Folder, changed, check, check_warnings};
use crate::domain::{BusyStatus, Caller, Detail, MailboxError, SmtpAddress};
use crate::service::permit::Permit;
use crate::service::settings::{CacheSettings, Widen};

const ACCESS: &str = "[access]\n";
const HQ: &str = "name = \"hq\"";
const LISTEN: &str = "listen = [\"127.0.0.1:8443\"]";

/// The problems of lines before `[access]`, the first of which is line 7.
#[track_caller]
fn refused(lines: &str, expect: &[&str]) {
    check(&[(ACCESS, &format!("{lines}\n[access]\n"))], expect);
}

#[track_caller]
fn read(lines: &str) -> crate::config::Config {
    let text = changed(&[(ACCESS, &format!("{lines}\n[access]\n"))]);
    Folder::new().load(&text).unwrap()
}

#[test]
fn the_cache_has_defaults() {
    assert_eq!(read("").service.cache, CacheSettings::default());
    assert_eq!(read("[cache]").service.cache, CacheSettings::default());
    assert_eq!(read("").service.endpoints[0].lifetimes, None);
}

#[test]
fn the_keys_of_the_cache() {
    let cache = read(
        "[cache]\nfresh_for = \"2s\"\nstale_while_revalidate = \"0s\"\nstale_if_error = \"1h\"\nunknown_for = \"4s\"\n\
         refused_for = \"5s\"\noutage_for = \"6s\"\nlocation_for = \"7s\"\nwiden = \"day\"\nmax_bytes = \"512MiB\"",
    )
    .service
    .cache;
    let kept = cache.lifetimes;
    let seconds = [
        kept.fresh_for,
        kept.stale_while_revalidate,
        kept.stale_if_error,
        kept.unknown_for,
        kept.refused_for,
        kept.outage_for,
        cache.location_for,
    ]
    .map(|lifetime| lifetime.as_secs());
    assert_eq!(seconds, [2, 0, 3600, 4, 5, 6, 7]);
    assert_eq!((cache.widen, cache.max_bytes), (Widen::Day, 512 << 20));
    let plain = read("[cache]\nwiden = \"none\"\nmax_bytes = 0x200_000")
        .service
        .cache;
    assert_eq!((plain.widen, plain.max_bytes), (Widen::None, 2 << 20));
}

#[test]
fn bad_values_of_the_cache() {
    refused(
        "[cache]\nfresh_for = \"-1s\"\nunknown_for = 60\noutage_for = \"soon\"\nlocation_for = \"8d\"\n\
         widen = \"month\"\nmax_bytes = 0\nmax_entries = 7",
        &[
            "8 cache.fresh_for: must be at most 168h",
            "9 cache.unknown_for: must be a string",
            "10 cache.outage_for: must be a duration",
            "11 cache.location_for: must be",
            "12 cache.widen: must be \"week\", \"day\" or \"none\"",
            "13 cache.max_bytes: must be from 1048576 to 1099511627776 bytes",
            "14 cache.max_entries: unknown key; known here: fresh_for",
        ],
    );
    for bytes in ["\"1023KiB\"", "-1", "\"512 megabytes\"", "1.5", "true"] {
        refused(
            &format!("[cache]\nmax_bytes = {bytes}"),
            &["8 cache.max_bytes: must be "],
        );
    }
}

#[test]
fn an_endpoint_has_its_own_lifetimes_over_the_others() {
    let text = changed(&[
        (
            ACCESS,
            "[cache]\nfresh_for = \"2s\"\nunknown_for = \"3s\"\n[access]\n",
        ),
        (HQ, "name = \"hq\"\ncache = { fresh_for = \"1s\" }"),
    ]);
    let service = Folder::new().load(&text).unwrap().service;
    let own = service.endpoints[0].lifetimes.unwrap();
    assert_eq!(own.fresh_for, Duration::from_secs(1));
    assert_eq!(own.unknown_for, Duration::from_secs(3));
    assert_eq!(own.stale_if_error, Duration::from_mins(15));
    // The second endpoint has calendar files: what is not written keeps no change from being seen.
    let files = service.endpoints[1].lifetimes.unwrap();
    assert_eq!(files.fresh_for, Duration::from_secs(2));
    assert_eq!(files.unknown_for, Duration::from_secs(3));
    assert_eq!(files.stale_while_revalidate, Duration::ZERO);
    assert_eq!(files.stale_if_error, Duration::from_mins(15));
    let plain = Folder::new().load(&changed(&[])).unwrap().service;
    assert_eq!(plain.endpoints[0].lifetimes, None);
    assert_eq!(
        plain.endpoints[1].lifetimes.unwrap().fresh_for,
        Duration::ZERO
    );
    check(
        &[(
            HQ,
            "name = \"hq\"\ncache = { widen = \"day\", fresh_for = 1 }",
        )],
        &[
            "14 endpoint[0].cache.fresh_for: must be a string",
            "14 endpoint[0].cache.widen: unknown key",
        ],
    );
}

#[test]
fn an_old_answer_that_is_never_old_is_a_warning() {
    let effect =
        "has no effect: it counts from when an answer was fetched, and answers are fresh as long";
    check_warnings(
        &[(ACCESS, "[cache]\nfresh_for = \"15m\"\n[access]\n")],
        &[&format!("7 cache.stale_if_error: {effect}")],
    );
    // Told where it is said, and not again for each endpoint.
    check_warnings(
        &[
            (
                ACCESS,
                "[cache]\nfresh_for = \"15m\"\nstale_if_error = \"0s\"\n[access]\n",
            ),
            (HQ, "name = \"hq\"\ncache = { unknown_for = \"1s\" }"),
        ],
        &[],
    );
}

fn permitted(config: &crate::config::Config, mailbox: &str) -> bool {
    let mailbox = SmtpAddress::parse(mailbox).unwrap();
    let caller = Caller::of_account(mailbox.clone(), Detail::Subjects);
    let permit = Permit::new(&config.service.permit, &config.service.sharing);
    match permit.check(&caller, &mailbox, &mailbox) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, MailboxError::NoAccess);
            false
        }
    }
}

#[test]
fn who_may_be_asked_for() {
    let everybody = read("");
    assert!(permitted(&everybody, "anna@example.com"));
    let some = read(
        "[sharing]\ndeny = [\"boss@example.com\", \"@closed.example\"]\nonly = [\"example.com\", \"*.example.com\"]",
    );
    for (mailbox, expect) in [
        ("anna@example.com", true),
        ("anna@sub.example.com", true),
        ("boss@example.com", false),
        ("anna@files.example", false),
        ("anna@closed.example", false),
    ] {
        assert_eq!(permitted(&some, mailbox), expect, "{mailbox}");
    }
}

#[test]
fn approved_mailboxes_may_stand_in_a_file() {
    let folder = Folder::new();
    let list = "\u{feff}# approved\r\nanna@example.com\r\n\r\n  a#b@example.com # with a sign\n@open.example#not a comment";
    folder.write("only.txt", list);
    let text = changed(&[(
        ACCESS,
        "[sharing]\nonly_file = \"only.txt\"\nonly = [\"carl@example.com\"]\n[access]\n",
    )]);
    let errors = folder.load(&text).unwrap_err();
    let expect = "sharing.only_file: line 5: the domain is not a valid host name";
    assert!(errors.to_string().ends_with(expect), "{errors}");
    folder.write("only.txt", &list.replace("#not", " #not"));
    let config = folder.load(&text).unwrap();
    for (mailbox, expect) in [
        ("anna@example.com", true),
        ("a#b@example.com", true),
        ("carl@example.com", true),
        ("x@open.example", true),
        ("dora@example.com", false),
    ] {
        assert_eq!(permitted(&config, mailbox), expect, "{mailbox}");
    }
}

#[test]
fn bad_lists_of_mailboxes() {
    refused(
        "[sharing]\ndeny = [\"anna@\", \"*\", 7]\nonly = []\nonly_file = \"none\"",
        &[
            "8 sharing.deny[2]: must be a string",
            "8 sharing.deny[0]: the domain is not a valid host name",
            "8 sharing.deny[1]: the domain is not a valid host name",
            "9 sharing.only: is empty: nobody could be asked for",
            "10 sharing.only_file: ",
        ],
    );
    let file = |content: &str| {
        let folder = Folder::new();
        folder.write("only.txt", content);
        let text = changed(&[(ACCESS, "[sharing]\nonly_file = \"only.txt\"\n[access]\n")]);
        folder.load(&text).unwrap_err().problems
    };
    assert_eq!(
        file("# nobody\n")[0].text,
        "the file lists nobody: nobody could be asked for"
    );
    let table = file(&"name;hunter2@\n".repeat(30));
    assert_eq!(table.len(), 11);
    assert_eq!(table[10].text, "20 more lines cannot be read");
    assert!(
        table
            .iter()
            .all(|problem| !problem.text.contains("hunter2"))
    );
}

#[test]
fn how_statuses_are_shown() {
    assert!(read("").service.sharing.status_map.is_identity());
    assert!(
        read("[sharing.status_map]\nno_data = \"no_data\"")
            .service
            .sharing
            .status_map
            .is_identity()
    );
    let map = read(
        "[sharing]\nstatus_map = { working_elsewhere = \"busy\", tentative = \"free\", no_data = \"oof\" }",
    );
    let map = map.service.sharing.status_map;
    assert_eq!(map.apply(BusyStatus::WorkingElsewhere), BusyStatus::Busy);
    assert_eq!(map.apply(BusyStatus::Tentative), BusyStatus::Free);
    assert_eq!(map.apply(BusyStatus::NoData), BusyStatus::OutOfOffice);
    refused(
        "[sharing.status_map]\nno_data = \"free\"\ntentative = \"maybe\"\nworking_elsewhere = \"no_data\"\nbusy = \"free\"",
        &[
            "8 sharing.status_map.no_data: what is unknown must not be shown as free",
            "9 sharing.status_map.tentative: must be \"free\", \"tentative\"",
            "10 sharing.status_map.working_elsewhere: what is known must not be shown as no data",
            "11 sharing.status_map.busy: unknown key",
        ],
    );
    refused(
        "[sharing.status_map]\nno_data = \"working_elsewhere\"",
        &["8 sharing.status_map.no_data: what is unknown must not be shown as free"],
    );
}

#[test]
fn the_ops_listener_is_for_this_machine() {
    let listen = |address: &str| format!("[ops]\nlisten = \"{address}\"");
    assert_eq!(read("").ops, None);
    assert_eq!(read("[ops]").ops, None);
    for address in ["127.0.0.1:9464", "[::1]:9464", "127.9.9.9:0"] {
        let ops = read(&listen(address)).ops.unwrap();
        assert_eq!(ops.listen, address.parse().unwrap());
    }
    for address in [
        "0.0.0.0:9464",
        "192.0.2.1:9464",
        "[::]:1",
        "[::ffff:192.0.2.1]:1",
    ] {
        refused(
            &listen(address),
            &[
                "8 ops.listen: must be a loopback address, as 127.0.0.1 or [::1], without both [ops.login] and [ops.tls]",
            ],
        );
    }
    let guarded = "[ops]\nlisten = \"0.0.0.0:9464\"\nhosts = [\"Ops.example.com\"]\n[ops.login]\nuser = \"operator\"\n\
        password_env = \"HQ_PASSWORD\"\n[ops.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"";
    let ops = read(guarded).ops.unwrap();
    assert_eq!(ops.hosts, ["ops.example.com"]);
    assert_eq!(ops.login.unwrap().user, "operator");
    assert!(ops.tls.is_some());
    refused(
        &guarded.replace("user = \"operator\"", "user = \"a:b\""),
        &["11 ops.login.user: must be a user name without a colon"],
    );
    for address in ["localhost:9464", "127.0.0.1", ""] {
        let expect = "8 ops.listen: must be an IP address with a port";
        refused(&listen(address), &[expect]);
    }
    refused(
        &listen("127.0.0.1:8443"),
        &["8 ops.listen: is an address of server.listen, too"],
    );
    check(
        &[(LISTEN, "listen = [\"127.0.0.1:8443\"]\ndeadline = \"0s\"")],
        &["3 server.deadline: must be more than 0s"],
    );
}

#[test]
fn what_endpoints_say_of_their_calls() {
    let account = "password_env = \"HQ_PASSWORD\"";
    let second = "password_env = \"HQ_PASSWORD\"\nmax_concurrency = 3\n[[endpoint.role_account]]\n\
                  address = \"b@example.com\"\npassword_file = \"secret\"";
    let text = changed(&[
        (
            HQ,
            "name = \"hq\"\nhedge_after = \"2s\"\nprobe_interval = \"500ms\"",
        ),
        (account, second),
    ]);
    let config = Folder::new().load(&text).unwrap();
    assert_eq!(config.warnings, []);
    let hq = &config.endpoints[0];
    assert_eq!(hq.hedge_after, Some(Duration::from_secs(2)));
    assert_eq!(hq.probe_interval, Duration::from_millis(500));
    assert_eq!(config.endpoints[1].probe_interval, Duration::from_secs(5));
    assert_eq!(hq.max_concurrency, 3 + 4);
    check_warnings(
        &[(HQ, "name = \"hq\"\nhedge_after = \"2s\"")],
        &["14 endpoint[0].hedge_after: has no effect without a second role account"],
    );
    check_warnings(
        &[
            (HQ, "name = \"hq\"\nhedge_after = \"20s\""),
            (account, second),
        ],
        &["14 endpoint[0].hedge_after: has no effect: a call ends before"],
    );
    check(
        &[
            (
                HQ,
                "name = \"hq\"\nhedge_after = \"0s\"\nmax_concurrency = 0\n\
                 limits = { mailboxes_per_call = 0, days_per_call = 0 }\ndefault = 1\nfallback = []\n\
                 answer_cross_forest = \"yes\"",
            ),
            (
                account,
                "password_env = \"HQ_PASSWORD\"\nmax_concurrency = 0",
            ),
        ],
        &[
            "14 endpoint[0].hedge_after: must be more than 0s",
            "15 endpoint[0].max_concurrency: must be a whole number from 1",
            "16 endpoint[0].limits.mailboxes_per_call: must be a whole number from 1",
            "16 endpoint[0].limits.days_per_call: must be a whole number from 1",
            "17 endpoint[0].default: must be true or false",
            "18 endpoint[0].fallback: must be a string",
            "19 endpoint[0].answer_cross_forest: must be true or false",
            "26 endpoint[0].role_account[0].max_concurrency: must be a whole number from 1",
        ],
    );
}

#[test]
fn rooms_are_read_neither_all_the_time_nor_never() {
    let last = "time_zone = \"Europe/Berlin\"";
    let with = |refresh: &str| format!("{last}\n[rooms]\nrefresh = \"{refresh}\"");
    for wrong in ["1ms", "999ms", "0s", "-1h", "169h", "400d", "soon"] {
        let expect = "27 rooms.refresh: must be from 1s to 168h, such as \"15m\" or \"1h\"";
        check(&[(last, &with(wrong))], &[expect]);
    }
    for right in ["1s", "15m", "168h"] {
        let read = Folder::new().load(&changed(&[(last, &with(right))]));
        assert!(read.is_ok(), "{right}");
    }
}
