//! The page for whoever runs the gateway: who gets to see it, and what is in it and what is not.

use calbridge::domain::Clock as _;
use calbridge::server::SystemClock;

use super::world::{DIRECTORY, Fields as _, OPS, Page, World, event};

const PATH: &str = "/GCalExchangeLookup/Diagnostics";
const PASSWORD: Option<&str> = Some("correct horse");

/// With titles, a mapped domain and a login of the directory's own.
const ENTRY: &str = r#"
[[freebusy_url]]
directory = "GCalExchangeLookup"
allow = ["127.0.0.0/8", "2001:db8::/32"]
domains = ["example.org", "*.example.com"]
domain_mapping = [{ external = "acme.example", internal = "example.org" }]
google_domain = "example.org"
event_details = true
answer = "legacy"
time_zone = "Europe/Berlin"
login = { user = "gssmo", password_file = "secret" }
"#;

async fn world() -> World {
    World::start(&format!("{ENTRY}{OPS}")).await
}

async fn page(world: &World, address: &str) -> Page {
    let request = world.get(PATH).basic_auth("ops", PASSWORD);
    let request = request.query(&[("address", address)]);
    let page = Page::of(request.send().await.unwrap()).await;
    assert_eq!(page.status, 200, "{}", page.html);
    page
}

#[track_caller]
fn shows(page: &Page, texts: &[&str]) {
    for text in texts {
        assert!(page.html.contains(text), "{text} in {}", page.html);
    }
}

#[tokio::test]
async fn without_an_ops_login_and_outside_the_list_it_is_not_there() {
    let without = World::usual().await;
    let outside = DIRECTORY.replace("127.0.0.1", "192.0.2.0/24");
    let outside = World::start(&format!("{outside}{OPS}")).await;
    for world in [without, outside] {
        let unknown = World::told(world.get("/nothing/there")).await;
        assert_eq!(unknown.0, 404);
        for path in [PATH, "/GCalExchangeLookup/Diagnostics.aspx"] {
            let ask = || world.get(path).query(&[("address", "jane@example.org")]);
            assert_eq!(World::told(ask()).await, unknown, "{path}");
            let told = World::told(ask().basic_auth("ops", PASSWORD)).await;
            assert_eq!(told, unknown, "{path}");
        }
    }
}

#[tokio::test]
async fn it_takes_the_ops_login_and_no_other() {
    let world = world().await;
    for login in [
        None,
        Some(("ops", "wrong")),
        Some(("gssmo", "correct horse")),
        Some(("interop@example.com", "correct horse")),
    ] {
        let request = world.get("/gcalexchangelookup/DIAGNOSTICS");
        let request = match login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        let page = Page::of(request.send().await.unwrap()).await;
        assert_eq!(page.status, 401, "{login:?}");
        assert!(page.header("www-authenticate").starts_with("Basic "));
        assert!(!page.html.contains("acme"), "{}", page.html);
    }
    // Nor does the ops login open the other pages.
    let other = world.get("/GCalExchangeLookup/ExchangeQuerier.aspx");
    let other = other.basic_auth("ops", PASSWORD).send().await.unwrap();
    assert_eq!(other.status(), 401);
    let post = world.post(PATH).basic_auth("ops", PASSWORD);
    assert_eq!(post.send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn wrong_passwords_are_limited_as_everywhere() {
    let world = World::start(&format!("{ENTRY}{OPS}")).await;
    let mut statuses = Vec::new();
    for n in 0..40 {
        let request = world.get(PATH).basic_auth("ops", Some(format!("no-{n}")));
        let answer = request.send().await.unwrap();
        statuses.push(answer.status().as_u16());
        if answer.status() == 429 {
            assert!(answer.headers().contains_key("retry-after"));
            break;
        }
    }
    assert_eq!(statuses.first(), Some(&401));
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

#[tokio::test]
async fn it_shows_what_is_configured_and_no_secret() {
    let page = page(&world().await, "").await;
    shows(
        &page,
        &[
            "freebusy_url[0]",
            "/GCalExchangeLookup/ExchangeQuerier.aspx",
            "/GCalExchangeLookup/ExchangeQuerierAsIcal.aspx",
            "127.0.0.0/8, 2001:db8::/32",
            "Basic, as gssmo",
            "example.org, *.example.com",
            "acme.example to example.org",
            "https://www.google.com/calendar/hosted/example.org/mailslot",
            "legacy",
            "Europe/Berlin",
            "<form method=\"get\">",
        ],
    );
    for secret in ["argon2", "correct horse", "<script", "Result for"] {
        assert!(!page.html.contains(secret), "{secret}");
    }
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
}

#[tokio::test]
async fn a_test_tells_what_callers_are_answered_in_words_and_never_titles() {
    let world = world().await;
    let now = SystemClock.now();
    let at = |hours: i64| {
        let at = now + jiff::SignedDuration::from_hours(hours);
        at.strftime("%Y%m%dT%H%M%S").to_string()
    };
    let title = "SUMMARY:Layoffs\nLOCATION:Cellar\n";
    let events = [
        event(&at(-30), &at(-29), title),
        event(&at(-29), &at(-28), title),
        event(&at(100), &at(101), title),
        event(&at(24 * 8), &at(24 * 9), title),
    ];
    let calendar = format!("X-WR-CALNAME:Jane Roe\n{}", events.concat());
    world.calendar("jane@example.org", &calendar);
    let found = page(&world, "jane@acme.example").await;
    shows(
        &found,
        &[
            "Result for jane@acme.example",
            "it has 2 stretches of busy time",
            "<dt>Shown as</dt><dd>Jane Roe</dd>",
            "<dt>Asked for as</dt><dd>jane@example.org</dd>",
            "<dt>Endpoint</dt><dd>files</dd>",
            "<caption>Busy time, Europe/Berlin</caption>",
        ],
    );
    let begins = now + jiff::SignedDuration::from_hours(100);
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let begins = begins.to_zoned(berlin).strftime("%Y-%m-%d %H:%M:%S %:z");
    shows(&found, &[&begins.to_string()]);
    assert!(!found.html.contains("Layoffs") && !found.html.contains("Cellar"));
    std::fs::write(world.file("broken@example.org"), "no calendar").unwrap();
    for (address, expect) in [
        ("nobody@example.org", "Nobody of this address is known."),
        ("broken@example.org", "Nothing is known, which callers"),
        ("x@hidden.example", "of none of the domains"),
        ("*", "This is no mail address."),
        ("\"><script>alert(1)</script>", "This is no mail address."),
    ] {
        let page = page(&world, address).await;
        shows(&page, &[expect]);
        assert!(!page.html.contains("<script"), "{}", page.html);
        assert!(!page.html.contains("<table"), "{}", page.html);
    }
}
