//! `calbridge demo`: an Exchange side over demo calendars and the gateway in front of it, both on loopback only.

mod calendars;
mod certificates;
mod guide;
mod sides;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::calendars::Calendars;
use self::guide::{DOMAIN, Guide};
use self::sides::Passwords;
use super::{CommandError, Exit, new_key};
use crate::config::Config;
use crate::domain::Clock;
use crate::gateway::Gateway;
use crate::server::clock::SystemClock;
use crate::server::lifecycle::StopSignals;

/// What the command is asked.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Loopback address of the gateway
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443", value_parser = loopback)]
    listen: SocketAddr,
    /// Loopback address of the Exchange side
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443", value_parser = loopback)]
    exchange_listen: SocketAddr,
    /// Folder of the development certificates, made where it is missing
    #[arg(long, value_name = "FOLDER", default_value = "certs")]
    certs: PathBuf,
    /// Folder of iCalendar files, named `<address>.ics` [default: the calendars that are shipped]
    #[arg(long, value_name = "FOLDER")]
    calendars: Option<PathBuf>,
    /// The gateway's password, for scripts [default: a new one each time]
    #[arg(long, value_parser = password)]
    password: Option<SecretString>,
}

/// Prints the way to try it, then serves until SIGTERM or SIGINT. Fails where the first lookup fails.
pub(super) async fn run(demo: &Demo) -> Result<Exit, CommandError> {
    let mut signals = StopSignals::listen().context("signals cannot be listened to")?;
    let certificates = certificates::provide(&demo.certs, SystemClock.now())?;
    let calendars = Calendars::provide(demo.calendars.as_deref())?;
    let mailboxes = calendars.mailboxes(DOMAIN)?;
    let passwords = Passwords {
        interop: demo.password.clone().unwrap_or_else(random),
        exchange: random(),
    };
    let key = new_key::random()?;
    let listen = demo.exchange_listen;
    let config = sides::exchange(listen, &certificates, calendars.path(), &passwords)?;
    let exchange = Side::start(config, "--exchange-listen").await?;
    let hash = new_key::sha256(&key);
    let ports = (demo.listen, exchange.address);
    let config = sides::gateway(ports, &certificates, &passwords, &hash)?;
    let gateway = Side::start(config, "--listen").await?;
    let guide = Guide {
        gateway: gateway.address,
        exchange: exchange.address,
        calendars: calendars.path(),
        mailboxes: &mailboxes,
        authority: &certificates.authority,
        password: &passwords.interop,
        key: &key,
    };
    guide.tell(SystemClock.now()).await?;
    signals.next().await;
    tokio::select! {
        () = signals.next() => {}
        // In this order, so that what the gateway has accepted can still be answered.
        () = async { gateway.stop().await; exchange.stop().await; } => {}
    }
    Ok(Exit::Success)
}

/// A server that runs beside us.
struct Side {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Side {
    /// `flag`: what chooses the address, for the error where it cannot be had.
    async fn start(config: Config, flag: &str) -> anyhow::Result<Self> {
        let built = Gateway::build(config, Arc::new(SystemClock)).await;
        let gateway = built.map_err(|error| match error.refused_address() {
            Some(_) => anyhow::anyhow!("{error}; choose another address with {flag}"),
            None => error.into(),
        })?;
        let address = *gateway
            .addresses()
            .first()
            .context("nothing is listened on")?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(gateway.run(stop.clone()));
        Ok(Self {
            address,
            stop,
            task,
        })
    }

    async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!("A side of the demo ended badly: {error}");
        }
    }
}

fn random() -> SecretString {
    uuid::Uuid::new_v4().simple().to_string().into()
}

/// What the configuration would take as a password.
fn password(text: &str) -> Result<SecretString, String> {
    if text.is_empty() || text.contains(char::is_control) {
        Err("must not be empty or have control characters".to_owned())
    } else if text.starts_with("$argon2") {
        Err("must be a password, not a hash".to_owned())
    } else {
        Ok(text.into())
    }
}

/// The demo's passwords and calendars are for nobody else's eyes.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "must be an IP address with a port, as 127.0.0.1:8443".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the demo listens on loopback addresses only (127.0.0.1, [::1])".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passwords_are_taken() {
        for text in ["secret", "a b:c", "\u{fc}"] {
            assert!(password(text).is_ok(), "{text:?}");
        }
        for text in ["", "a\nb", "$argon2id$v=19$m=19456,t=2,p=1"] {
            assert!(password(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        for text in ["127.0.0.1:8443", "127.9.9.9:0", "[::1]:1"] {
            assert!(loopback(text).is_ok(), "{text}");
        }
        for text in [
            "0.0.0.0:8443",
            "192.0.2.1:1",
            "[::]:1",
            "localhost:1",
            "127.0.0.1",
            "8443",
        ] {
            assert!(loopback(text).is_err(), "{text}");
        }
    }
}
