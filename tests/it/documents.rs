//! The documents beside the code: whether they name every key and every error, and whether their links lead somewhere.

use std::path::{Path, PathBuf};

use calbridge::codec::ews::mailbox_error;
use calbridge::domain::MailboxError;

#[test]
fn every_key_of_the_configuration_is_documented() {
    let table: toml::Table = read("config/full.toml").parse().unwrap();
    let mut keys = Vec::new();
    collect_keys(&toml::Value::Table(table), &mut keys);
    assert!(keys.len() > 30, "{keys:?}");
    let document = read("docs/configuration.md");
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| {
            // In code quotes, alone, with its table before it or its keys behind it.
            !["`KEY`", ".KEY`", "`KEY.", "[KEY]", ".KEY]"]
                .iter()
                .any(|form| document.contains(&form.replace("KEY", key)))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "docs/configuration.md lacks {missing:?}"
    );
}

#[test]
fn every_error_is_documented() {
    let document = read("docs/errors.md");
    let faults = read("src/codec/ews/fault.rs");
    let mut codes: Vec<&str> = faults
        .split('"')
        .filter(|text| text.starts_with("Error") && text.chars().all(char::is_alphanumeric))
        .collect();
    assert!(codes.len() > 12, "{codes:?}");
    codes.extend(MailboxError::ALL.map(mailbox_error::code));
    for code in codes {
        assert!(
            document.contains(&format!("| `{code}` |")),
            "docs/errors.md lacks {code}"
        );
    }
}

#[test]
fn links_lead_somewhere() {
    let mut seen = 0;
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.starts_with("https://") {
                continue;
            }
            seen += 1;
            let path = document.with_file_name("").join(target);
            assert!(path.exists(), "{}: {target}", document.display());
        }
    }
    assert!(seen > 20, "only {seen} links found");
}

fn collect_keys(value: &toml::Value, keys: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                keys.push(key.clone());
                collect_keys(value, keys);
            }
        }
        toml::Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

fn documents() -> Vec<PathBuf> {
    ["", "docs", "certs"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
