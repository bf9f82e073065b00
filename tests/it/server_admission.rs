//! How faces admit their callers: the global rules, no login, lists and logins of their own; methods and parameters.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use calbridge::domain::{Caller, CallerId, Detail};
use calbridge::face::{self, Admission, Call, Face, OwnAdmission, OwnLogin, Routes};
use calbridge::server::settings::ServerSettings;
use http::{Method, Response};

use crate::world::{Answer, TestServer, basic, logged_in, role_account};

/// Answers `template caller client parameters query`, and whether it saw a credential.
struct Door(Admission);

#[async_trait]
impl Face for Door {
    fn name(&self) -> &'static str {
        "door"
    }

    fn methods(&self) -> &'static [Method] {
        &[Method::GET]
    }

    fn admission(&self) -> Admission {
        self.0.clone()
    }

    async fn answer(&self, call: Call) -> face::Answer {
        let saw = call.headers.contains_key("authorization");
        Response::new(Bytes::from(format!(
            "{} {} {} {} {} {:?} {saw}",
            call.method,
            call.template,
            call.caller.id,
            call.client,
            call.parameters.get("key").unwrap_or("-"),
            call.query.as_deref(),
        )))
        .into()
    }

    fn busy(&self, _request_id: uuid::Uuid) -> Response<Bytes> {
        Response::default()
    }
}

fn own(allow: &str, login: Option<OwnLogin>) -> Admission {
    Admission::Own(OwnAdmission {
        allow: vec![allow.parse().unwrap()],
        login,
        caller: Arc::new(Caller::new(
            CallerId::Face("legacy".into()),
            Detail::BusyOnly,
        )),
    })
}

fn own_login() -> OwnLogin {
    OwnLogin {
        key: "freebusy_url[0].password_hash".to_owned(),
        user: "gssmo".to_owned(),
        password_hash: role_account("x@example.com", "legacy secret").password_hash,
    }
}

async fn serve(tweak: impl FnOnce(&mut ServerSettings)) -> TestServer {
    let door = |admission| Arc::new(Door(admission)) as Arc<dyn Face>;
    let both: &[Method] = &[Method::POST, Method::OPTIONS];
    let routes = Routes::default()
        .with("/global", door(Admission::Login))
        .with_methods("/both", both, door(Admission::Open))
        .with("/open", door(Admission::Open))
        .with("/links/{key}", door(own("127.0.0.1/32", None)))
        .with("/elsewhere", door(own("192.0.2.0/24", None)))
        .with("/legacy", door(own("127.0.0.0/8", Some(own_login()))));
    TestServer::try_with(routes, tweak).await.unwrap()
}

async fn ask(server: &TestServer, method: &str, path: &str, credential: Option<&str>) -> Answer {
    let line = credential.map_or(String::new(), |c| format!("Authorization: {c}\r\n"));
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n");
    let mut connection = server.connect().await;
    connection.send(request).await;
    connection.answer_to(method).await
}

#[tokio::test]
async fn each_face_has_the_callers_it_wants() {
    let server = serve(|_| {}).await;
    let basic_of = |user, password| Some(basic(user, password));
    let check = async |path: &str, credential: Option<String>, status: u16, text: &str| {
        let answer = ask(&server, "GET", path, credential.as_deref()).await;
        assert_eq!((answer.status, answer.text()), (status, text), "{path}");
    };
    let me = "127.0.0.1";
    check("/global", None, 401, "").await;
    let text = format!("GET /global interop@example.com {me} - None false");
    check("/global", Some(logged_in()), 200, &text).await;
    let text = format!("GET /open nobody {me} - Some(\"a=%20b\") true");
    check("/OPEN?a=%20b", Some(logged_in()), 200, &text).await;
    let text = format!("GET /links/{{key}} legacy {me} Ab1 None false");
    check("/Links/Ab1", None, 200, &text).await;
    let text = format!("GET /legacy legacy {me} - None false");
    check("/legacy", basic_of("gssmo", "legacy secret"), 200, &text).await;
    check("/legacy", None, 401, "").await;
    // The two logins know nothing of each other.
    check("/legacy", Some(logged_in()), 401, "").await;
    check("/global", basic_of("gssmo", "legacy secret"), 401, "").await;
    check("/legacy", basic_of("GSSMO", "legacy secret"), 401, "").await;
}

/// Without what is different in every answer.
fn told(mut answer: Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    answer
        .headers
        .retain(|(name, _)| !["Request-Id", "Date"].contains(&name.as_str()));
    (answer.status, answer.headers, answer.body)
}

#[tokio::test]
async fn outside_a_list_of_its_own_a_face_is_not_there() {
    let server = serve(|_| {}).await;
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
        let known = ask(&server, method, "/elsewhere", Some(&logged_in())).await;
        let unknown = ask(&server, method, "/nowhere", Some(&logged_in())).await;
        assert_eq!(known.status, 404, "{method}");
        assert_eq!(told(known), told(unknown), "{method}");
    }
}

#[tokio::test]
async fn a_list_of_its_own_opens_the_door_to_that_face_only() {
    let server = serve(|s| s.access.allow = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let status = async |path| ask(&server, "GET", path, Some(&logged_in())).await.status;
    assert_eq!(status("/links/k").await, 200);
    assert_eq!(status("/global").await, 403);
    assert_eq!(status("/open").await, 403);
}

#[tokio::test]
async fn each_route_has_its_methods() {
    let server = serve(|_| {}).await;
    let answer = ask(&server, "OPTIONS", "/open", None).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
    let answer = ask(&server, "GET", "/both", None).await;
    let allow = Some("POST, OPTIONS");
    assert_eq!((answer.status, answer.header("allow")), (405, allow));
    assert_eq!(ask(&server, "OPTIONS", "/both", None).await.status, 200);
    assert_eq!(ask(&server, "HEAD", "/open", None).await.status, 200);
}

#[tokio::test]
async fn a_hash_of_a_face_is_named_where_it_stands() {
    let login = OwnLogin {
        password_hash: "plain".to_owned(),
        ..own_login()
    };
    let door = Arc::new(Door(own("127.0.0.1/32", Some(login))));
    let routes = Routes::default().with("/legacy", door);
    let error = TestServer::try_with(routes, |_| {}).await.err().unwrap();
    assert!(error.to_string().contains("freebusy_url[0]"), "{error}");
}
