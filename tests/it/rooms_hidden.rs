//! Without room booking no face tells of a room list, nor of what a room is booked for: each of them is asked, over real
//! sockets, and with room booking the same questions are answered.

use std::sync::Arc;

use calbridge::service::settings::ServiceSettings;
use tempfile::TempDir;

use crate::faces_world::{DETAILS_KEY, client, start_over};
use crate::gateway_world::{Question, ask, mailbox};
use crate::rooms::{endpoint, folder};
use crate::world::{ACCOUNT, PASSWORD, TestServer};

/// Of the calendars that each mailbox of the folder has.
const SUBJECT: &str = "Secret plan";

/// The Autodiscover requests about a mailbox: plain XML, and SOAP.
fn pox(address: &str) -> String {
    format!(
        "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request>\
         <EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>\
         http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>"
    )
}

fn soap(address: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:a=\"http://schemas.microsoft.com/exchange/2010/Autodiscover\"><s:Body>\
         <a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>{address}</a:Mailbox></a:User></a:Users>\
         <a:RequestedSettings><a:Setting>UserDisplayName</a:Setting></a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>"
    )
}

/// A question of EWS about times and suggestions, also those at which nobody is known to be free.
fn with_suggestions(address: &str) -> String {
    let question = Question {
        suggestions: true,
        search: "<t:MeetingDurationInMinutes>60</t:MeetingDurationInMinutes>\
                 <t:MinimumSuggestionQuality>Poor</t:MinimumSuggestionQuality>",
        ..ask()
    };
    question.xml_of(&mailbox(address))
}

struct Asker {
    client: reqwest::Client,
    base: String,
}

impl Asker {
    /// Whatever each face says of `address` on the first of September, with the name of the face.
    async fn all(&self, address: &str) -> Vec<(&'static str, String)> {
        let (start, end) = ("2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z");
        let encoded = address.replace('+', "%2B");
        let text = format!(
            "text=%5B1%2C0%2C%5B{encoded}%5D%2C20260901%2F20260902%2C20260101T000000%2CUTC%5D"
        );
        let json =
            format!(r#"{{"timeMin":"{start}","timeMax":"{end}","items":[{{"id":"{address}"}}]}}"#);
        let link = |kind: &str| {
            format!("/freebusy/{DETAILS_KEY}/{encoded}.{kind}?start={start}&end={end}")
        };
        let soap_question = with_suggestions(address);
        vec![
            ("EWS", self.post("/EWS/Exchange.asmx", soap_question).await),
            (
                "/v1/availability",
                self.get(&format!(
                    "/v1/availability?address={encoded}&from={start}&to={end}"
                ))
                .await,
            ),
            ("freeBusy", self.post("/calendar/v3/freeBusy", json).await),
            (".ifb", self.get(&link("ifb")).await),
            (".ics", self.get(&link("ics")).await),
            (
                "connector",
                self.form("/details/ExchangeQuerier.aspx", &text).await,
            ),
            (
                "connector as iCalendar",
                self.get(&format!("/details/ExchangeQuerierAsIcal.aspx?{text}"))
                    .await,
            ),
            (
                "Autodiscover",
                self.post("/autodiscover/autodiscover.xml", pox(address))
                    .await,
            ),
            (
                "Autodiscover SOAP",
                self.post("/autodiscover/autodiscover.svc", soap(address))
                    .await,
            ),
            (
                "Autodiscover JSON",
                self.get(&format!(
                    "/autodiscover/autodiscover.json/v1.0/{encoded}?Protocol=EWS"
                ))
                .await,
            ),
        ]
    }

    async fn get(&self, path: &str) -> String {
        self.text(self.client.get(format!("{}{path}", self.base)))
            .await
    }

    async fn post(&self, path: &str, body: String) -> String {
        let request = self.client.post(format!("{}{path}", self.base));
        self.text(
            request
                .header("content-type", "text/xml; charset=utf-8")
                .body(body),
        )
        .await
    }

    async fn form(&self, path: &str, body: &str) -> String {
        let request = self.client.post(format!("{}{path}", self.base));
        let kind = "application/x-www-form-urlencoded";
        self.text(request.header("content-type", kind).body(body.to_owned()))
            .await
    }

    async fn text(&self, request: reqwest::RequestBuilder) -> String {
        let request = request.basic_auth(ACCOUNT, Some(PASSWORD));
        request.send().await.unwrap().text().await.unwrap()
    }
}

async fn start(folder: &TempDir, room_booking: bool) -> TestServer {
    let mut settings = ServiceSettings::default();
    settings.sharing.room_booking = room_booking;
    settings.sharing.directory = true;
    start_over(Arc::new(endpoint(folder.path())), &settings).await
}

/// The faces that tell `word` of `address`.
async fn tellers(room_booking: bool, address: &str, word: &str) -> Vec<&'static str> {
    let folder = folder();
    let server = start(&folder, room_booking).await;
    let (client, base) = client(&server);
    let answers = Asker { client, base }.all(address).await;
    let telling = answers.into_iter().filter(|(_, text)| text.contains(word));
    telling.map(|(face, _)| face).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_face_tells_what_a_room_is_booked_for() {
    let person = tellers(false, "rudolf@example.com", SUBJECT).await;
    // The test would find it.
    for face in ["EWS", "/v1/availability", ".ics"] {
        assert!(person.contains(&face), "{face}: {person:?}");
    }
    assert_eq!(tellers(true, "aurora@example.com", SUBJECT).await, person);
    let none: [&str; 0] = [];
    assert_eq!(tellers(false, "aurora@example.com", SUBJECT).await, none);
}

/// The faces that answer for a list in another way than for an address that nobody has.
async fn tellers_of_list(room_booking: bool, list: &str) -> Vec<&'static str> {
    let folder = folder();
    let server = start(&folder, room_booking).await;
    let (client, base) = client(&server);
    let asker = Asker { client, base };
    let answers = asker.all(&format!("{list}@example.com")).await;
    let nobody = asker.all("nobody@example.com").await;
    let told = answers.into_iter().zip(nobody);
    // As they write the address, encoded or not.
    let unlike = told.filter(|((_, text), (_, other))| {
        let encoded = list.replace('+', "%2B");
        text.replace(&encoded, "nobody").replace(list, "nobody") != *other
    });
    unlike.map(|((face, _), _)| face).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_face_tells_of_a_room_list() {
    let all = [
        "EWS",
        "/v1/availability",
        "freeBusy",
        ".ifb",
        ".ics",
        "connector",
        "connector as iCalendar",
    ];
    // A list of one, one that is too long, and a part that is known as a list of rooms alone.
    for (list, tellers) in [("annex", &all[..]), ("tower", &all), ("tower+2", &all[..1])] {
        let none: [&str; 0] = [];
        assert_eq!(tellers_of_list(false, list).await, none, "{list}");
        // The test would find it.
        assert_eq!(tellers_of_list(true, list).await, tellers, "{list}");
    }
}
