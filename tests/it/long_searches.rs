//! A search for suggested times that takes long holds up nobody: shown by order on one thread, not by time.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use calbridge::backend::instance::Instance;
use calbridge::domain::{Caller, Detail, FixedClock, SmtpAddress};
use calbridge::face::ews::EwsFace;
use calbridge::face::{Call, Face, Parameters};
use calbridge::service::Availability;
use calbridge::service::settings::ServiceSettings;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use crate::gateway_world::{MemoryBackend, Question, ask, busy, endpoint, texts};
use crate::world::ACCOUNT;

fn face() -> EwsFace {
    let backend = MemoryBackend::new();
    let meeting = busy("2026-09-01T09:00", "2026-09-01T10:00");
    backend.put("anna@example.com", vec![meeting]);
    let endpoint = endpoint("memory", &["example.com"], backend, Duration::from_mins(1));
    let instance = Instance::new(Arc::new(FixedClock(Timestamp::UNIX_EPOCH)));
    let settings = ServiceSettings::default();
    let availability = Availability::new(vec![endpoint], &settings, &instance);
    EwsFace::new(Arc::new(availability), [])
}

async fn answer(face: &EwsFace, question: Question<'_>) -> String {
    let account = SmtpAddress::parse(ACCOUNT).unwrap();
    let path: Arc<str> = EwsFace::PATH.into();
    let call = Call {
        method: Method::POST,
        path: Arc::clone(&path),
        template: path,
        parameters: Parameters::default(),
        query: None,
        client: [127, 0, 0, 1].into(),
        headers: HeaderMap::from_iter([(
            CONTENT_TYPE,
            HeaderValue::from_static("text/xml; charset=utf-8"),
        )]),
        body: Bytes::from(question.xml()),
        caller: Arc::new(Caller::of_account(account, Detail::Subjects)),
        request_id: uuid::Uuid::nil(),
        trace: None,
        deadline: tokio::time::Instant::now() + Duration::from_mins(1),
    };
    let response = face.answer(call).await.response;
    assert_eq!(response.status(), 200);
    String::from_utf8(response.into_body().to_vec()).unwrap()
}

/// Two months for a hundred attendees.
fn long_search(mailboxes: &str) -> Question<'_> {
    Question {
        mailboxes,
        suggestions: true,
        search_window: ("2026-09-01T00:00:00", "2026-11-02T00:00:00"),
        ..ask()
    }
}

#[test]
fn others_are_answered_while_a_search_waits_for_a_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let face = face();
        // The only thread for long work is taken, so a search that is finished was made on the thread of the callers.
        let (release, taken) = mpsc::channel::<()>();
        let taking = spawn_blocking(move || taken.recv());
        let mailboxes = ["anna@example.com"; 100].join(" ");
        let mut search = std::pin::pin!(answer(&face, long_search(&mailboxes)));
        let others = async {
            for _ in 0..50 {
                let answer = answer(&face, ask()).await;
                assert_eq!(texts(&answer, "BusyType"), ["Busy"]);
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = &mut search => panic!("the search was made on the thread that answers callers"),
            () = others => {}
        }
        release.send(()).unwrap();
        taking.await.unwrap().unwrap();
        let found = search.await;
        assert!(!texts(&found, "MeetingTime").is_empty(), "{found}");
    });
}
