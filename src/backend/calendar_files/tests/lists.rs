//! Distribution lists beside the calendars.

use super::*;
use crate::domain::{BusyStatus, CalendarEvent};

const TEAM: &str = r#"[[list]]
address = "team@files.example"
name = "The team"
members = ["anna@files.example", "bert@files.example"]
"#;

fn setting() -> Setting {
    let setting = Setting::new();
    setting.write("anna@files.example.ics", file("080000"));
    setting.write("bert@files.example.ics", file("080500"));
    setting.write("carl@files.example.ics", file("120000"));
    setting
}

async fn ask(setting: &Setting, mailbox: &str) -> Outcome {
    let mut answers = setting.ask(&[mailbox]).await;
    answers.remove(&address(mailbox)).unwrap()
}

async fn error(setting: &Setting, mailbox: &str) -> MailboxError {
    ask(setting, mailbox).await.unwrap_err()
}

#[tokio::test]
async fn a_list_is_told_as_one_without_its_events() {
    let setting = setting();
    setting.write("lists.toml", TEAM);
    let known = ask(&setting, "Team@files.example").await.unwrap();
    assert_eq!(known.detail(), Detail::DigitsOnly);
    // A quarter of an hour each, five minutes apart.
    let run = CalendarEvent {
        start: at("2026-09-01T08:00Z"),
        end: at("2026-09-01T08:20Z"),
        status: BusyStatus::Busy,
        details: None,
    };
    assert_eq!(known.to_vec(), [run]);
    let anna = ask(&setting, "anna@files.example").await.unwrap();
    assert_eq!(anna.detail(), Detail::Subjects);
}

#[tokio::test]
async fn changed_lists_are_seen_at_once() {
    let setting = setting();
    let team = "team@files.example";
    assert_eq!(error(&setting, team).await, MailboxError::NotFound);
    setting.write("lists.toml", TEAM);
    assert_eq!(ask(&setting, team).await.unwrap().len(), 1);
    setting.write("lists.toml", TEAM.replace("bert@", "carl@"));
    assert_eq!(ask(&setting, team).await.unwrap().len(), 2);
    fs::remove_file(setting.folder().join("lists.toml")).unwrap();
    assert_eq!(error(&setting, team).await, MailboxError::NotFound);
}

#[tokio::test]
async fn lists_within_lists_are_expanded_and_circles_end() {
    let setting = setting();
    let all = "[[list]]\naddress = \"all@files.example\"\nmembers = [\"team@files.example\", \"carl@files.example\", \"all@files.example\"]\n\
               [[list]]\naddress = \"none@files.example\"\nmembers = [\"none@files.example\"]\n";
    setting.write("lists.toml", format!("{TEAM}{all}"));
    assert_eq!(ask(&setting, "all@files.example").await.unwrap().len(), 2);
    let none = error(&setting, "none@files.example").await;
    assert_eq!(none, MailboxError::NoCalendar);
}

#[tokio::test]
async fn a_hundred_members_are_the_most() {
    let setting = Setting::new();
    let mut members = Vec::new();
    for number in 0..101 {
        let member = format!("m{number}@files.example");
        setting.write(&format!("{member}.ics"), file("080000"));
        members.push(format!("\"{member}\""));
    }
    let list = |count: usize| {
        let members = members[..count].join(", ");
        format!("[[list]]\naddress = \"all@files.example\"\nmembers = [{members}]\n")
    };
    setting.write("lists.toml", list(101));
    let long = error(&setting, "all@files.example").await;
    assert_eq!(long, MailboxError::ListTooLong);
    setting.write("lists.toml", list(100));
    assert_eq!(ask(&setting, "all@files.example").await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_member_is_never_shown_as_free() {
    let setting = setting();
    setting.write("lists.toml", TEAM.replace("bert@", "nobody@"));
    let team = "team@files.example";
    assert_eq!(error(&setting, team).await, MailboxError::GenerationFailed);
    setting.write("nobody@files.example.ics", "no calendar");
    assert_eq!(error(&setting, team).await, MailboxError::GenerationFailed);
    setting.write("nobody@files.example.ics", file("080000"));
    assert!(ask(&setting, team).await.is_ok());
}

#[tokio::test]
async fn lists_that_cannot_be_read_make_strangers_unknown_and_nobody_else() {
    let setting = setting();
    let broken: [&[u8]; 3] = [
        b"[[list]\n",
        b"\xff",
        b"[[list]]\naddress = \"x\"\nmembers = [\"y\"]\n",
    ];
    for bytes in broken {
        setting.write("lists.toml", bytes);
        let stranger = error(&setting, "team@files.example").await;
        assert_eq!(stranger, MailboxError::GenerationFailed);
        assert!(ask(&setting, "anna@files.example").await.is_ok());
    }
}

#[tokio::test]
async fn a_list_and_a_mailbox_of_one_address_are_both_refused() {
    let setting = setting();
    setting.write("lists.toml", TEAM);
    setting.write("team@files.example.ics", file("080000"));
    let both = error(&setting, "team@files.example").await;
    assert_eq!(both, MailboxError::GenerationFailed);
}

#[tokio::test]
async fn lists_outside_of_the_folder_are_not_read() {
    let setting = setting();
    let outside = setting.outer.path().join("lists.toml");
    fs::write(&outside, TEAM).unwrap();
    std::os::unix::fs::symlink(&outside, setting.folder().join("lists.toml")).unwrap();
    let stranger = error(&setting, "team@files.example").await;
    assert_eq!(stranger, MailboxError::NotFound);
}

#[tokio::test]
async fn lists_have_names() {
    let setting = setting();
    let plain = "[[list]]\naddress = \"plain@files.example\"\nmembers = [\"anna@files.example\"]\n";
    setting.write("lists.toml", format!("{TEAM}{plain}"));
    for (list, expect) in [("team", "The team"), ("plain", "plain@files.example")] {
        let list = address(&format!("{list}@files.example"));
        let name = setting.files.resolve(&list, soon()).await.unwrap();
        assert_eq!(name.as_deref(), Some(expect));
        let known = ask(&setting, list.as_str()).await.unwrap();
        let name = known.owner.and_then(|owner| owner.display_name.clone());
        assert_eq!(name.as_deref().unwrap_or(list.as_str()), expect);
    }
}
