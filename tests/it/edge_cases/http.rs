//! What HTTP says around the document: types, encodings, lengths, methods, logins.

use std::time::Duration;

use calbridge::service::settings::SharingSettings;

use super::{ANNA_DIGITS, Digits, Edge, Expect, Fault, Status, judge, post, post_with};
use crate::gateway_world::{MemoryBackend, Question, ask, endpoint, gateway, texts};
use crate::world::{PATH, PATIENCE, Raw, basic, logged_in, request};

const ANNA: Expect<'static> = Digits(ANNA_DIGITS);
const XML: &str = "Content-Type: text/xml; charset=utf-8\r\n";

fn typed(content_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    post_with(&format!("Content-Type: {content_type}\r\n"), body)
}

#[tokio::test]
async fn content_types() {
    let mut edge = Edge::new().await;
    let xml = ask().xml();
    for kind in [
        "application/soap+xml",
        "text/plain",
        "application/xml",
        "text/xmlx",
        "text/html; charset=utf-8",
    ] {
        let answer = edge.check_http("9", typed(kind, &xml), Status(415)).await;
        let text = format!(
            "Cannot process the message because the content type '{kind}' was not the expected type 'text/xml; charset=utf-8'."
        );
        assert_eq!(answer.text(), text);
    }
    edge.check_http("9 missing", post_with("", &xml), ANNA)
        .await;
    edge.check_http("9 missing", post_with("", "{}"), Status(415))
        .await;
    for kind in [
        "text/xml;charset=utf-8",
        "TEXT/XML; Charset=\"UTF-8\"",
        "text/xml",
        "text/xml; charset=utf-8; action=\"x\"",
    ] {
        edge.check_http("10", typed(kind, &xml), ANNA).await;
    }
    let wide: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = [vec![0xFF, 0xFE], wide].concat();
    edge.check_http("12", typed("text/xml; charset=utf-16", &wide), Status(415))
        .await;
    edge.check_http("12 unsaid", post(&wide), Fault("ErrorSchemaValidation"))
        .await;
    edge.check_http("14", typed("text/xml; charset=iso-8859-1", &xml), ANNA)
        .await;
    let latin = [xml.replace("anna@", "a").as_bytes(), &[0xFC]].concat();
    edge.check_http(
        "14",
        typed("text/xml; charset=iso-8859-1", latin),
        Status(415),
    )
    .await;
}

#[tokio::test]
async fn paths_and_actions_of_every_spelling() {
    let mut edge = Edge::new().await;
    for path in [
        "/EWS/Exchange.asmx",
        "/ews/exchange.asmx",
        "/Ews/EXCHANGE.ASMX",
    ] {
        let request = String::from_utf8(post(ask().xml()))
            .unwrap()
            .replace(PATH, path);
        edge.check_http("path", request, ANNA).await;
    }
    let action = "http://schemas.microsoft.com/exchange/services/2006/messages";
    for action in [
        format!("\"{action}/GetUserAvailability\""),
        format!("{action}/DeleteItem"),
        "\"\"".to_owned(),
    ] {
        let headers = format!("{XML}SOAPAction: {action}\r\nX-AnchorMailbox: boss@example.com\r\n");
        edge.check_http("SOAPAction", post_with(&headers, ask().xml()), ANNA)
            .await;
    }
    let headers = format!("{XML}client-request-id: 0A-b\r\nreturn-client-request-id: true\r\n");
    let answer = edge
        .check_http("client-request-id", post_with(&headers, ask().xml()), ANNA)
        .await;
    assert_eq!(answer.header("client-request-id"), Some("0A-b"));
}

#[tokio::test]
async fn bodies_that_are_too_large_or_compressed() {
    let mut edge = Edge::new().await;
    let large = ask().xml().replace(
        "<s:Body>",
        &format!("<!--{}--><s:Body>", "x".repeat(2 << 20)),
    );
    let answer = edge.check_http("59", post(&large), Status(413)).await;
    assert!(answer.body.is_empty() && answer.closes());
    let claim = post("").replace_length(70_000_000);
    let answer = edge.check_http("59 declared", claim, Status(413)).await;
    assert!(answer.body.is_empty() && answer.closes());
    let pad = (1 << 20) - ask().xml().len() - "<!---->".len();
    let fits = ask()
        .xml()
        .replace("<s:Body>", &format!("<!--{}--><s:Body>", "x".repeat(pad)));
    assert_eq!(fits.len(), 1 << 20);
    edge.check_http("59 a mebibyte", post(&fits), ANNA).await;
    for coding in ["gzip", "deflate", "br"] {
        let headers = format!("{XML}Content-Encoding: {coding}\r\n");
        edge.check_http("63", post_with(&headers, ask().xml()), Status(415))
            .await;
    }
    let headers = format!("{XML}Content-Encoding: identity\r\n");
    edge.check_http("63 identity", post_with(&headers, ask().xml()), ANNA)
        .await;
}

/// A head with another `Content-Length`.
trait ReplaceLength {
    fn replace_length(self, length: usize) -> Vec<u8>;
}

impl ReplaceLength for Vec<u8> {
    fn replace_length(self, length: usize) -> Vec<u8> {
        let head = String::from_utf8(self).unwrap();
        head.replace("Content-Length: 0", &format!("Content-Length: {length}"))
            .into()
    }
}

/// A chunked POST without the end of its body.
fn chunked(chunk: usize, body: &str) -> String {
    let head = format!(
        "{XML}Authorization: {}\r\nTransfer-Encoding: chunked\r\n",
        logged_in()
    );
    let chunks = body.as_bytes().chunks(chunk).map(|chunk| {
        let text = std::str::from_utf8(chunk).unwrap();
        format!("{:x}\r\n{text}\r\n", chunk.len())
    });
    request("POST", &head, "") + &chunks.collect::<String>()
}

#[tokio::test]
async fn bodies_in_chunks() {
    let mut edge = Edge::new().await;
    let xml = ask().xml();
    for (row, chunk, end) in [
        ("62", 4096, "0\r\n\r\n"),
        ("62 tiny", 1, "0\r\n\r\n"),
        (
            "62 trailers",
            100,
            "0\r\nX-Sum: 1\r\nContent-Type: text/plain\r\n\r\n",
        ),
    ] {
        edge.check_http(row, chunked(chunk, &xml) + end, ANNA).await;
    }
    let answer = edge
        .check_http("62 broken", chunked(100, &xml) + "zz\r\n", Status(400))
        .await;
    assert!(answer.closes());
    let mut hasty = Edge::with(SharingSettings::default(), |s| {
        s.limits.body_timeout = Duration::from_millis(300);
    })
    .await;
    let answer = hasty
        .check_http("62 slow", chunked(100, &xml), Status(408))
        .await;
    assert!(answer.closes());
}

#[tokio::test]
async fn expectations_and_two_lengths() {
    let mut edge = Edge::new().await;
    let whole = post_with(&format!("{XML}Expect: 100-continue\r\n"), ask().xml());
    let body = whole.len() - ask().xml().len();
    edge.send(&whole[..body]).await;
    edge.check_next("64", "POST", Status(100)).await;
    edge.send(&whole[body..]).await;
    edge.check_next("64", "POST", ANNA).await;
    let stranger = String::from_utf8(whole)
        .unwrap()
        .replace(&logged_in(), "Basic eDp5");
    edge.send(&stranger[..body - logged_in().len() + "Basic eDp5".len()])
        .await;
    edge.check_next("64", "POST", Status(100)).await;
    edge.send(ask().xml()).await;
    edge.check_next("64 not logged in", "POST", Status(401))
        .await;
    let both = format!(
        "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
        ask().xml().len()
    );
    let smuggled = chunked(4096, &ask().xml()).replace("Transfer-Encoding: chunked\r\n", &both);
    let mut connection = edge.server.connect().await;
    let answer = connection.ask(smuggled + "0\r\n\r\n").await;
    assert!(
        answer.status == 400 || answer.status == 200,
        "row 65: {answer:?}"
    );
    assert!(
        answer.closes() && connection.closed().await.is_empty(),
        "row 65"
    );
    edge.check("65, a new connection", ask().xml(), ANNA).await;
}

#[tokio::test]
async fn logins_that_fail_look_alike() {
    let mut edge = Edge::new().await;
    let good = String::from_utf8(post(ask().xml())).unwrap();
    let mut seen = Vec::new();
    for (row, credential) in [
        ("66 none", String::new()),
        ("66 password", basic(crate::world::ACCOUNT, "wrong")),
        (
            "66 account",
            basic("nobody@example.com", crate::world::PASSWORD),
        ),
        ("66 empty", basic("", "")),
        ("66 Bearer", "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned()),
        ("67", "NTLM TlRMTVNTUAABAAAAB4IIogAAAAA=".to_owned()),
        ("67", "Negotiate YIIGhgYGKwYBBQUCoIIGejCC".to_owned()),
    ] {
        let line = format!("Authorization: {}\r\n", logged_in());
        let header = if credential.is_empty() {
            String::new()
        } else {
            format!("Authorization: {credential}\r\n")
        };
        let answer = edge
            .check_http(row, good.replace(&line, &header), Status(401))
            .await;
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Basic realm=\"localhost\""),
            "{row}"
        );
        let challenges = answer
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case("www-authenticate"));
        assert_eq!(challenges.count(), 1, "{row}");
        assert!(answer.body.is_empty() && !answer.closes(), "{row}");
        let names: Vec<String> = answer
            .headers
            .iter()
            .map(|(name, _)| name.to_lowercase())
            .collect();
        seen.push(names);
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
}

#[tokio::test]
async fn methods_and_plain_http() {
    let mut edge = Edge::new().await;
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH"] {
        let login = format!("Authorization: {}\r\n", logged_in());
        edge.send(request(method, &login, "")).await;
        let answer = edge.check_next("70", method, Status(405)).await;
        assert_eq!(answer.header("allow"), Some("POST, GET"), "{method}");
    }
    let login = format!("Authorization: {}\r\n", logged_in());
    for method in ["GET", "HEAD"] {
        edge.send(request(method, "", "")).await;
        let answer = edge.check_next("70", method, Status(401)).await;
        assert!(answer.header("www-authenticate").is_some());
        edge.send(request(method, &login, "")).await;
        let answer = edge.check_next("70", method, Status(200)).await;
        let line = "calbridge: free/busy lookups by Exchange Web Services. POST SOAP requests to this address.\n";
        let expect = if method == "GET" { line } else { "" };
        assert_eq!(answer.text(), expect);
        assert_eq!(
            answer.header("content-length"),
            Some(line.len().to_string().as_str())
        );
    }
    let tcp = tokio::net::TcpStream::connect(edge.server.address)
        .await
        .unwrap();
    let mut plain = Raw::new(tcp);
    let answer = plain.ask(post(ask().xml())).await;
    assert_eq!(answer.status, 400, "row 70 plain HTTP");
    assert!(answer.closes() && plain.closed().await.is_empty());
    edge.check("70, TLS again", ask().xml(), ANNA).await;
}

#[tokio::test]
async fn thirty_at_once_are_answered_and_one_too_many_is_told_to_wait() {
    let backend = MemoryBackend::together(30);
    // Each asks for a mailbox of its own: equal questions would share one call.
    let address = |place: usize| format!("anna{place}@example.com");
    let question = |place: usize| {
        let mailboxes = address(place);
        let question = Question {
            mailboxes: &mailboxes,
            ..ask()
        };
        post(question.xml())
    };
    (0..30).for_each(|place| super::put_anna_as(&backend, &address(place)));
    let patience = Duration::from_secs(20);
    let endpoints = vec![endpoint("memory", &["example.com"], backend, patience)];
    let server = gateway(endpoints, SharingSettings::default(), |s| {
        s.limits.max_in_flight = 30;
    })
    .await;
    let mut connections = Vec::new();
    for place in 0..29 {
        let mut connection = server.connect().await;
        connection.send(question(place)).await;
        connections.push(connection);
    }
    // The thirtieth is a request whose body is not complete: it holds a place, and the backend waits for it.
    let last = question(29);
    let mut thirtieth = server.connect().await;
    thirtieth.send(&last[..last.len() - 1]).await;
    let busy = refused(&server).await;
    judge("71 beyond", &busy, &Fault("ErrorServerBusy"));
    let text = "The server cannot service this request right now. Try again later.";
    assert_eq!(texts(busy.text(), "faultstring"), [text]);
    assert_eq!(texts(busy.text(), "Message"), [text]);
    let back_off = "<t:Value Name=\"BackOffMilliseconds\">2000</t:Value>";
    assert!(busy.text().contains(back_off), "{}", busy.text());
    assert_eq!(busy.header("retry-after"), Some("2"));
    thirtieth.send(&last[last.len() - 1..]).await;
    connections.push(thirtieth);
    for connection in &mut connections {
        judge("71", &connection.answer().await, &ANNA);
    }
}

/// Asks for a method's cheapest answer until the server has no place left. The requests before were sent, but when they
/// are begun is the server's affair.
async fn refused(server: &crate::world::TestServer) -> crate::world::Answer {
    let login = format!("Authorization: {}\r\n", logged_in());
    let begun = std::time::Instant::now();
    let mut connection = server.connect().await;
    loop {
        let answer = connection.ask(request("GET", &login, "")).await;
        if answer.status != 200 {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "a place stays free");
        tokio::task::yield_now().await;
    }
}
