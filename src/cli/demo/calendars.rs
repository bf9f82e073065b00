//! The demo's calendars as the program carries them, for where the source tree is not at hand.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::domain::SmtpAddress;

/// Where the source tree has them.
const SHIPPED: &str = "config/demo/calendars";

macro_rules! calendar {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../config/demo/calendars/", $name)),
        )
    };
}

const CARRIED: &[(&str, &str)] = &[
    calendar!("anna@exchange.example.ics"),
    calendar!("bernd@exchange.example.ics"),
    calendar!("carla@exchange.example.ics"),
    calendar!("david@exchange.example.ics"),
    calendar!("emi@exchange.example.ics"),
    calendar!("farid@exchange.example.ics"),
    calendar!("greta@exchange.example.ics"),
    calendar!("hugo@exchange.example.ics"),
    calendar!("ida@exchange.example.ics"),
    calendar!("room-aurora@exchange.example.ics"),
    calendar!("room-borealis@exchange.example.ics"),
    calendar!("room-coral@exchange.example.ics"),
    calendar!("room-delta@exchange.example.ics"),
    calendar!("rooms.toml"),
];

/// A folder of calendars; a temporary one lasts as long as this value.
pub(super) enum Calendars {
    Folder(PathBuf),
    Temporary(TempDir),
}

impl Calendars {
    /// The folder that was asked for; or that of the source tree, where the program is started in it; or a temporary
    /// folder with what the program carries.
    pub(super) fn provide(asked: Option<&Path>) -> anyhow::Result<Self> {
        let shipped = Path::new(SHIPPED);
        match asked {
            Some(folder) if folder.is_dir() => Ok(Self::Folder(folder.to_owned())),
            Some(folder) => bail!("{} is not a folder (--calendars)", folder.display()),
            None if shipped.is_dir() => Ok(Self::Folder(shipped.to_owned())),
            None => Self::unpack().context("the demo calendars cannot be written (--calendars)"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// The mailboxes of `domain` whose calendars are here, in order.
    pub(super) fn mailboxes(&self, domain: &str) -> anyhow::Result<Vec<SmtpAddress>> {
        let folder = self.path();
        let entries = fs::read_dir(folder)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("{} cannot be read (--calendars)", folder.display()))?;
        let mut mailboxes: Vec<SmtpAddress> = entries
            .iter()
            .filter_map(|entry| mailbox(&entry.path()))
            .filter(|mailbox| mailbox.domain().as_str() == domain)
            .collect();
        if mailboxes.is_empty() {
            bail!(
                "{} has no calendar of {domain}, as anna@{domain}.ics (--calendars)",
                folder.display()
            );
        }
        mailboxes.sort_unstable();
        mailboxes.dedup();
        Ok(mailboxes)
    }

    fn unpack() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("calbridge-demo-")
            .tempdir()?;
        for (name, text) in CARRIED {
            fs::write(folder.path().join(name), text)?;
        }
        Ok(Self::Temporary(folder))
    }
}

fn mailbox(file: &Path) -> Option<SmtpAddress> {
    let extension = file.extension()?.to_str()?;
    if !extension.eq_ignore_ascii_case("ics") {
        return None;
    }
    SmtpAddress::parse(file.file_stem()?.to_str()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_demo_calendar_is_carried() {
        let names = |folder: &Path| -> BTreeSet<String> {
            let entries = fs::read_dir(folder).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect()
        };
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED);
        let unpacked = Calendars::unpack().unwrap();
        assert_eq!(names(unpacked.path()), names(&shipped));
    }
}
