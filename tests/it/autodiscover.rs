//! Autodiscover over a real socket, in its three forms: found, foreign, and broken in every way that callers think of.

use std::sync::Arc;
use std::time::Duration;

use calbridge::backend::instance::Instance;
use calbridge::codec::autodiscover::{pox, soap};
use calbridge::domain::{FixedClock, MailDomain, SmtpAddress};
use calbridge::face::Routes;
use calbridge::face::autodiscover::{AutodiscoverFace, AutodiscoverJsonFace};
use calbridge::service::Availability;
use calbridge::service::settings::{AliasSettings, ServiceSettings};
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::corpus::samples;
use crate::gateway_world::{MemoryBackend, endpoint, texts};
use crate::world::{ACCOUNT, Answer, Raw, TestServer, client_config, logged_in};

const URL: &str = "https://gateway.example/EWS/Exchange.asmx";
const POX: &str = "/Autodiscover/Autodiscover.xml";
const SOAP: &str = "/autodiscover/autodiscover.svc";

async fn server() -> TestServer {
    let clock = Arc::new(FixedClock("2026-09-01T12:34:56Z".parse().unwrap()));
    let endpoints = vec![endpoint(
        "memory",
        &["example.com"],
        MemoryBackend::new(),
        Duration::from_secs(20),
    )];
    let instance = Instance::new(Arc::new(FixedClock(Timestamp::UNIX_EPOCH)));
    let domain = |text| MailDomain::parse(text).unwrap();
    let mut settings = ServiceSettings::default();
    settings.routing.aliases = vec![AliasSettings {
        external: domain("alias.example"),
        internal: domain("example.com"),
    }];
    let single = SmtpAddress::parse("lobby@elsewhere.example").unwrap();
    settings.routing.overrides = vec![(single, 0)];
    let availability = Availability::new(endpoints, &settings, &instance);
    let availability = Arc::new(availability);
    let face = Arc::new(AutodiscoverFace::new(Arc::clone(&availability), clock, URL));
    let json = Arc::new(AutodiscoverJsonFace::new(availability, URL));
    let routes = Routes::default()
        .with(AutodiscoverFace::POX_PATH, Arc::clone(&face) as _)
        .with_methods(
            AutodiscoverFace::SOAP_PATH,
            AutodiscoverFace::SOAP_METHODS,
            face,
        )
        .with(AutodiscoverJsonFace::PATH, Arc::clone(&json) as _)
        .with(AutodiscoverJsonFace::PATH_OF_ONE, json);
    TestServer::try_with(routes, |_| {}).await.unwrap()
}

async fn send(server: &TestServer, head: &str, login: bool, body: &str) -> Answer {
    let login = if login {
        format!("Authorization: {}\r\n", logged_in())
    } else {
        String::new()
    };
    let request = format!(
        "{head} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\n{login}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    server.connect().await.ask(request).await
}

fn pox_request(address: &str) -> String {
    let request = pox::PoxRequest {
        address: address.to_owned(),
    };
    String::from_utf8(request.write()).unwrap()
}

fn soap_request(users: &[&str], settings: &[&str]) -> String {
    let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let request = soap::UserSettingsRequest {
        users: all(users),
        settings: all(settings),
    };
    String::from_utf8(request.write()).unwrap()
}

#[tokio::test]
async fn plain_xml_tells_the_url_in_both_elements_of_both_protocols() {
    let server = server().await;
    for address in [
        "anna@example.com",
        "nobody@EXAMPLE.com",
        "anna@alias.example",
        ACCOUNT,
    ] {
        let answer = send(&server, &format!("POST {POX}"), true, &pox_request(address)).await;
        assert_eq!(answer.status, 200);
        let text = answer.text();
        assert_eq!(texts(text, "Type"), ["EXCH", "EXPR", "WEB", "EXCH", "EXCH"]);
        assert_eq!(texts(text, "EwsUrl"), [URL, URL]);
        assert_eq!(texts(text, "ASUrl"), [URL; 4]);
        assert_eq!(
            texts(text, "AutoDiscoverSMTPAddress"),
            [address.to_lowercase()]
        );
        assert!(
            text.lines()
                .any(|line| line == format!("<EwsUrl>{URL}</EwsUrl>"))
        );
    }
}

#[tokio::test]
async fn plain_xml_says_what_is_wrong_with_status_200() {
    let server = server().await;
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                <Autodiscover><Request><EMailAddress>&b;</EMailAddress></Request></Autodiscover>";
    let mobile = pox_request("anna@example.com")
        .replace("outlook/requestschema", "mobilesync/requestschema");
    for (body, code) in [
        (pox_request("anna@foreign.example"), "500"),
        (pox_request("anna"), "500"),
        (
            pox_request(&format!("{}@example.com", "a".repeat(10_000))),
            "500",
        ),
        (bomb.to_owned(), "600"),
        ("no xml".to_owned(), "600"),
        (String::new(), "600"),
        (mobile, "601"),
        (
            pox_request("anna@example.com").replace("2006a", "2005"),
            "601",
        ),
    ] {
        let answer = send(&server, &format!("POST {POX}"), true, &body).await;
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(texts(answer.text(), "ErrorCode"), [code], "{body:.300}");
        assert!(answer.text().contains("<Error Time=\"12:34:56\" Id=\""));
        assert!(!answer.text().contains("Url"));
    }
    let looked_at = send(&server, &format!("GET {POX}"), true, "").await;
    assert_eq!(looked_at.status, 200);
    assert_eq!(texts(looked_at.text(), "ErrorCode"), ["600"]);
}

#[tokio::test]
async fn soap_answers_each_user_and_each_setting() {
    let server = server().await;
    let settings = [
        "InternalEwsUrl",
        "ExternalEwsUrl",
        "EwsSupportedSchemas",
        "UserDisplayName",
        "AutoDiscoverSMTPAddress",
        "CasVersion",
        "UserDN",
    ];
    let body = soap_request(&["anna@example.com", "anna@foreign.example"], &settings);
    let answer = send(&server, &format!("POST {SOAP}"), true, &body).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    // Of the request as a whole, of Anna and of the setting that there is not, of the foreign user.
    assert_eq!(
        texts(text, "ErrorCode"),
        ["NoError", "NoError", "SettingIsNotAvailable", "InvalidUser"]
    );
    assert_eq!(texts(text, "Name"), settings[..6]);
    let values = texts(text, "Value");
    assert_eq!((values[0].as_str(), values[1].as_str()), (URL, URL));
    assert!(values[2].ends_with("Exchange2015, Exchange2016"));
    assert_eq!(values[4], "anna@example.com");
    assert_eq!(texts(text, "SettingName"), ["UserDN"]);
    assert_eq!(texts(text, "MajorVersion"), ["15"]);
}

#[tokio::test]
async fn soap_refuses_what_is_no_request() {
    let server = server().await;
    let many: Vec<&str> = vec!["anna@example.com"; 101];
    for (body, code) in [
        (soap_request(&[], &["ExternalEwsUrl"]), "InvalidRequest"),
        (soap_request(&["anna@example.com"], &[]), "InvalidRequest"),
        (soap_request(&many, &["ExternalEwsUrl"]), "InvalidRequest"),
    ] {
        let answer = send(&server, &format!("POST {SOAP}"), true, &body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(texts(answer.text(), "ErrorCode"), [code]);
        assert!(!answer.text().contains(URL));
    }
    let whole = soap_request(&["anna@example.com"], &["ExternalEwsUrl"]);
    let bomb = format!("<!DOCTYPE a [<!ENTITY a \"aaaa\">]>{whole}");
    for (body, code) in [
        (bomb, "ErrorSchemaValidation"),
        (whole.replace("</s:Body>", ""), "ErrorSchemaValidation"),
        (
            whole.replace("GetUserSettingsRequest", "GetDomainSettingsRequest"),
            "ErrorInvalidRequest",
        ),
        (String::new(), "ErrorInvalidRequest"),
    ] {
        let answer = send(&server, &format!("POST {SOAP}"), true, &body).await;
        assert_eq!(answer.status, 500);
        assert_eq!(texts(answer.text(), "ResponseCode"), [code]);
    }
    let looked_at = send(&server, &format!("GET {SOAP}"), true, "").await;
    assert_eq!(looked_at.status, 405);
    assert_eq!(looked_at.header("allow"), Some("POST"));
}

#[tokio::test]
async fn xml_and_soap_want_the_login_and_json_does_not() {
    let server = server().await;
    for path in [POX, SOAP] {
        let body = pox_request("anna@example.com");
        let answer = send(&server, &format!("POST {path}"), false, &body).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    for path in [
        "/autodiscover/autodiscover.json/v1.0/anna@example.com?Protocol=EWS",
        "/AutoDiscover/AutoDiscover.json/v1.0/anna%40example.com?protocol=ews",
        "/autodiscover/autodiscover.json?Email=nobody%40example.com&Protocol=EWS",
        "/autodiscover/autodiscover.json/v1.0/anna@alias.example?Protocol=EWS",
        "/autodiscover/autodiscover.json/v1.0/lobby@elsewhere.example?Protocol=EWS",
        // As nobody knows without a login who has a mailbox in a domain.
        "/autodiscover/autodiscover.json/v1.0/nobody@elsewhere.example?Protocol=EWS",
    ] {
        let answer = send(&server, &format!("GET {path}"), false, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.text(),
            format!("{{\"Protocol\":\"EWS\",\"Url\":\"{URL}\"}}")
        );
    }
    let of_one = "/autodiscover/autodiscover.json/v1.0";
    for (path, status, code) in [
        (
            format!("{of_one}/anna@sub.alias.example?Protocol=EWS"),
            404,
            "UserNotFound",
        ),
        (
            format!("{of_one}/anna@foreign.example?Protocol=EWS"),
            404,
            "UserNotFound",
        ),
        (format!("{of_one}/anna?Protocol=EWS"), 400, "InvalidUserId"),
        (
            format!("{of_one}/anna@example.com"),
            400,
            "MandatoryParameterMissing",
        ),
        (
            format!("{of_one}/anna@example.com?Protocol=ActiveSync"),
            400,
            "ProtocolNotSupported",
        ),
        (
            "/autodiscover/autodiscover.json?Protocol=EWS".to_owned(),
            400,
            "InvalidUserId",
        ),
    ] {
        let answer = send(&server, &format!("GET {path}"), false, "").await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.text().contains(&format!("\"ErrorCode\":\"{code}\"")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn callers_that_name_no_host_get_the_certificate() {
    let server = server().await;
    let tcp = TcpStream::connect(server.address).await.unwrap();
    // With an address in place of a name, a client sends no server name.
    let address = ServerName::try_from("127.0.0.1").unwrap();
    let connector = TlsConnector::from(client_config(&server.certificate, &[b"http/1.1"]));
    let mut connection = connector.connect(address, tcp).await.map(Raw::new).unwrap();
    let path = "/autodiscover/autodiscover.json?Email=anna@example.com&Protocol=EWS";
    let answer = connection
        .ask(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
        .await;
    assert_eq!(answer.status, 200);
}

#[test]
fn samples_are_read_and_survive_a_round_trip() {
    for (folder, file, body) in samples(".request.xml") {
        match folder.as_str() {
            "autodiscover-pox" => {
                let request = pox::read(&body).unwrap_or_else(|error| panic!("{file}: {error:?}"));
                assert!(request.address.contains('@'), "{file}");
                assert_eq!(pox::read(&request.write()), Ok(request), "{file}");
            }
            "autodiscover-soap" => {
                let request = soap::read(&body).unwrap_or_else(|error| panic!("{file}: {error:?}"));
                assert!(request.is_answerable(), "{file}");
                let text = String::from_utf8(body).unwrap();
                let written = text.matches("Setting>").count() / 2;
                assert_eq!(request.settings.len(), written, "{file}");
                assert_eq!(soap::read(&request.write()), Ok(request), "{file}");
            }
            _ => {}
        }
    }
}
