//! A configuration that is changed while `calbridge serve` answers callers: nobody's request fails, nothing is left over,
//! and what is wrong is refused.

mod shown;
mod state;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::gateway_world::{Question, ask};
use crate::installation::files;
use crate::program::Program;
use crate::world::{ACCOUNT, PASSWORD, PATH, PATIENCE, role_account, trusting};

const GOOD: &str = "calbridge_config_last_reload_successful";
const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calbridge//tests//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n\
    DTSTAMP:20260101T000000Z\r\nDTSTART:20260901T090000Z\r\nDTEND:20260901T100000Z\r\nSUMMARY:Once\r\n\
    END:VEVENT\r\nEND:VCALENDAR\r\n";

/// `calbridge serve` as a process of its own, so that its memory and its files can be counted.
struct Served {
    folder: TempDir,
    program: Mutex<Program>,
    /// Signs every certificate of the gateway; callers trust it.
    authority: CertifiedIssuer<'static, KeyPair>,
    public: SocketAddr,
    ops: SocketAddr,
    operator: reqwest::Client,
}

/// What `POST /reload` answered.
struct Reloaded {
    status: u16,
    body: serde_json::Value,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority();
        renew(folder.path(), &authority);
        write(folder.path(), "upstream", "Program-secret-61d0");
        std::fs::create_dir(folder.path().join("calendars")).unwrap();
        write(folder.path(), "calendars/anna@files.example.ics", EVENT);
        write(folder.path(), "calbridge.toml", &configuration("20s"));
        let file = folder.path().join("calbridge.toml");
        let program = tokio::task::spawn_blocking(move || Program::serve(&file));
        let program = program.await.unwrap();
        let (public, ops) = (program.address(), program.address());
        Self {
            folder,
            program: Mutex::new(program),
            authority,
            public,
            ops,
            operator: reqwest::Client::builder()
                .tls_certs_only([])
                .no_proxy()
                .build()
                .unwrap(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    async fn reload(&self) -> Reloaded {
        let request = self.operator.post(format!("http://{}/reload", self.ops));
        let answer = request.header("x-calbridge-ops", "1").send().await.unwrap();
        Reloaded {
            status: answer.status().as_u16(),
            body: serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap(),
        }
    }

    async fn metric(&self, name: &str) -> f64 {
        let request = self.operator.get(format!("http://{}/metrics", self.ops));
        let text = request.send().await.unwrap().text().await.unwrap();
        let series = text.lines().find_map(|line| line.strip_prefix(name));
        series.unwrap().trim().parse().unwrap()
    }

    fn caller(&self) -> reqwest::Client {
        self.caller_builder().build().unwrap()
    }

    fn caller_builder(&self) -> reqwest::ClientBuilder {
        trusting(self.authority.der(), self.public).timeout(PATIENCE)
    }

    fn question(&self, client: &reqwest::Client) -> reqwest::RequestBuilder {
        let mailboxes = "anna@files.example";
        client
            .post(format!("https://localhost:{}{PATH}", self.public.port()))
            .basic_auth(ACCOUNT, Some(PASSWORD))
            .header("content-type", "text/xml")
            .body(Question { mailboxes, ..ask() }.xml())
    }

    /// Resident memory in KiB, and open files.
    fn held(&self) -> (u64, usize) {
        let process = format!("/proc/{}", self.program.lock().unwrap().id());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let memory = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let files = std::fs::read_dir(format!("{process}/fd")).unwrap().count();
        (memory, files)
    }
}

/// Callers who ask without a pause: three on connections that they keep, one with a new connection each time.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(served: &Arc<Served>) -> Self {
        let (stop, answered) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let tasks = (0..4).map(|number| {
            let (served, stop, answered) =
                (Arc::clone(served), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let keep = if number == 0 { 0 } else { 4 };
                let client = served
                    .caller_builder()
                    .pool_max_idle_per_host(keep)
                    .build()
                    .unwrap();
                let mut failures = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match busy(served.question(&client)).await {
                        Ok(()) => answered.fetch_add(1, Ordering::Relaxed),
                        Err(failure) => {
                            failures.push(failure);
                            0
                        }
                    };
                }
                failures
            })
        });
        Self {
            tasks: tasks.collect(),
            stop,
            answered,
        }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Everything that failed.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for task in self.tasks {
            failures.extend(task.await.unwrap());
        }
        failures
    }
}

/// Whether the answer shows Anna's event.
async fn busy(request: reqwest::RequestBuilder) -> Result<(), String> {
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
    if status == 200 && text.contains("<BusyType>Busy</BusyType>") {
        Ok(())
    } else {
        Err(format!("{status}: {text}"))
    }
}

fn configuration(timeout: &str) -> String {
    let hash = role_account(ACCOUNT, PASSWORD).password_hash;
    let files = files("files.example", "UTC");
    format!(
        r#"[server]
listen = ["127.0.0.1:0"]
public_url = "https://localhost"
tls = {{ certificate = "server.pem", private_key = "server.key", watch = "50ms" }}
[ops]
listen = "127.0.0.1:0"
[access]
allow = ["127.0.0.1"]
role_account = [{{ address = "{ACCOUNT}", password_hash = "{hash}" }}]
{files}cache = {{ fresh_for = "1h" }}
[[endpoint]]
name = "hq"
kind = "ews"
domains = ["hq.example"]
timeout = "{timeout}"
url = "https://127.0.0.1:1/EWS/Exchange.asmx"
role_account = [{{ address = "svc@hq.example", password_file = "upstream" }}]
"#
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    // As renewal programs do it: nobody sees half a file.
    let new = folder.join(format!("{name}.new"));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, folder.join(name)).unwrap();
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A fresh certificate with its key; the certificate as it is sent.
fn renew(folder: &Path, authority: &CertifiedIssuer<'static, KeyPair>) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    write(folder, "server.pem", &certificate.pem());
    write(folder, "server.key", &key.serialize_pem());
    certificate.der().to_vec()
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reloads_under_load_fail_nobody_and_leave_nothing() {
    const RELOADS: usize = 200;
    // Buffers come and go, Argon2's 19 MiB among them: what stays is in the lowest of many looks.
    const LOOKS: usize = 40;
    let served = Arc::new(Served::start().await);
    let load = Load::start(&served);
    let mut held = Vec::new();
    for round in 0..RELOADS {
        // Every fourth changes nothing, the others a bound, a password, or both.
        let timeout = if round % 2 == 0 { "20s" } else { "15s" };
        served.write("calbridge.toml", &configuration(timeout));
        served.write("upstream", &format!("secret {}", round / 4));
        let reloaded = served.reload().await;
        assert_eq!(reloaded.status, 200, "{}", reloaded.body);
        assert_eq!(reloaded.body["kept"][0], "files", "{}", reloaded.body);
        held.push(served.held());
    }
    let lowest = |looks: &[(u64, usize)]| {
        let memory = looks.iter().map(|look| look.0).min().unwrap();
        let files = looks.iter().map(|look| look.1).min().unwrap();
        (memory, files)
    };
    let before = lowest(&held[10..][..LOOKS]);
    let after = lowest(&held[RELOADS - LOOKS..]);
    let answered = load.answered();
    assert_eq!(load.end().await, [""; 0]);
    assert!(answered > RELOADS, "only {answered} answers");
    assert!(
        after.0 < before.0 + (16 << 10),
        "memory in KiB: {before:?} to {after:?}"
    );
    assert!(
        after.1 <= before.1 + 4,
        "open files: {before:?} to {after:?}"
    );
    assert_eq!(
        served
            .metric("calbridge_config_reloads_total{result=\"applied\"}")
            .await,
        200.0
    );
    // Every question after the first was answered from the cache of the endpoint that did not change.
    let calls = "calbridge_upstream_batch_mailboxes_count{endpoint=\"files\"}";
    assert_eq!(served.metric(calls).await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_connections_get_the_renewed_certificate_and_nobody_fails() {
    let served = Arc::new(Served::start().await);
    let load = Load::start(&served);
    let old = served.caller();
    for _ in 0..5 {
        busy(served.question(&old)).await.unwrap();
        let der = renew(served.folder.path(), &served.authority);
        let new = served
            .caller_builder()
            .tls_info(true)
            .pool_max_idle_per_host(0);
        let new = new.build().unwrap();
        let begun = std::time::Instant::now();
        loop {
            // The connection from before goes on meanwhile.
            busy(served.question(&old)).await.unwrap();
            let answer = served.question(&new).send().await.unwrap();
            let info: &reqwest::tls::TlsInfo = answer.extensions().get().unwrap();
            if info.peer_certificate() == Some(&*der) {
                break;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "the new certificate is not used"
            );
        }
    }
    let answered = load.answered();
    assert_eq!(load.end().await, [""; 0]);
    assert!(answered > 5, "only {answered} answers");
    // A pair that does not fit is not taken.
    let key = KeyPair::generate().unwrap();
    served.write("server.key", &key.serialize_pem());
    let refused = "The changed certificate is not used";
    served.program.lock().unwrap().lines_until(refused);
    // A look between the two files of a renewal may have said the same before.
    let counted = async { while served.metric(GOOD).await > 0.0 {} };
    timeout(PATIENCE, counted).await.unwrap();
    busy(served.question(&served.caller())).await.unwrap();
}

#[expect(clippy::float_cmp, reason = "zero and one")]
#[tokio::test]
async fn a_broken_configuration_is_refused_with_every_reason_and_the_old_one_serves() {
    let served = Served::start().await;
    let caller = served.caller();
    busy(served.question(&caller)).await.unwrap();
    let broken = configuration("20s")
        .replace("\"20s\"", "\"soon\"")
        .replace("allow =", "alow =");
    served.write("calbridge.toml", &broken);
    let reloaded = served.reload().await;
    assert_eq!(reloaded.status, 422);
    let problems = reloaded.body["problems"].to_string();
    for named in ["endpoint[1].timeout", "access.alow", "calbridge.toml:"] {
        assert!(problems.contains(named), "{named} is not in {problems}");
    }
    busy(served.question(&caller)).await.unwrap();
    assert_eq!(served.metric(GOOD).await, 0.0);
    // Other sockets, a missing secret.
    let elsewhere = configuration("20s").replace("[\"127.0.0.1:0\"]", "[\"127.0.0.2:0\"]");
    served.write("calbridge.toml", &elsewhere);
    let problems = served.reload().await.body["problems"].to_string();
    assert!(
        problems.contains("server.listen: cannot change"),
        "{problems}"
    );
    served.write("calbridge.toml", &configuration("20s"));
    std::fs::remove_file(served.folder.path().join("upstream")).unwrap();
    let problems = served.reload().await.body["problems"].to_string();
    assert!(problems.contains("password_file"), "{problems}");
    busy(served.question(&caller)).await.unwrap();
    // SIGHUP does the same and says so in the log.
    served.write("upstream", "Another-secret-b2e0");
    let hang_up = || {
        let program = served.program.lock().unwrap();
        program.hang_up();
        program.lines_until("Applied the configuration");
    };
    hang_up();
    assert_eq!(served.metric(GOOD).await, 1.0);
    // A caller whose account is gone is refused, also on the connection that it has.
    let other = configuration("20s").replace(ACCOUNT, "somebody@example.com");
    served.write("calbridge.toml", &other);
    assert_eq!(served.reload().await.status, 200);
    assert_eq!(served.question(&caller).send().await.unwrap().status(), 401);
}
