//! The audit log where things go wrong or change: the journal, a full disk, a reload.

use calbridge::server::audit::AuditTarget;
use serde_json::Value;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use super::{KEY, Running, lines};
use crate::world::PATIENCE;

impl Running {
    /// Waits until so many lines are lost.
    async fn lose(&self, lines: u64) {
        let name = "\ncalbridge_audit_lines_lost_total ";
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let lost = async || {
            let url = format!("http://{}/metrics", self.ops);
            let text = client.get(url).send().await.unwrap().text().await.unwrap();
            let (_, rest) = text.split_once(name).unwrap();
            rest.lines().next().unwrap().parse::<u64>().unwrap()
        };
        let all = async {
            while lost().await < lines {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, all).await.unwrap();
        assert_eq!(lost().await, lines);
    }

    /// Puts `new` in the place of `old` in the configuration; what is wrong with it then.
    async fn reload(&self, old: &str, new: &str) -> Vec<String> {
        let file = self.folder.path().join("calbridge.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen(old, new, 1)).unwrap();
        let problems = self
            .reloader
            .reload()
            .await
            .err()
            .map(|refused| refused.problems);
        std::fs::write(&file, text).unwrap();
        problems.unwrap_or_default()
    }
}

#[tokio::test]
async fn the_journal_takes_each_line_as_an_entry_and_may_be_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = UnixDatagram::bind(&path).unwrap();
    let audit = "journald = true\nmailboxes = \"clear\"";
    let gateway = Running::start_in(folder, audit, |config| {
        let audit = config.audit.as_mut().unwrap();
        assert_eq!(
            audit.to,
            AuditTarget::Journal("/run/systemd/journal/socket".into())
        );
        audit.to = AuditTarget::Journal(path.clone());
    })
    .await;
    let entry = async |journal: &UnixDatagram| {
        let mut bytes = vec![0; 64 << 10];
        let length = timeout(PATIENCE, journal.recv(&mut bytes)).await;
        String::from_utf8(bytes[..length.unwrap().unwrap()].to_vec()).unwrap()
    };
    gateway
        .ask("anna@elsewhere.example bob@elsewhere.example", &[])
        .await;
    for mailbox in ["anna@elsewhere.example", "bob@elsewhere.example"] {
        let entry = entry(&journal).await;
        let head = "SYSLOG_IDENTIFIER=calbridge-audit\nPRIORITY=6\nMESSAGE=";
        let line: Value = serde_json::from_str(entry.strip_prefix(head).unwrap()).unwrap();
        assert_eq!(line["mailbox"], mailbox);
        assert!(entry.ends_with("}\n"), "{entry}");
    }
    // While there is none, lines are lost and counted; nobody waits.
    drop(journal);
    std::fs::remove_file(&path).unwrap();
    gateway.lose(0).await;
    gateway.ask("carl@elsewhere.example", &[]).await;
    gateway.lose(1).await;
    let journal = UnixDatagram::bind(&path).unwrap();
    gateway.ask("dora@elsewhere.example", &[]).await;
    assert!(entry(&journal).await.contains("dora@elsewhere.example"));
    gateway.lose(1).await;
    gateway.end().await;
}

#[tokio::test]
async fn a_full_disk_costs_lines_and_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let audit = "file = \"audit.jsonl\"\nmailboxes = \"clear\"";
    let gateway = Running::start_in(folder, audit, |_| {}).await;
    gateway
        .ask("anna@elsewhere.example bob@elsewhere.example", &[])
        .await;
    gateway.lose(2).await;
    gateway.ask("carl@elsewhere.example", &[]).await;
    gateway.lose(3).await;
    // There is room again.
    std::fs::remove_file(&path).unwrap();
    gateway.ask("dora@elsewhere.example", &[]).await;
    let noted = lines(&path, 1).await;
    assert_eq!(noted[0]["mailbox"], "dora@elsewhere.example");
    gateway.lose(3).await;
    gateway.end().await;
}

#[tokio::test]
async fn a_reload_keeps_the_log_and_refuses_another_one() {
    let policy = "file = \"audit.jsonl\"\nmailboxes = \"hash\"\nkey_file = \"key\"";
    let gateway = Running::start(policy).await;
    let refused = ["audit: cannot change while calbridge runs; restart it"];
    assert_eq!(gateway.reload("audit.jsonl", "other.jsonl").await, refused);
    let clear = "mailboxes = \"clear\"\n";
    let hash = "mailboxes = \"hash\"\nkey_file = \"key\"\n";
    assert_eq!(gateway.reload(hash, clear).await, refused);
    let whole = format!("[audit]\n{policy}\n");
    assert_eq!(gateway.reload(&whole, "").await, refused);
    let key = gateway.folder.path().join("key");
    std::fs::write(&key, "Audit-key-77aa-of-the-tests\n").unwrap();
    assert_eq!(gateway.reload("", "").await, refused);
    std::fs::write(&key, KEY).unwrap();
    assert_eq!(
        gateway
            .reload("domains = [", "domains = [\"example.net\", ")
            .await,
        [""; 0]
    );
    gateway.ask("anna@elsewhere.example", &[]).await;
    assert!(lines(&gateway.log(), 1).await[0]["mailbox_hash"].is_string());
    assert!(!gateway.folder.path().join("other.jsonl").exists());
    gateway.end().await;
}
