//! What the demo tells: where it listens, a first real lookup through both sides, and lines to copy.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::super::lookup::{self, Question};
use super::super::output::say;
use crate::backend::Limits;
use crate::backend::instance::Instance;
use crate::backend::settings::{
    AuthSettings, BackendSettings, EndpointSettings, EwsSettings, RoleAccountSettings,
};
use crate::codec::ews::upstream::directory::DirectoryQuestion;
use crate::codec::ews::upstream::{self, SchemaLevel};
use crate::domain::{Caller, Clock, Detail, SmtpAddress, TimeWindow};
use crate::gateway;
use crate::server::clock::SystemClock;
use crate::service::settings::ServiceSettings;

const ACCOUNT: &str = "interop@exchange.example";
/// The mail domain of both sides.
pub(super) const DOMAIN: &str = "exchange.example";
/// Who is looked up, of those who are there.
const SHOWN: [&str; 3] = [
    "anna@exchange.example",
    "bernd@exchange.example",
    "room-aurora@exchange.example",
];
const ZONE: &str = "Europe/Berlin";
const PATIENCE: Duration = Duration::from_secs(20);

/// What a person needs to know to try the demo.
pub(super) struct Guide<'a> {
    pub(super) gateway: SocketAddr,
    pub(super) exchange: SocketAddr,
    pub(super) calendars: &'a Path,
    /// Whose calendars there are, at least one.
    pub(super) mailboxes: &'a [SmtpAddress],
    pub(super) authority: &'a Path,
    pub(super) password: &'a SecretString,
    /// Of the free/busy link.
    pub(super) key: &'a str,
}

impl Guide<'_> {
    /// Tells everything, line by line; fails where the lookup gives no answer for a mailbox.
    pub(super) async fn tell(&self, now: Timestamp) -> anyhow::Result<()> {
        let zone = jiff::tz::db().get(ZONE)?;
        let window = working_day(now, &zone)?;
        let shown = shown(self.mailboxes);
        self.tell_addresses()?;
        self.look_up(&shown, window, &zone).await?;
        self.tell_curl_lines(&shown, window)
    }

    fn tell_addresses(&self) -> anyhow::Result<()> {
        let calendars = self.calendars.display();
        say(&format_args!(
            "Exchange side: https://{}  (calendars: {calendars})",
            self.exchange
        ))?;
        say(&format_args!("gateway:       {}", self.url()))?;
        say(&format_args!("role account:  {ACCOUNT}"))?;
        say(&format_args!(
            "password:      {}",
            self.password.expose_secret()
        ))?;
        say(&format_args!(
            "link:          https://{}/freebusy/{}/<address>.ifb",
            self.gateway, self.key
        ))?;
        say(&format_args!("trust:         {}", self.authority.display()))
    }

    /// Over TLS to the gateway as any caller, and from there over TLS to the Exchange side.
    async fn look_up(
        &self,
        mailboxes: &[SmtpAddress],
        window: TimeWindow,
        zone: &TimeZone,
    ) -> anyhow::Result<()> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let account = SmtpAddress::parse(ACCOUNT)?;
        let through = vec![self.as_endpoint(account.clone())];
        let availability =
            gateway::availability(through, &ServiceSettings::default(), &Instance::new(clock))?;
        let question = Question {
            caller: Caller::of_account(account, Detail::Subjects),
            mailboxes,
            window,
            detail: Detail::Subjects,
            deadline: Instant::now() + PATIENCE,
        };
        let answers = lookup::ask(&availability, &question).await;
        say(&"\nA lookup through both:\n")?;
        lookup::draw(&window, zone, &answers)?;
        for (mailbox, outcome) in answers {
            if let Err(error) = outcome {
                bail!("the lookup of {mailbox} failed: {error}");
            }
        }
        Ok(())
    }

    fn as_endpoint(&self, account: SmtpAddress) -> EndpointSettings {
        EndpointSettings {
            name: "demo-gateway".to_owned(),
            domains: vec![account.domain().into()],
            timeout: PATIENCE,
            max_concurrency: 1,
            hedge_after: None,
            probe_interval: EndpointSettings::DEFAULT_PROBE_INTERVAL,
            limits: Limits::default(),
            rooms: Vec::new(),
            kind: BackendSettings::Ews(EwsSettings {
                url: self.url(),
                ca_certificate: Some(self.authority.to_owned()),
                proxy: None,
                auth: AuthSettings::Basic,
                role_accounts: vec![RoleAccountSettings {
                    address: account,
                    username: None,
                    password: Some(self.password.clone()),
                    max_concurrency: 1,
                }],
            }),
        }
    }

    fn tell_curl_lines(&self, mailboxes: &[SmtpAddress], window: TimeWindow) -> anyhow::Result<()> {
        let body = upstream::write(&upstream::Question {
            level: SchemaLevel::Exchange2013Sp1,
            mailboxes,
            window,
        });
        let body = String::from_utf8(body).context("the request is not text")?;
        let login = quoted(&format!("{ACCOUNT}:{}", self.password.expose_secret()));
        let authority = self.authority.to_str().map_or_else(|| "...".into(), quoted);
        let curl = format!("curl -sS --cacert {authority} -u {login}");
        say(&"\nThe same question with curl (GetUserAvailability), and a look at the door:\n")?;
        // One line each, whatever the request looks like: a line can be copied.
        say(&format_args!(
            "{curl} -H 'Content-Type: text/xml; charset=utf-8' --data {} {}",
            quoted(&body.replace(['\r', '\n'], "")),
            quoted(&self.url())
        ))?;
        say(&format_args!("{curl} {}", quoted(&self.url())))?;
        let search = DirectoryQuestion::Resolve("room".to_owned());
        let search = String::from_utf8(search.write(SchemaLevel::Exchange2013Sp1))
            .context("the request is not text")?;
        say(&"\nA search for rooms (ResolveNames), with place, seats and equipment of each:\n")?;
        say(&format_args!(
            "{curl} -H 'Content-Type: text/xml; charset=utf-8' --data {} {}",
            quoted(&search),
            quoted(&self.url())
        ))?;
        say(&"\nServing until Ctrl-C (SIGINT) or SIGTERM.")
    }

    fn url(&self) -> String {
        format!("https://{}/EWS/Exchange.asmx", self.gateway)
    }
}

/// Those whom the shipped calendars make interesting; in a folder of other people the first few.
fn shown(mailboxes: &[SmtpAddress]) -> Vec<SmtpAddress> {
    let is_known = |mailbox: &&SmtpAddress| SHOWN.contains(&mailbox.as_str());
    let known: Vec<_> = mailboxes.iter().filter(is_known).cloned().collect();
    if known.is_empty() {
        mailboxes.iter().take(SHOWN.len()).cloned().collect()
    } else {
        known
    }
}

/// Today, or the Monday after: at weekends the calendars are rather empty.
fn working_day(now: Timestamp, zone: &TimeZone) -> anyhow::Result<TimeWindow> {
    let mut day = now.to_zoned(zone.clone()).date();
    while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
        day = day.tomorrow()?;
    }
    let start = day.to_zoned(zone.clone())?;
    let end = start.checked_add(1.day())?;
    Ok(TimeWindow::new(start.timestamp(), end.timestamp())?)
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_for_the_shell() {
        assert_eq!(quoted("certs/demo-ca.pem"), "certs/demo-ca.pem");
        assert_eq!(quoted("my certs/ca.pem"), "'my certs/ca.pem'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted("https://127.0.0.1:8443/"), "https://127.0.0.1:8443/");
        assert_eq!(quoted("https://[::1]:8443/"), "'https://[::1]:8443/'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn whoever_is_there_is_looked_up() {
        let check = |there: &[&str], expect: &[&str]| {
            let parse = |text: &&str| SmtpAddress::parse(&format!("{text}@{DOMAIN}")).unwrap();
            let there: Vec<_> = there.iter().map(parse).collect();
            let expect: Vec<_> = expect.iter().map(parse).collect();
            assert_eq!(shown(&there), expect);
        };
        check(
            &["anna", "bernd", "carla", "room-aurora"],
            &["anna", "bernd", "room-aurora"],
        );
        check(&["anna", "zoe"], &["anna"]);
        check(&["k", "l", "m", "n"], &["k", "l", "m"]);
        check(&["k"], &["k"]);
    }

    #[test]
    fn weekends_are_skipped() {
        let berlin = jiff::tz::db().get(ZONE).unwrap();
        let check = |now: &str, start: &str| {
            let window = working_day(now.parse().unwrap(), &berlin).unwrap();
            assert_eq!(window.start(), start.parse().unwrap(), "{now}");
        };
        check("2026-09-07T10:00Z", "2026-09-06T22:00Z");
        check("2026-09-04T21:59Z", "2026-09-03T22:00Z");
        check("2026-09-04T22:00Z", "2026-09-06T22:00Z");
        check("2026-09-06T10:00Z", "2026-09-06T22:00Z");
    }
}
