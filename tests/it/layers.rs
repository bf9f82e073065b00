//! The rules of the source tree that no compiler checks: which layer may name which, and how long a file may be.
//! Reads the sources as text; comments are skipped, macros are not expanded.

use std::path::{Path, PathBuf};

/// A layer and the layers it may name. What is absent here is forbidden; `lib.rs` and `main.rs` tie all together.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("codec", &["domain"]),
    ("metrics", &[]),
    ("backend", &["domain", "codec", "metrics"]),
    ("service", &["domain", "backend", "metrics"]),
    ("face", &["domain", "codec", "service", "metrics"]),
    ("server", &["domain", "service", "face", "metrics"]),
    (
        "config",
        &["domain", "backend", "service", "face", "server"],
    ),
    ("telemetry", &["codec", "domain"]),
    (
        "gateway",
        &[
            "domain", "metrics", "backend", "service", "face", "server", "config",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "codec",
            "backend",
            "service",
            "face",
            "server",
            "config",
            "gateway",
            "telemetry",
        ],
    ),
];

const MAX_LINES: usize = 400;

#[test]
fn layers_name_only_the_layers_below() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let Some((layer, depth)) = place(&file) else {
            continue;
        };
        let allowed = LAYERS
            .iter()
            .find(|(name, _)| *name == layer)
            .unwrap_or_else(|| panic!("{layer} is not in the table of layers"))
            .1;
        for (line, edge) in edges(&read(&file), depth) {
            if edge != layer && !allowed.contains(&edge.as_str()) {
                wrong.push(format!(
                    "{}:{line}: {layer} may not name {edge}",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_layers_are_read() {
    // Guards the test above against reading an empty tree.
    let seen: Vec<String> = rust_files("src")
        .iter()
        .filter_map(|file| Some(place(file)?.0))
        .collect();
    for (layer, _) in LAYERS {
        assert!(seen.iter().any(|name| name == layer), "no file in {layer}");
    }
}

#[test]
fn files_are_short() {
    let long: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|root| rust_files(root))
        .filter_map(|file| {
            let lines = read(&file).lines().count();
            (lines > MAX_LINES).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(
        long.is_empty(),
        "more than {MAX_LINES} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn every_file_says_what_it_is() {
    for file in rust_files("src") {
        if file.ends_with("src/main.rs") {
            continue;
        }
        assert!(
            read(&file).starts_with("//! "),
            "{} must open with a //! sentence",
            file.display()
        );
    }
}

#[test]
fn edges_are_found_in_every_form() {
    let found = |text: &str, depth| -> Vec<String> {
        edges(text, depth)
            .into_iter()
            .map(|(_, edge)| edge)
            .collect()
    };
    assert_eq!(found("use crate::codec::ews;", 1), ["codec"]);
    assert_eq!(
        found("use crate::{codec::{a, b}, face as f};", 1),
        ["codec", "face"]
    );
    assert_eq!(
        found("use crate::{\n  codec::a,\n  face,\n};", 1),
        ["codec", "face"]
    );
    assert_eq!(found("let x = crate::server::bind();", 2), ["server"]);
    assert_eq!(found("// see crate::server\n", 2), [""; 0]);
    assert_eq!(found("use super::super::codec;", 2), ["codec"]);
    assert_eq!(found("use super::sibling;", 2), [""; 0]);
    // A test module lies one level deeper.
    assert_eq!(
        found("#[cfg(test)]\nmod tests { use super::*; }", 1),
        [""; 0]
    );
    assert_eq!(found("use super::codec;", 1), ["codec"]);
}

/// The layer of a file under `src/`, and how many modules deep below the crate's root its own module lies; None for
/// `lib.rs` and `main.rs`.
fn place(file: &Path) -> Option<(String, usize)> {
    let inside = file.strip_prefix(root().join("src")).ok()?;
    let parts: Vec<String> = inside
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let layer = parts.first()?.clone();
    if layer == "lib" || layer == "main" {
        return None;
    }
    let own_folder = parts.last().is_some_and(|name| name == "mod");
    Some((layer, parts.len() - usize::from(own_folder)))
}

/// Every name directly under the crate's root that the text uses, with its line.
fn edges(text: &str, depth: usize) -> Vec<(usize, String)> {
    let code = without_comments(text);
    let tests_from = code.find("#[cfg(test)]").unwrap_or(code.len());
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        collect(&code, at + "crate::".len(), &mut found);
    }
    for (at, _) in code.match_indices("super::") {
        if code[..at].ends_with("super::") {
            continue;
        }
        let rest = code[at..].trim_start_matches("super::");
        let steps = (code.len() - at - rest.len()) / "super::".len();
        if steps >= depth + usize::from(at >= tests_from) {
            collect(&code, code.len() - rest.len(), &mut found);
        }
    }
    found
        .into_iter()
        .map(|(at, name)| (code[..at].lines().count(), name))
        .collect()
}

/// The first names of the path that starts at `at`: one, or several where it opens a brace.
fn collect(code: &str, at: usize, found: &mut Vec<(usize, String)>) {
    let rest = &code[at..];
    if !rest.starts_with('{') {
        found.push((at, name(rest)));
        return;
    }
    let mut depth = 0;
    let mut expects_name = false;
    for (offset, letter) in rest.char_indices() {
        match letter {
            '{' => {
                depth += 1;
                expects_name = depth == 1;
            }
            '}' if depth == 1 => return,
            '}' => depth -= 1,
            ',' => expects_name = depth == 1,
            letter if letter.is_whitespace() => {}
            _ if expects_name => {
                found.push((at + offset, name(&rest[offset..])));
                expects_name = false;
            }
            _ => {}
        }
    }
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

/// Line comments become empty, so that line numbers stay. Block comments are not used in this project.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.trim_start().starts_with("//") {
                ""
            } else {
                line
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
