//! No bytes make a decoder panic: arbitrary ones, and valid documents with a few bytes changed, cut or repeated.

use calbridge::codec::ews::envelope;
use calbridge::codec::ews::upstream::{self, Question, SchemaLevel};
use calbridge::domain::{SmtpAddress, TimeWindow};
use proptest::prelude::*;

fn question(mailboxes: &[SmtpAddress]) -> Question<'_> {
    let window = TimeWindow::new(
        "2026-09-01T00:00Z".parse().unwrap(),
        "2026-09-08T00:00Z".parse().unwrap(),
    )
    .unwrap();
    Question {
        level: SchemaLevel::Exchange2010Sp1,
        mailboxes,
        window,
    }
}

fn read_everything(body: &[u8]) {
    let mailboxes = [SmtpAddress::parse("anna@example.com").unwrap()];
    let _ = envelope::read(body);
    let _ = upstream::read(body, &question(&mailboxes));
}

/// Every golden answer, and a request of our own.
fn documents() -> Vec<Vec<u8>> {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ews/upstream");
    let mut documents: Vec<_> = std::fs::read_dir(golden)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let mailboxes = [SmtpAddress::parse("anna@example.com").unwrap()];
    documents.push(upstream::write(&question(&mailboxes)));
    documents
}

proptest! {
    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
        read_everything(&body);
    }

    #[test]
    fn any_markup(body in "[<>/&;#x0-9a-z:=\"' !\\[\\]?-]{0,200}") {
        read_everything(body.as_bytes());
    }

    #[test]
    fn damaged_documents(which in 0_usize..100, damage in prop::collection::vec((any::<u16>(), any::<u8>(), 0_usize..4), 1..5)) {
        let documents = documents();
        let mut body = documents[which % documents.len()].clone();
        for (place, byte, how) in damage {
            if body.is_empty() {
                break;
            }
            let at = usize::from(place) % body.len();
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                2 => { body.remove(at); }
                _ => body.truncate(at),
            }
        }
        read_everything(&body);
    }
}
