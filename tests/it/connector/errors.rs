//! What goes wrong, in the form of each page: error numbers inside the page, words with the parameter's name beside it.

use serde_json::json;

use super::world::{DIRECTORY, Page, World, event};

#[tokio::test]
async fn what_failed_is_never_free() {
    let world = World::usual().await;
    world.calendar(
        "jane@example.org",
        &event("20080102T090000", "20080102T100000", ""),
    );
    std::fs::write(world.file("broken@example.org"), "no calendar").unwrap();
    let users = world.users("broken@example.org,jane@example.org").await;
    let broken = [
        json!("broken@example.org"),
        json!("broken@example.org"),
        json!("0"),
        json!([]),
    ];
    assert_eq!(users.as_array().unwrap()[0..4], broken);
    assert_eq!(users[6], "20");
    // All of them failed; one that does not exist does not count.
    let message = "[1,7,[broken@example.org,nobody@example.org],20080102/20080104,0,UTC]";
    assert_eq!(world.ask(message).await.error(), ["1", "7", "1"]);
    std::fs::remove_dir_all(world.folder.path().join("calendars")).unwrap();
    let message = "[1,8,[bob@example.org],20080102/20080104,0,UTC]";
    assert_eq!(world.ask(message).await.error(), ["1", "8", "1"]);
}

#[tokio::test]
async fn a_mailbox_that_may_not_be_told_of_is_unknown_not_free() {
    let world = World::start(&format!(
        "{DIRECTORY}\n[sharing]\ndeny = [\"boss@example.org\"]\n"
    ))
    .await;
    world.calendar(
        "boss@example.org",
        &event("20080102T090000", "20080102T100000", ""),
    );
    let users = world.users("boss@example.org").await;
    assert_eq!(
        users,
        json!(["boss@example.org", "boss@example.org", "0", []])
    );
}

#[tokio::test]
async fn windows_that_cannot_be() {
    let world = World::usual().await;
    let ask = async |range: &str| {
        world
            .ask(&format!("[1,7,[a@example.org],{range},0,UTC]"))
            .await
    };
    assert_eq!(ask("20080104/20080102").await.error(), ["1", "7", "3"]);
    assert_eq!(ask("20080102/20080102").await.error(), ["1", "7", "3"]);
    assert_eq!(ask("20080102/20090102").await.error(), ["1", "7", "3"]);
    assert_eq!(ask("20080102/20080403").await.json()[2][3], json!([]));
    assert_eq!(ask("20400102/20400103").await.json()[2][3], json!([]));
}

#[tokio::test]
async fn an_id_is_echoed_as_text_whatever_it_is() {
    let world = World::usual().await;
    let id = "'\"]<script>alert(1)</script>\u{1f600}";
    let page = world
        .ask(&format!("[1,{id},[],20080102/20080103,0,UTC]"))
        .await;
    // A bracket ends the list that began with the addresses; here there is none before it.
    assert_eq!(page.error(), ["0", "0", "3"]);
    let id = id.replace(']', "");
    let page = world
        .ask(&format!("[1,{id},[],20080102/20080103,0,UTC]"))
        .await;
    assert_eq!(page.json()[1], id.as_str());
    assert_eq!(page.html.matches("<script").count(), 1);
}

#[tokio::test]
async fn bytes_that_are_no_text() {
    let world = World::usual().await;
    world.calendar("jane@example.org", "");
    let path = "/GCalExchangeLookup/ExchangeQuerier.aspx";
    let post = async |body: Vec<u8>| {
        let request = world
            .post(path)
            .header("content-type", "application/x-www-form-urlencoded");
        Page::of(request.body(body).send().await.unwrap()).await
    };
    let mut raw =
        b"text=[1,\xfc,[jane@example.org,j\xc3\xa4ne@example.org],20080102/20080103,0,UTC]"
            .to_vec();
    let page = post(raw.clone()).await;
    assert_eq!(page.json()[1], "\u{fffd}");
    assert_eq!(page.json()[2][3][1], "jane@example.org");
    assert!(page.html.is_ascii());
    raw[5] = 0xff;
    assert_eq!(post(raw).await.error(), ["0", "0", "3"]);
    assert_eq!(post(b"%".to_vec()).await.error(), ["0", "0", "3"]);
    assert_eq!(
        post(b"{\"text\":\"[]\"}".to_vec()).await.error(),
        ["0", "0", "3"]
    );
}
