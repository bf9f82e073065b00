//! `[cache]`: how long answers are kept and how much of them, and what an endpoint says of its own.

use std::time::Duration;

use super::document::Section;
use super::values::{bytes, lifetime};
use crate::service::settings::{CacheLifetimes, CacheSettings, Widen};

/// Whoever wants answers to be older than a week wants no answers.
const LONGEST_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// Less than that holds nobody's week.
const FEWEST_BYTES: u64 = 1 << 20;
const MOST_BYTES: u64 = 1 << 40;

pub(super) fn read(section: &Section<'_>) -> Cache {
    let default = CacheSettings::default();
    let lifetimes = lifetimes(section, default.lifetimes);
    let settings = CacheSettings {
        lifetimes,
        widen: widen(section).unwrap_or(default.widen),
        max_bytes: bytes(section, "max_bytes", FEWEST_BYTES..=MOST_BYTES)
            .unwrap_or(default.max_bytes),
        location_for: lifetime(section, "location_for", LONGEST_LIFETIME)
            .unwrap_or(default.location_for),
    };
    let written = |key, lifetime| {
        if section.has(key) {
            lifetime
        } else {
            Duration::ZERO
        }
    };
    let of_files = CacheLifetimes {
        fresh_for: written("fresh_for", lifetimes.fresh_for),
        stale_while_revalidate: written("stale_while_revalidate", lifetimes.stale_while_revalidate),
        stale_if_error: lifetimes.stale_if_error,
        unknown_for: written("unknown_for", lifetimes.unknown_for),
        refused_for: written("refused_for", lifetimes.refused_for),
        outage_for: written("outage_for", lifetimes.outage_for),
    };
    Cache { settings, of_files }
}

/// `[cache]`, read.
pub(super) struct Cache {
    pub(super) settings: CacheSettings,
    /// Of endpoints that read calendar files: they see for themselves when a file changes, so that nothing but what is
    /// written in the configuration keeps a change from being seen at once.
    pub(super) of_files: CacheLifetimes,
}

impl Default for Cache {
    fn default() -> Self {
        let of_files = CacheLifetimes {
            fresh_for: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
            unknown_for: Duration::ZERO,
            refused_for: Duration::ZERO,
            outage_for: Duration::ZERO,
            ..CacheLifetimes::default()
        };
        Self {
            settings: CacheSettings::default(),
            of_files,
        }
    }
}

/// The lifetimes that stand in `section`; those of `others` where it does not say.
pub(super) fn lifetimes(section: &Section<'_>, others: CacheLifetimes) -> CacheLifetimes {
    let of = |key, other| lifetime(section, key, LONGEST_LIFETIME).unwrap_or(other);
    let read = CacheLifetimes {
        fresh_for: of("fresh_for", others.fresh_for),
        stale_while_revalidate: of("stale_while_revalidate", others.stale_while_revalidate),
        stale_if_error: of("stale_if_error", others.stale_if_error),
        unknown_for: of("unknown_for", others.unknown_for),
        refused_for: of("refused_for", others.refused_for),
        outage_for: of("outage_for", others.outage_for),
    };
    if !read.stale_if_error.is_zero() && read.stale_if_error <= read.fresh_for && read != others {
        section.warning(
            "stale_if_error",
            "has no effect: it counts from when an answer was fetched, and answers are fresh as long",
        );
    }
    read
}

fn widen(section: &Section<'_>) -> Option<Widen> {
    section.text("widen")?.parse(|text| match *text {
        "week" => Ok(Widen::Week),
        "day" => Ok(Widen::Day),
        "none" => Ok(Widen::None),
        _ => Err("must be \"week\", \"day\" or \"none\""),
    })
}
