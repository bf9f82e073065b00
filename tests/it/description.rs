//! The files that describe the EWS face: served to whoever may ask it, and telling of exactly what it answers.

use std::sync::Arc;

use calbridge::face::Routes;
use calbridge::face::description::DescriptionFace;
use calbridge::metrics::labels::OPERATIONS;

use crate::world::{TestServer, logged_in};

const URL: &str = "https://gateway.example/EWS/Exchange.asmx?a=1&b=2";

async fn fetch(path: &str, login: bool) -> (u16, String) {
    let face = Arc::new(DescriptionFace::new(URL));
    let routes = Routes::default()
        .with(DescriptionFace::SERVICES_PATH, Arc::clone(&face) as _)
        .with(DescriptionFace::MESSAGES_PATH, Arc::clone(&face) as _)
        .with(DescriptionFace::TYPES_PATH, face);
    let server = TestServer::try_with(routes, |_| {}).await.unwrap();
    let login = if login {
        format!("Authorization: {}\r\n", logged_in())
    } else {
        String::new()
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{login}\r\n");
    let answer = server.connect().await.ask(request).await;
    (answer.status, answer.text().to_owned())
}

#[tokio::test]
async fn files_are_served_behind_the_login() {
    for (path, name) in [
        ("/EWS/services.wsdl", "<wsdl:definitions"),
        ("/ews/Messages.xsd", "2006/messages"),
        ("/ews/types.xsd", "2006/types"),
    ] {
        assert_eq!(fetch(path, false).await.0, 401, "{path}");
        let (status, text) = fetch(path, true).await;
        assert_eq!(status, 200, "{path}");
        assert!(text.starts_with("<?xml") && text.contains(name), "{path}");
    }
}

#[tokio::test]
async fn the_service_is_at_the_public_url() {
    let (_, text) = fetch("/EWS/services.wsdl", true).await;
    let location =
        "<soap:address location=\"https://gateway.example/EWS/Exchange.asmx?a=1&amp;b=2\"/>";
    assert_eq!(text.matches(location).count(), 1);
}

#[tokio::test]
async fn every_operation_that_is_answered_is_described() {
    let (_, text) = fetch("/EWS/services.wsdl", true).await;
    let answered = OPERATIONS
        .iter()
        .filter(|(face, name)| *face == "ews" && !["none", "Description"].contains(name));
    for (_, name) in answered {
        let operation = format!("<wsdl:operation name=\"{name}\">");
        assert_eq!(text.matches(&operation).count(), 2, "{name}");
    }
}
