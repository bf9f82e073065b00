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

pub(super) fn read(section: &Section<'_>) -> CacheSettings {
    let default = CacheSettings::default();
    CacheSettings {
        lifetimes: lifetimes(section, default.lifetimes),
        widen: widen(section).unwrap_or(default.widen),
        max_bytes: bytes(section, "max_bytes", FEWEST_BYTES..=MOST_BYTES)
            .unwrap_or(default.max_bytes),
        location_for: lifetime(section, "location_for", LONGEST_LIFETIME)
            .unwrap_or(default.location_for),
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
