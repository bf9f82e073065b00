//! The parts of the documentation that are written by the program: the families of metrics, and the keys of the
//! configuration as their readers know them. `make docs` writes them anew; here they are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use calbridge::config;
use calbridge::metrics::Metrics;

use crate::documents::{read, root};
use crate::metrics_text::{Family, parse};
use crate::samples::{installation, load};

const RENEW: &str = "CALBRIDGE_RENEW_DOCS";
const END: &str = "<!-- end of what is generated -->\n";

/// Compares what stands in a document after the line `<!-- generated: TITLE, by make docs -->`, or writes it there.
#[track_caller]
fn compare(document: &str, title: &str, expect: &str) {
    let text = read(document);
    let begin = format!("<!-- generated: {title}, by make docs -->\n");
    let (before, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{document} has no line {begin}"));
    let (found, after) = rest.split_once(END).unwrap();
    let expect = format!("\n{expect}\n");
    if found == expect {
        return;
    }
    assert!(
        std::env::var_os(RENEW).is_some(),
        "{document}: {title} are not as the program has them; `make docs` writes:\n{expect}"
    );
    let renewed = format!("{before}{begin}{expect}{END}{after}");
    std::fs::write(root().join(document), renewed).unwrap();
}

#[test]
fn the_families_of_metrics_are_listed_as_they_are_registered() {
    let metrics = Metrics::new(&["hq"]);
    let hq = metrics.endpoint("hq");
    // What only endpoints with OAuth 2.0 have.
    hq.uses_tokens();
    hq.token_expiry(1_800_000_000);
    hq.credential_expiries(&[("client_secret", 1_800_000_000)]);
    let families = parse(&metrics.render());
    assert!(families.len() >= 25, "{}", families.len());
    let mut table = "| Family | Type | Labels | Meaning |\n|---|---|---|---|\n".to_owned();
    for (name, family) in &families {
        let series = family.series.iter();
        let labels: BTreeSet<_> = series
            .flat_map(|(series, _)| series.labels.keys())
            .collect();
        let labels = labels.into_iter().filter(|label| *label != "le");
        let labels: Vec<_> = labels.map(|label| format!("`{label}`")).collect();
        let Family { kind, help, .. } = family;
        writeln!(
            table,
            "| `{name}` | {kind} | {} | {help} |",
            labels.join(", ")
        )
        .unwrap();
    }
    compare("docs/metrics.md", "families", &table);
}

/// The keys of each table, as the readers of the configuration say when they meet one that they do not know.
fn known_keys() -> BTreeMap<String, BTreeSet<String>> {
    let folder = installation();
    let full = folder.path().join("config/full.toml");
    let text = std::fs::read_to_string(&full).unwrap();
    let strange = text.lines().map(|line| {
        if line.starts_with('[') {
            format!("{line}\nstrange = 1\n")
        } else if line.starts_with('#') {
            String::new()
        } else {
            // Tables within a line.
            format!("{}\n", line.replace("{ ", "{ strange = 1, "))
        }
    });
    let text = "strange = 1\n".to_owned() + &strange.collect::<String>();
    std::fs::write(&full, text).unwrap();
    let mut known = BTreeMap::<_, BTreeSet<_>>::new();
    for problem in load(&full).unwrap_err().problems {
        let config::Problem { place, text, .. } = problem;
        let keys = text.split_once("known here: ");
        let (_, keys) = keys.unwrap_or_else(|| panic!("{}: {text}", place.key));
        let table = place.key.trim_end_matches("strange").trim_end_matches('.');
        // Entries of one array may differ in their kind.
        let entry = known.entry(without_indexes(table)).or_default();
        entry.extend(keys.split(", ").map(str::to_owned));
    }
    known
}

/// `endpoint[2].room[0]` as `endpoint[].room[]`.
fn without_indexes(path: &str) -> String {
    path.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[test]
fn the_keys_of_the_configuration_are_listed_as_their_readers_know_them() {
    let known = known_keys();
    assert!(known.len() > 20, "{known:?}");
    let mut table = "| Table | Keys |\n|---|---|\n".to_owned();
    for (path, keys) in &known {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let path = if path.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{path}`")
        };
        writeln!(table, "| {path} | {} |", keys.join(", ")).unwrap();
    }
    compare("docs/configuration.md", "keys", &table);
}

/// The other way round: what the document explains is what the program reads.
#[test]
fn no_key_is_explained_that_nobody_reads() {
    let known = known_keys();
    let names: BTreeSet<&str> = known.values().flatten().map(String::as_str).collect();
    let text = read("docs/configuration.md");
    let (text, _) = text.split_once("<!-- generated: keys").unwrap();
    let explained = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut count = 0;
    for cell in explained.filter_map(|line| line.split(" |").next()) {
        // Variables of the environment are written in capitals.
        let keys = cell.split('`').step_by(2).filter(|key| {
            let has_small = key.bytes().any(|b| b.is_ascii_lowercase());
            has_small || !key.contains('_')
        });
        for key in keys {
            count += 1;
            let last = key.rsplit('.').next().unwrap();
            let is_key = last.trim_matches(['[', ']']);
            assert!(
                names.contains(is_key) || key.trim_matches([',', ' ']).is_empty(),
                "{key} is not read"
            );
        }
    }
    assert!(count > 80, "{count}");
}
