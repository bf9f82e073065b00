//! The program as a person at a terminal meets it: exit statuses and what is written where.

use assert_cmd::Command;
use assert_cmd::assert::Assert;

use crate::installation::{files, install};
use crate::logs::kept;

fn calbridge(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_calbridge"));
    command
        .args(arguments)
        .env_clear()
        .timeout(std::time::Duration::from_mins(1));
    command
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn wrong_usage_is_status_2() {
    for arguments in [
        &[][..],
        &["dance"],
        &["check"],
        &["check", "--config"],
        &["hash-password", "secret"],
        &["--log-format", "xml", "hash-password"],
    ] {
        let assert = kept(&mut calbridge(arguments)).code(2);
        assert_eq!(stdout(&assert), "", "{arguments:?}");
        assert_ne!(stderr(&assert), "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_status_0() {
    let help = kept(&mut calbridge(&["--help"])).code(0);
    for command in ["check", "hash-password"] {
        assert!(stdout(&help).contains(command), "{command}");
    }
    let version = kept(&mut calbridge(&["--version"])).code(0);
    let version = stdout(&version);
    let expect = format!("calbridge {}", env!("CARGO_PKG_VERSION"));
    // Behind it stands the commit, where it is known.
    assert!(version.starts_with(&expect), "{version}");
}

#[test]
fn the_manual_and_the_completions_have_every_command() {
    let manual = stdout(&kept(&mut calbridge(&["manual"])).code(0));
    let bash = stdout(&kept(&mut calbridge(&["completions", "bash"])).code(0));
    for command in ["serve", "check", "lookup", "hash-password", "completions"] {
        let heading = format!(".SH \"CALBRIDGE {}\"", command.to_uppercase());
        assert!(manual.contains(&heading), "{command}");
        assert!(bash.contains(command), "{command}");
    }
    kept(&mut calbridge(&["completions", "cmd.exe"])).code(2);
}

#[test]
fn hash_password_prints_the_hash_and_nothing_else() {
    let hash = |input: &str| {
        let assert = kept(calbridge(&["hash-password"]).write_stdin(input)).code(0);
        assert_eq!(stderr(&assert), "");
        stdout(&assert)
    };
    let printed = hash("correct horse\nsecond line\n");
    let phc = printed.strip_suffix('\n').unwrap();
    assert!(!phc.contains('\n'));
    assert_eq!(calbridge::config::password::check(phc), Ok(()));
    assert!(verifies(phc, "correct horse"));
    assert!(!verifies(phc, "correct horse\n"));
    assert!(verifies(hash("no line end").trim_end(), "no line end"));
}

fn verifies(phc: &str, password: &str) -> bool {
    use argon2::password_hash::phc::PasswordHash;
    use argon2::{Argon2, PasswordVerifier};
    let hash = PasswordHash::new(phc).unwrap();
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}

#[test]
fn hash_password_refuses_an_empty_line() {
    for input in ["", "\n", "\r\n", "\nsecond line\n"] {
        let assert = kept(calbridge(&["hash-password"]).write_stdin(input)).code(2);
        assert_eq!(stdout(&assert), "", "{input:?}");
        assert!(stderr(&assert).contains("no password"), "{input:?}");
    }
}

#[test]
fn check_lists_every_problem_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calbridge.toml");
    let text = "[server]\nlisten = []\nlistem = []\n[access]\nallow = [\"nowhere\"]\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let assert = kept(&mut calbridge(&["check", "--config", file])).code(2);
    assert_eq!(stdout(&assert), "");
    let told = stderr(&assert);
    for expect in [
        format!("{file}: endpoint: is missing"),
        format!("{file}:1: server.public_url: is missing"),
        format!("{file}:2: server.listen: needs at least one address"),
        format!("{file}:3: server.listem: unknown key"),
        format!("{file}:5: access.allow[0]: must be a network"),
    ] {
        assert!(
            told.lines().any(|line| line.starts_with(&expect)),
            "{expect}\nin\n{told}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_status_2() {
    let assert = kept(&mut calbridge(&["check", "--config", "no/such.toml"])).code(2);
    assert!(stderr(&assert).starts_with("no/such.toml: cannot be read: "));
}

#[test]
fn check_names_calendar_files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("calendars")).unwrap();
    let whole = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
    std::fs::write(path("calendars/anna@files.example.ics"), whole).unwrap();
    std::fs::write(path("calendars/bernd@files.example.ics"), &whole[..17]).unwrap();
    let file = install(
        folder.path(),
        "127.0.0.1:0",
        "Program-secret-61d0",
        &files("files.example", "UTC"),
    )
    .file;
    let assert = kept(&mut calbridge(&[
        "check",
        "--config",
        file.to_str().unwrap(),
    ]))
    .success();
    assert!(stdout(&assert).ends_with("configuration is valid\n"));
    assert_eq!(
        stderr(&assert),
        "warning: endpoint files: bernd@files.example.ics: the file holds no whole VCALENDAR\n"
    );
}

#[test]
fn a_registry_file_has_the_line_ends_of_windows_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("calendars")).unwrap();
    let directory = "[[freebusy_url]]\ndirectory = \"GCal\"\nallow = [\"127.0.0.1\"]\n\
         domains = [\"files.example\"]\ngoogle_domain = \"files.example\"\n";
    let more = files("files.example", "UTC") + directory;
    let file = install(folder.path(), "127.0.0.1:0", "Program-secret-61d0", &more).file;
    let file = file.to_str().unwrap();
    let text = stdout(&kept(&mut calbridge(&["gssmo", "--config", file])).success());
    assert!(text.ends_with("\r\n"), "{text:?}");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
}

/// What `check` calls valid, `serve` takes: it would write there.
#[test]
fn check_looks_at_the_places_that_the_service_writes_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("calendars")).unwrap();
    let check = |audit: &str, code: i32| {
        let more = files("example.com", "UTC") + audit;
        let file = install(folder.path(), "127.0.0.1:0", "any", &more).file;
        let arguments = ["check", "--config", file.to_str().unwrap()];
        stderr(&kept(&mut calbridge(&arguments)).code(code))
    };
    let audit = |name: &str| format!("[audit]\nfile = \"{name}\"\nmailboxes = \"clear\"\n");
    let said = check(&audit("audit.jsonl"), 0);
    assert!(!said.contains("audit.file"), "{said}");
    let said = check(&audit("missing/audit.jsonl"), 2);
    assert!(said.starts_with("audit.file: "), "{said}");
    assert!(said.contains("missing does not exist"), "{said}");
    assert!(!folder.path().join("audit.jsonl").exists());
}

/// systemd tries 1 again and not 2: the disk may have room again, a certificate may be half renewed.
#[test]
fn faults_that_may_pass_are_no_mistakes_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("calendars")).unwrap();
    let run = |command: &str, more: &str, code: i32| {
        let more = files("example.com", "UTC") + more;
        let file = install(folder.path(), "127.0.0.1:0", "any", &more).file;
        let arguments = [command, "--config", file.to_str().unwrap()];
        stderr(&kept(&mut calbridge(&arguments)).code(code))
    };
    let audit = "[audit]\nfile = \"missing/audit.jsonl\"\nmailboxes = \"clear\"\n";
    let said = run("serve", audit, 1);
    assert!(said.contains("cannot be written to"), "{said}");
    let role_account = |more: &str| {
        format!(
            r#"[[endpoint]]
name = "cloud"
kind = "ews"
domains = ["example.org"]
url = "https://mail.example.org/EWS/Exchange.asmx"
role_account = [{{ address = "svc@example.org", password_file = "none"{more} }}]
"#
        )
    };
    let said = run("check", &role_account(""), 1);
    assert!(said.contains("none cannot be read"), "{said}");
    let said = run("check", &role_account(", passwrod = 1"), 2);
    assert!(said.contains("none cannot be read"), "{said}");
}

#[test]
fn check_warns_of_a_client_secret_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let check = |date: &str| {
        let more = format!(
            r#"[[endpoint]]
name = "cloud"
kind = "ews"
domains = ["example.com"]
url = "https://outlook.office365.com/EWS/Exchange.asmx"
role_account = [{{ address = "svc@example.com" }}]
[endpoint.auth]
kind = "oauth2"
token_url = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret_file = "secret"
client_secret_expires = {date}
"#
        );
        let file = install(folder.path(), "127.0.0.1:0", "any", &more).file;
        let arguments = ["check", "--config", file.to_str().unwrap()];
        stderr(&kept(&mut calbridge(&arguments)).code(0))
    };
    let said = check("2026-01-01");
    assert!(said.starts_with("warning: "), "{said}");
    assert!(
        said.contains("client secret (auth.client_secret_expires)"),
        "{said}"
    );
    assert!(said.contains("`cloud` has expired"), "{said}");
    assert_eq!(check("2999-01-01"), "");
}

#[test]
fn check_names_rooms_that_nobody_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("calendars")).unwrap();
    let whole = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
    std::fs::write(path("calendars/anna@files.example.ics"), whole).unwrap();
    let room = |address: &str| {
        format!("[[room]]\naddress = \"{address}\"\nlist = \"Halls <halls@misspelt.example>\"\n")
    };
    let rooms = ["a@files.example", "b@alias.example", "c@nowhere.example"].map(room);
    std::fs::write(path("calendars/rooms.toml"), rooms.concat()).unwrap();
    let more = [
        &files("files.example", "UTC"),
        "[[endpoint.room]]\naddress = \"d@elsewhere.example\"\n",
        "[[alias]]\nexternal = \"alias.example\"\ninternal = \"files.example\"\n",
    ];
    let more = more.concat();
    let file = install(folder.path(), "127.0.0.1:0", "Program-secret-61d0", &more).file;
    let config = file.to_str().unwrap();
    let assert = kept(&mut calbridge(&["check", "--config", config])).success();
    let told = stderr(&assert);
    let told: Vec<_> = told.lines().collect();
    let nobody = "warning: endpoint files: no endpoint has the mail domain of the";
    assert_eq!(
        told,
        [
            format!("{nobody} room d@elsewhere.example"),
            format!("{nobody} room c@nowhere.example"),
        ]
    );
}
