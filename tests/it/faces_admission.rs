//! Who is let in at the faces beside EWS: what callers outside of `access.allow` are told, and how requests are counted.

use std::num::NonZeroU32;
use std::time::Duration;

use calbridge::server::settings::ServerSettings;
use calbridge::service::settings::ServiceSettings;
use serde_json::Value;

use crate::faces_world::{DETAILS_KEY, KEY, client, start_tweaked};
use crate::gateway_world::{MemoryBackend, endpoint};
use crate::world::{TestServer, logged_in};

async fn start(tweak: impl FnOnce(&mut ServerSettings)) -> TestServer {
    let backend = MemoryBackend::new();
    backend.put("anna@example.com", Vec::new());
    let endpoint = endpoint("hq", &["example.com"], backend, Duration::from_secs(5));
    start_tweaked(endpoint, &ServiceSettings::default(), tweak).await
}

/// Status, headers without what differs from one answer to the next, and the body.
async fn told(request: reqwest::RequestBuilder) -> (u16, reqwest::header::HeaderMap, String) {
    let answer = request.send().await.unwrap();
    let mut headers = answer.headers().clone();
    for changing in ["date", "request-id"] {
        headers.remove(changing);
    }
    let status = answer.status().as_u16();
    (status, headers, answer.text().await.unwrap())
}

/// The server is reachable, because links may be read from everywhere.
#[tokio::test]
async fn outside_of_the_allow_list_the_json_faces_are_not_there() {
    let server = start(|s| s.access.allow = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let (client, base) = client(&server);
    let ask = async |method: &str, path: &str| {
        let request = client.request(method.parse().unwrap(), format!("{base}{path}"));
        told(request.header("authorization", logged_in())).await
    };
    for method in ["GET", "POST", "HEAD", "OPTIONS"] {
        let unknown = ask(method, "/nowhere").await;
        assert_eq!(unknown.0, 404);
        for path in [
            "/calendar/v3/freeBusy",
            "/v1/availability?address=anna@example.com",
            "/v1/openapi.json",
        ] {
            assert_eq!(ask(method, path).await, unknown, "{method} {path}");
        }
    }
    // Those who set up a connection to Exchange are told what is wrong with it.
    for path in ["/EWS/Exchange.asmx", "/autodiscover/autodiscover.xml"] {
        assert_eq!(ask("POST", path).await.0, 403, "{path}");
    }
}

#[tokio::test]
async fn each_link_is_a_caller_of_its_own() {
    let server = start(|s| s.access.rate_limit = NonZeroU32::new(2)).await;
    let (client, base) = client(&server);
    let read = async |key: &str| {
        let url = format!("{base}/freebusy/{key}/anna@example.com.ifb");
        told(client.get(url)).await
    };
    for _ in 0..2 {
        assert_eq!(read(KEY).await.0, 200);
    }
    let (status, headers, _) = read(KEY).await;
    assert_eq!(status, 429);
    assert!(headers.contains_key("retry-after"));
    assert_eq!(read(DETAILS_KEY).await.0, 200);
    // A wrong key tells nothing of it.
    for _ in 0..3 {
        assert_eq!(read("0".repeat(48).as_str()).await.0, 404);
    }
}

#[tokio::test]
async fn each_request_is_counted_by_what_it_asks_for() {
    let server = start(|_| {}).await;
    let (client, base) = client(&server);
    let message = "text=[1,7,[anna@example.com],20260901/20260902,0,UTC]";
    let link = format!("/freebusy/{KEY}/anna@example.com.ifb");
    for (path, body, face, operation) in [
        (
            "/calendar/v3/freeBusy",
            Some("{}"),
            "json",
            "freeBusy.query",
        ),
        ("/v1/availability", None, "json", "availability"),
        ("/v1/openapi.json", None, "json", "openapi"),
        (&link, None, "freebusy_link", "publish"),
        (
            "/lookup/ExchangeQuerier.aspx",
            Some(message),
            "connector",
            "ExchangeQuerier",
        ),
        (
            "/lookup/ExchangeQuerierAsIcal.aspx",
            None,
            "connector",
            "ExchangeQuerierAsIcal",
        ),
        (
            "/autodiscover/autodiscover.xml",
            Some("<a/>"),
            "autodiscover",
            "Pox",
        ),
        (
            "/autodiscover/autodiscover.svc",
            Some("<a/>"),
            "autodiscover",
            "GetUserSettings",
        ),
        (
            "/autodiscover/autodiscover.json/v1.0/anna@example.com?Protocol=EWS",
            None,
            "autodiscover",
            "Json",
        ),
    ] {
        let request = match body {
            Some(body) => client.post(format!("{base}{path}")).body(body),
            None => client.get(format!("{base}{path}")),
        };
        let labels = format!(r#"face="{face}",operation="{operation}""#);
        let count = || {
            let page = server.metrics.render();
            let lines = page.lines().filter(|line| line.contains(&labels));
            let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
            counts.sum::<u64>()
        };
        let before = count();
        told(request.header("authorization", logged_in())).await;
        assert_eq!(count(), before + 1, "{path}");
    }
}

#[tokio::test]
async fn too_many_requests_are_told_in_the_form_of_the_page() {
    let server = start(|s| s.access.rate_limit = NonZeroU32::new(1)).await;
    let (client, base) = client(&server);
    let path = |page: &str| format!("{base}/lookup/{page}");
    let message = "[1,7,[anna@example.com],20260901/20260902,0,UTC]";
    let ask = async |page: &str| {
        let request = client.post(path(page)).body(format!("text={message}"));
        let form = "application/x-www-form-urlencoded";
        told(request.header("content-type", form)).await
    };
    assert_eq!(ask("ExchangeQuerier.aspx").await.0, 200);

    let (status, headers, page) = ask("ExchangeQuerier.aspx").await;
    assert_eq!(status, 429);
    assert_eq!(headers["cache-control"], "no-store");
    assert!(headers.contains_key("retry-after"));
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(field(&page)[2], "0", "{page}");

    let (status, headers, text) = ask("ExchangeQuerierAsIcal.aspx").await;
    assert_eq!(status, 429);
    assert!(headers.contains_key("retry-after"));
    assert_eq!(text, "too many requests, to be asked again\n");
}

/// What the page posts on.
fn field(page: &str) -> Value {
    let value = page.split("value=\"").nth(1).unwrap();
    let value = value.split('"').next().unwrap().replace("&quot;", "\"");
    serde_json::from_str(&value).unwrap()
}
