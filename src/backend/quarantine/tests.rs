//! What is remembered, by whom, and what becomes of files that cannot be read.

mod put_back;
mod stalled;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::domain::FixedClock;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn refused() -> Known {
    Known {
        refused_until: Some(at("2026-09-01T08:30:00Z")),
        pause_seconds: 1_800,
        why: "the password is wrong".into(),
        last_success: None,
        noted: at("2026-09-01T08:00:00Z"),
    }
}

fn mark(quarantine: &Quarantine, user: &str, secret: &str) -> Mark {
    quarantine.mark(
        "https://mail.example.com/",
        user,
        &SecretString::from(secret),
    )
}

fn clock(now: &str) -> Arc<dyn Clock> {
    Arc::new(FixedClock(at(now)))
}

/// Just after the moment at which it was noted.
async fn note(quarantine: &Quarantine, mark: Mark, known: Known) {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(known.noted));
    quarantine.note(mark, known, &clock).await;
}

async fn recall_at(now: &str, quarantine: &Quarantine, mark: &Mark) -> Option<Known> {
    quarantine.look(&clock(now)).await;
    quarantine.recall(mark)
}

/// After all that the tests note.
async fn recall(quarantine: &Quarantine, mark: &Mark) -> Option<Known> {
    recall_at("2026-09-01T08:15:00Z", quarantine, mark).await
}

#[tokio::test]
async fn another_secret_is_another_login() {
    let quarantine = Quarantine::in_memory();
    let old = mark(&quarantine, "svc@example.com", "old");
    note(&quarantine, old.clone(), refused()).await;
    assert_eq!(recall(&quarantine, &old).await, Some(refused()));
    let new = mark(&quarantine, "svc@example.com", "new");
    assert_eq!(recall(&quarantine, &new).await, None);
    assert_ne!(mark(&quarantine, "a", "bc"), mark(&quarantine, "ab", "c"));
}

#[tokio::test]
async fn another_process_knows_what_was_noted() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("state");
    let one = Quarantine::open(&directory).unwrap();
    let two = Quarantine::open(&directory).unwrap();
    let login = mark(&one, "svc@example.com", "geheim");
    assert_eq!(login, mark(&two, "svc@example.com", "geheim"), "one key");
    note(&one, login.clone(), refused()).await;
    let other = mark(&two, "svc2@example.com", "geheim");
    note(&two, other.clone(), refused()).await;
    for quarantine in [one, two, Quarantine::open(&directory).unwrap()] {
        assert_eq!(recall(&quarantine, &login).await, Some(refused()));
        assert_eq!(recall(&quarantine, &other).await, Some(refused()));
    }
}

#[tokio::test]
async fn files_are_for_the_owner_alone_and_name_nobody() {
    let folder = TempDir::new().unwrap();
    let quarantine = Quarantine::open(folder.path()).unwrap();
    let login = mark(&quarantine, "svc@example.com", "geheim");
    note(&quarantine, login, refused()).await;
    let mut seen = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        seen.push(entry.file_name().into_string().unwrap());
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        let bytes = fs::read(entry.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("svc") && !text.contains("geheim"), "{text}");
    }
    seen.sort();
    let expect = [
        "role-accounts.json",
        "role-accounts.key",
        "role-accounts.lock",
    ];
    assert_eq!(seen, expect);
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside() {
    for broken in [
        "{",
        "[]",
        r#"{"version": 2, "role_accounts": {}}"#,
        r#"{"version": 1, "role_accounts": {"x": 7}}"#,
    ] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("role-accounts.json");
        fs::write(&file, broken).unwrap();
        let quarantine = Quarantine::open(folder.path()).unwrap();
        let login = mark(&quarantine, "svc@example.com", "geheim");
        note(&quarantine, login.clone(), refused()).await;
        assert_eq!(
            recall(&quarantine, &login).await,
            Some(refused()),
            "{broken}"
        );
        let aside = fs::read_dir(folder.path()).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            path.to_str().unwrap().contains("set-aside").then_some(path)
        });
        assert_eq!(fs::read_to_string(aside.unwrap()).unwrap(), broken);
    }
}

#[test]
fn a_broken_key_is_set_aside_and_a_new_one_made() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("role-accounts.key");
    fs::write(&file, "short").unwrap();
    let one = Quarantine::open(folder.path()).unwrap();
    let two = Quarantine::open(folder.path()).unwrap();
    assert_eq!(mark(&one, "a", "b"), mark(&two, "a", "b"));
    assert_eq!(fs::read(&file).unwrap().len(), store::KEY_LENGTH);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Quarantine::open(&file.join("state")).err().unwrap();
    assert!(error.to_string().starts_with("server.state_directory: "));
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    let folder = TempDir::new().unwrap();
    let quarantine = Quarantine::open(folder.path()).unwrap();
    let (old, new) = (mark(&quarantine, "a", "x"), mark(&quarantine, "b", "x"));
    note(&quarantine, old.clone(), refused()).await;
    let later = Known {
        noted: at("2026-10-02T08:00:00Z"),
        ..refused()
    };
    note(&quarantine, new.clone(), later.clone()).await;
    let recall = |mark| recall_at("2026-10-02T08:00:00Z", &quarantine, mark);
    assert_eq!(recall(&old).await, None);
    assert_eq!(recall(&new).await, Some(later));
}

/// A file of the same name outside, which must stay as it is.
fn precious(folder: &TempDir, text: &str) -> PathBuf {
    let file = folder.path().join("precious");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    file
}

#[tokio::test]
async fn links_in_the_state_directory_are_not_followed() {
    for name in ["lock", "key", "json"] {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let file = precious(&folder, "01234567890123456789012345678901");
        symlink(&file, state.join(format!("role-accounts.{name}"))).unwrap();
        let error = Quarantine::open(&state).err().unwrap().to_string();
        assert!(
            error.contains(name) && error.contains("symbolic link"),
            "{error}"
        );
        let kept = fs::read_to_string(&file).unwrap();
        assert_eq!(kept, "01234567890123456789012345678901", "{name}");
    }
}

/// An administrator calls `check --online` as root. Whoever else runs the tests may give nothing away: then everything
/// stays with its owner, and the directory can be used all the same.
#[tokio::test]
async fn what_root_writes_belongs_to_the_owner_of_the_directory() {
    const SERVICE: (u32, u32) = (64_123, 64_124);
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let given = chown(&state, Some(SERVICE.0), Some(SERVICE.1)).is_ok();
    let owner = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.uid(), metadata.gid())
    };
    let expect = owner(&state);
    assert_eq!(expect == SERVICE, given);
    // As an earlier run may have left it.
    fs::write(state.join("role-accounts.lock"), "").unwrap();
    let quarantine = Quarantine::open(&state).unwrap();
    let login = mark(&quarantine, "svc@example.com", "geheim");
    for _ in 0..2 {
        note(&quarantine, login.clone(), refused()).await;
        let mut files = 0;
        for entry in fs::read_dir(&state).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(owner(&path), expect, "{}", path.display());
            files += 1;
        }
        assert_eq!(files, 3);
    }
}

#[tokio::test]
async fn a_file_with_a_second_name_is_given_to_nobody() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let file = precious(&folder, "");
    let before = fs::metadata(&file).unwrap();
    fs::hard_link(&file, state.join("role-accounts.lock")).unwrap();
    // Where the tests do not run as root, nobody could give it away in any case.
    let _ = chown(&state, Some(64_123), Some(64_124));
    let quarantine = Quarantine::open(&state).unwrap();
    let login = mark(&quarantine, "a", "x");
    note(&quarantine, login, refused()).await;
    let after = fs::metadata(&file).unwrap();
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    assert_eq!(after.mode(), before.mode());
    assert_eq!(fs::read(&file).unwrap(), b"");
}

#[test]
fn only_regular_files_are_opened() {
    for name in ["lock", "key", "json"] {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(format!("role-accounts.{name}"))).unwrap();
        let error = Quarantine::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains(name), "{error}");
    }
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("role-accounts.json");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(Quarantine::open(folder.path()).is_err());
}

#[tokio::test]
async fn what_could_not_be_written_is_kept_and_written_later() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("state");
    let quarantine = Quarantine::open(&directory).unwrap();
    let (first, second) = (mark(&quarantine, "a", "x"), mark(&quarantine, "b", "x"));
    // A directory in the lock's place: nothing can be written, whoever tries it.
    let lock = directory.join("role-accounts.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    note(&quarantine, first.clone(), refused()).await;
    assert!(!directory.join("role-accounts.json").exists());
    assert_eq!(recall(&quarantine, &first).await, Some(refused()));
    fs::remove_dir(&lock).unwrap();
    note(&quarantine, second.clone(), refused()).await;
    let other = Quarantine::open(&directory).unwrap();
    for quarantine in [quarantine, other] {
        assert_eq!(recall(&quarantine, &first).await, Some(refused()));
        assert_eq!(recall(&quarantine, &second).await, Some(refused()));
    }
}

#[tokio::test]
async fn the_newest_note_holds() {
    let folder = TempDir::new().unwrap();
    let one = Quarantine::open(folder.path()).unwrap();
    let two = Quarantine::open(folder.path()).unwrap();
    let login = mark(&one, "a", "x");
    note(&one, login.clone(), refused()).await;
    let later = Known {
        refused_until: None,
        noted: at("2026-09-01T08:01:00Z"),
        ..refused()
    };
    note(&two, login.clone(), later.clone()).await;
    assert_eq!(recall(&one, &login).await, Some(later));
}

#[tokio::test]
async fn a_note_that_comes_late_ends_no_newer_one() {
    let folder = TempDir::new().unwrap();
    let open = || Quarantine::open(folder.path()).unwrap();
    let (one, two) = (open(), open());
    let login = mark(&one, "a", "x");
    note(&one, login.clone(), refused()).await;
    let before = Known {
        refused_until: None,
        noted: at("2026-09-01T07:59:59Z"),
        ..refused()
    };
    // Of another thread, then of another process, which has not seen the newer one.
    for late in [&one, &two] {
        let now = clock("2026-09-01T08:00:01Z");
        late.note(login.clone(), before.clone(), &now).await;
        for quarantine in [&one, &two, &open()] {
            assert_eq!(recall(quarantine, &login).await, Some(refused()));
        }
    }
}

#[tokio::test]
async fn a_file_is_set_aside_only_by_whoever_holds_the_lock() {
    let folder = TempDir::new().unwrap();
    let quarantine = Quarantine::open(folder.path()).unwrap();
    let file = folder.path().join("role-accounts.json");
    fs::write(&file, "{").unwrap();
    let lock = fs::File::open(folder.path().join("role-accounts.lock")).unwrap();
    lock.lock().unwrap();
    let login = mark(&quarantine, "a", "x");
    let mut read = Box::pin(recall(&quarantine, &login));
    let waits = tokio::time::timeout(std::time::Duration::from_millis(200), &mut read).await;
    assert!(waits.is_err(), "another process has the lock");
    // It puts a good file there.
    fs::write(&file, r#"{"version": 1, "role_accounts": {}}"#).unwrap();
    lock.unlock().unwrap();
    assert_eq!(read.await, None);
    assert!(file.exists(), "the good file stays");
}
