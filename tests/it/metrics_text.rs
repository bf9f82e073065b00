//! A reader of Prometheus' text format, strict where the format is, and the rules that our names follow. No test of its
//! own.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    /// Each series as it stands in the text, with its value.
    pub(crate) series: Vec<(Series, f64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// Reads a whole page; panics on whatever is not as it must be.
pub(crate) fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'));
    let mut families = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (word, rest) = comment.split_once(' ').unwrap();
            let (name, rest) = rest.split_once(' ').unwrap();
            match word {
                "HELP" => {
                    let family = Family {
                        kind: String::new(),
                        help: rest.to_owned(),
                        series: Vec::new(),
                    };
                    let before = families.insert(name.to_owned(), family);
                    assert!(before.is_none(), "{name} stands twice");
                    name.clone_into(&mut current);
                }
                "TYPE" => {
                    assert_eq!(name, current);
                    rest.clone_into(&mut families.get_mut(name).unwrap().kind);
                }
                _ => panic!("{line}"),
            }
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let series = read_series(series);
            assert!(seen.insert(series.clone()), "{series:?} stands twice");
            let family = families.get_mut(&current).unwrap();
            assert!(belongs(&series.name, &current, &family.kind), "{line}");
            family.series.push((series, value.parse().unwrap()));
        }
    }
    families
}

fn belongs(series: &str, family: &str, kind: &str) -> bool {
    if kind == "histogram" {
        ["_bucket", "_sum", "_count"].contains(&series.strip_prefix(family).unwrap())
    } else {
        series == family
    }
}

fn read_series(text: &str) -> Series {
    let Some((name, labels)) = text.split_once('{') else {
        return Series {
            name: text.to_owned(),
            labels: BTreeMap::new(),
        };
    };
    let labels = labels.strip_suffix('}').unwrap();
    // No value of ours has a comma, a quote or a backslash in it.
    let labels = labels.split(',').map(|label| {
        let (name, value) = label.split_once('=').unwrap();
        let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        assert!(!value.contains(['"', '\\']), "{text}");
        (name.to_owned(), value.to_owned())
    });
    Series {
        name: name.to_owned(),
        labels: labels.collect(),
    }
}

/// Writes a page to the folder that `CALBRIDGE_ANSWERS` names, if it is set, where promtool checks it afterwards.
pub(crate) fn keep(text: &str) {
    if let Some(folder) = std::env::var_os("CALBRIDGE_ANSWERS").map(std::path::PathBuf::from) {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("metrics.txt"), text).unwrap();
    }
}

/// The value of one series, `name{label="value"}` with the labels in any order.
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let wanted = read_series(series);
    let families = parse(text);
    let mut all = families.values().flat_map(|family| &family.series);
    let found = all.find(|(series, _)| *series == wanted);
    found.unwrap_or_else(|| panic!("no {series} in\n{text}")).1
}
