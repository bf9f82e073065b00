//! Who may call and who may be asked for; paths, methods, headers.

use serde_json::json;

use super::world::{DIRECTORY, Fields as _, Page, World, event};

const BUSY: (&str, &str) = ("20080102T090000", "20080102T100000");

async fn with_jane(more: &str) -> World {
    let world = World::start(more).await;
    world.calendar("jane@example.org", &event(BUSY.0, BUSY.1, ""));
    world.calendar("x@hidden.example", &event(BUSY.0, BUSY.1, ""));
    world
}

#[tokio::test]
async fn patterns_and_foreign_domains_disclose_nobody() {
    let world = with_jane(DIRECTORY).await;
    for list in [
        "*",
        "*@example.org",
        "j*",
        "%",
        "x)(mail=jane@example.org",
        "@example.org",
        "example.org",
        "x@hidden.example",
        "jane@mail.example.org",
        "jane@example.org@example.org",
        "",
    ] {
        assert_eq!(world.users(list).await, json!([]), "{list}");
    }
}

#[tokio::test]
async fn long_lists_are_refused() {
    let world = with_jane(DIRECTORY).await;
    let list = |count: usize| {
        let addresses: Vec<String> = (0..count).map(|n| format!("u{n}@example.org")).collect();
        addresses.join(",")
    };
    let message = |count| format!("[1,7,[{}],20080102/20080103,0,UTC]", list(count));
    assert_eq!(world.ask(&message(10_000)).await.error(), ["1", "7", "3"]);
    assert_eq!(world.ask(&message(101)).await.error(), ["1", "7", "3"]);
    assert_eq!(world.ask(&message(100)).await.json()[2][3], json!([]));
    let path = "/GCalExchangeLookup/ExchangeQuerierAsIcal.aspx";
    let request = world.post(path).form(&[("text", message(10_000))]);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().starts_with("email: "));
}

#[tokio::test]
async fn outside_its_list_a_directory_is_not_there() {
    let world = with_jane(&DIRECTORY.replace("127.0.0.1", "192.0.2.0/24")).await;
    let told = async |path: &str| World::told(world.post(path)).await;
    let unknown = told("/nothing/there.aspx").await;
    assert_eq!(unknown.0, 404);
    for page in ["ExchangeQuerier.aspx", "ExchangeQuerierAsIcal.aspx"] {
        assert_eq!(told(&format!("/GCalExchangeLookup/{page}")).await, unknown);
    }
    // Nor are other pages of a directory that may be called.
    let open = with_jane(DIRECTORY).await;
    let answer = open
        .get("/GCalExchangeLookup/Web.config")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn directories_stand_side_by_side() {
    let login = r#"
[[freebusy_url]]
directory = "Other-5d1f"
domains = ["hidden.example"]
google_domain = "hidden.example"
login = { user = "gssmo", password_file = "secret" }
"#;
    let world = with_jane(&format!("{DIRECTORY}{login}")).await;
    let ask = async |path: &str, password: Option<&str>| {
        let message = "[1,7,[jane@example.org,x@hidden.example],20080102/20080103,0,UTC]";
        let mut request = world.post(path).form(&[("text", message)]);
        if let Some(password) = password {
            request = request.basic_auth("gssmo", Some(password));
        }
        let answer = Page::of(request.send().await.unwrap()).await;
        (
            answer.status,
            (answer.status == 200).then(|| answer.json()[2][3][1].take()),
        )
    };
    let page = "/other-5D1F/ExchangeQuerier.aspx";
    assert_eq!(ask(page, None).await, (401, None));
    assert_eq!(ask(page, Some("wrong")).await, (401, None));
    let (status, address) = ask(page, Some("correct horse")).await;
    assert_eq!((status, address), (200, Some(json!("x@hidden.example"))));
    let (status, address) = ask("/GCalExchangeLookup/ExchangeQuerier.aspx", None).await;
    assert_eq!((status, address), (200, Some(json!("jane@example.org"))));
}

#[tokio::test]
async fn any_case_both_methods_and_nothing_is_kept() {
    let world = with_jane(DIRECTORY).await;
    let message = "[1,7,[jane@example.org],20080102/20080103,0,UTC]";
    for path in [
        "/GCalExchangeLookup/ExchangeQuerier.aspx",
        "/gcalexchangelookup/Exchangequerier.aspx",
        "/GCALEXCHANGELOOKUP/EXCHANGEQUERIER.ASPX",
    ] {
        let answer = world.post(path).form(&[("TEXT", message)]).send().await;
        let page = Page::of(answer.unwrap()).await;
        assert_eq!(
            (page.status, page.json()[1].as_str()),
            (200, Some("7")),
            "{path}"
        );
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.header("expires").ends_with("1970 00:00:00 GMT"));
    }
    let path = "/GCalExchangeLookup/ExchangeQuerier.aspx";
    // As the original: the form is read, the query is not.
    let get = Page::of(
        world
            .get(path)
            .query(&[("text", message)])
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (get.status, get.error()),
        (200, ["0".into(), "0".into(), "3".into()])
    );
    let put = world
        .client
        .put(format!("{}{path}", world.url))
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 405);
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n{message}\r\n--b--\r\n"
    );
    let request = world
        .post(path)
        .header("content-type", "multipart/form-data; boundary=b");
    let page = Page::of(request.body(multipart).send().await.unwrap()).await;
    assert_eq!(page.json()[2][3][1], json!("jane@example.org"));
}

#[tokio::test]
async fn the_order_is_that_of_the_question_and_each_stands_once() {
    let world = with_jane(DIRECTORY).await;
    world.calendar("bob@example.com", "");
    let users = world.users("bob@example.com,nobody@example.org,JANE@example.org, jane@Example.org ,bob@example.com").await;
    let addresses: Vec<&str> = users
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .step_by(4)
        .filter_map(|a| a.as_str())
        .collect();
    assert_eq!(addresses, ["bob@example.com", "jane@example.org"]);
}
