//! Every configuration that is shipped can be loaded, from a copy of its folder with certificates and secrets beside it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use calbridge::config::{self, Config, ConfigErrors};

/// A copy of `config/` with the `certs/` and `secrets/` that the samples refer to.
pub(crate) fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for file in files_below(&shipped) {
        let target = root
            .join("config")
            .join(file.strip_prefix(&shipped).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
    let names = ["interop.example.com".to_owned(), "127.0.0.1".to_owned()];
    let pair = rcgen::generate_simple_self_signed(names).unwrap();
    fs::create_dir(root.join("certs")).unwrap();
    for name in [
        "server.pem",
        "private-ca.pem",
        "demo-server.pem",
        "demo-ca.pem",
    ] {
        fs::write(root.join("certs").join(name), pair.cert.pem()).unwrap();
    }
    for name in ["server.key", "demo-server.key", "token.key"] {
        fs::write(
            root.join("certs").join(name),
            pair.signing_key.serialize_pem(),
        )
        .unwrap();
    }
    fs::create_dir(root.join("secrets")).unwrap();
    for name in [
        "interop",
        "interop2",
        "hq",
        "hq-shared",
        "hq3",
        "cloud",
        "audit",
    ] {
        fs::write(root.join("secrets").join(name), "Samples-0f3e9c51\n").unwrap();
    }
    folder
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

pub(crate) fn load(file: &Path) -> Result<Config, ConfigErrors> {
    let secrets = file.parent().unwrap().with_file_name("secrets");
    let environment = |name: &str| match name {
        "CREDENTIALS_DIRECTORY" => Some(secrets.clone().into_os_string()),
        name => name
            .starts_with("CALBRIDGE_")
            .then(|| OsString::from("Samples-0f3e9c51")),
    };
    config::load_text(&fs::read_to_string(file).unwrap(), file, &environment)
}

#[test]
fn every_shipped_sample_is_loaded() {
    let folder = installation();
    let samples: Vec<PathBuf> = files_below(&folder.path().join("config"))
        .into_iter()
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "toml")
        })
        // The rooms of the demo are no configuration.
        .filter(|file| !file.ends_with("rooms.toml"))
        .collect();
    assert!(samples.len() >= 4, "{samples:?}");
    for sample in samples {
        let config = load(&sample).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.warnings, [], "{}", sample.display());
    }
}

#[test]
fn the_full_sample_shows_the_defaults() {
    let folder = installation();
    let full = folder.path().join("config/full.toml");
    // The keys whose comments give a default, with that default: without them the file means the same.
    let text = fs::read_to_string(&full).unwrap();
    let defaults = [
        "max_connections",
        "max_in_flight",
        "deadline",
        "handshake_timeout",
        "header_timeout",
        "body_timeout",
        "drain",
        "event_details",
        "room_booking",
        "refresh",
        "timeout",
        "limits",
        "default",
        "answer_cross_forest",
        "working_elsewhere",
        "tentative",
        "no_data",
        "fresh_for",
        "stale_while_revalidate",
        "stale_if_error",
        "unknown_for",
        "refused_for",
        "outage_for",
        "location_for",
        "widen",
        "max_bytes",
    ];
    let mut left_out = std::collections::BTreeSet::new();
    let shorter: Vec<&str> = text
        .lines()
        .filter(|line| {
            let key = line.split_once(" = ").map(|(key, _)| key);
            let default = key.filter(|key| defaults.contains(key));
            left_out.extend(default);
            default.is_none()
        })
        .collect();
    assert_eq!(left_out.len(), defaults.len());
    let with = load(&full).unwrap();
    fs::write(&full, shorter.join("\n")).unwrap();
    let without = load(&full).unwrap();
    assert_eq!(
        format!("{:?}", with.server.limits),
        format!("{:?}", without.server.limits)
    );
    assert_eq!(with.service, without.service);
    assert_eq!(with.links, without.links);
    for (with, without) in with.endpoints.iter().zip(&without.endpoints) {
        assert_eq!(
            (with.timeout, with.limits),
            (without.timeout, without.limits)
        );
    }
}

#[test]
fn the_full_sample_has_every_key() {
    let folder = installation();
    let full = folder.path().join("config/full.toml");
    let text = fs::read_to_string(&full).unwrap();
    // Each section refuses one strange key, and in doing so names the keys that it knows.
    let strange: Vec<String> = text
        .lines()
        .map(|line| {
            let strange = if line.starts_with('[') {
                "\nstrange = 1"
            } else {
                ""
            };
            format!("{line}{strange}")
        })
        .collect();
    fs::write(&full, strange.join("\n")).unwrap();
    let mut known = std::collections::BTreeSet::new();
    for problem in load(&full).unwrap_err().problems {
        let (_, keys) = problem.text.split_once("known here: ").unwrap();
        known.extend(keys.split(", ").map(str::to_owned));
    }
    assert!(known.len() > 30, "{known:?}");
    for key in known {
        let is_there = text.lines().any(|line| {
            line.starts_with(&format!("{key} = "))
                || line.starts_with('[') && line.trim_matches(['[', ']']).ends_with(&key)
        });
        let is_inline = text.contains(&format!(" {key} = "));
        assert!(is_there || is_inline, "{key} is not in full.toml");
    }
}
