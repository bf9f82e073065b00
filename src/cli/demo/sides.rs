//! The two sides of the demo as configurations: the shipped samples, with the addresses, files and passwords of this run.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use toml::{Table, Value};

use super::certificates::Certificates;
use super::guide::DOMAIN;
use crate::config::{self, Config};

const GATEWAY: &str = include_str!("../../../config/demo.toml");
const EXCHANGE: &str = include_str!("../../../config/demo/exchange.toml");

/// The passwords of one run.
pub(super) struct Passwords {
    /// For `interop@exchange.example` at the gateway.
    pub(super) interop: SecretString,
    /// For the gateway's role account at the Exchange side.
    pub(super) exchange: SecretString,
}

/// The Exchange side, over the calendars of `directory`.
pub(super) fn exchange(
    listen: SocketAddr,
    certificates: &Certificates,
    directory: &Path,
    passwords: &Passwords,
) -> anyhow::Result<Config> {
    let mut table = server(EXCHANGE, listen, certificates)?;
    set(&mut table, &["endpoint", "directory"], path(directory)?);
    load(&table, "config/demo/exchange.toml", passwords)
}

/// The gateway, in front of the Exchange side at `exchange`, with a free/busy link for the key with this hash.
pub(super) fn gateway(
    (listen, exchange): (SocketAddr, SocketAddr),
    certificates: &Certificates,
    passwords: &Passwords,
    key_sha256: &str,
) -> anyhow::Result<Config> {
    let mut table = server(GATEWAY, listen, certificates)?;
    let url = format!("https://{exchange}/EWS/Exchange.asmx");
    set(&mut table, &["endpoint", "url"], url.into());
    let authority = path(&certificates.authority)?;
    set(&mut table, &["endpoint", "ca_certificate"], authority);
    let mut link = Table::new();
    link.insert("key_sha256".to_owned(), key_sha256.into());
    link.insert("domains".to_owned(), vec![Value::from(DOMAIN)].into());
    link.insert("event_details".to_owned(), true.into());
    table.insert("freebusy_link".to_owned(), vec![Value::Table(link)].into());
    load(&table, "config/demo.toml", passwords)
}

fn server(text: &str, listen: SocketAddr, certificates: &Certificates) -> anyhow::Result<Table> {
    let mut table: Table = text.parse()?;
    let addresses = vec![Value::String(listen.to_string())];
    set(&mut table, &["server", "listen"], addresses.into());
    let public_url = format!("https://{listen}");
    set(&mut table, &["server", "public_url"], public_url.into());
    let certificate = path(&certificates.server)?;
    set(&mut table, &["server", "tls", "certificate"], certificate);
    let key = path(&certificates.key)?;
    set(&mut table, &["server", "tls", "private_key"], key);
    Ok(table)
}

/// Absolute, because the samples' own relative paths start elsewhere.
fn path(path: &Path) -> anyhow::Result<Value> {
    let absolute = std::path::absolute(path)?;
    let text = absolute.to_str().with_context(|| {
        format!(
            "{} is not valid UTF-8 and cannot stand in a configuration",
            absolute.display()
        )
    })?;
    Ok(text.into())
}

/// Sets the key at `place`; where a list of tables stands in between, in its first one.
fn set(table: &mut Table, place: &[&str], value: Value) {
    let (key, deeper) = match place {
        [] => return,
        [key, deeper @ ..] => (*key, deeper),
    };
    if deeper.is_empty() {
        table.insert(key.to_owned(), value);
        return;
    }
    let inner = table
        .entry(key)
        .or_insert_with(|| Value::Table(Table::new()));
    match inner {
        Value::Table(inner) => set(inner, deeper, value),
        Value::Array(entries) => {
            if let Some(Value::Table(inner)) = entries.first_mut() {
                set(inner, deeper, value);
            }
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

fn load(table: &Table, name: &str, passwords: &Passwords) -> anyhow::Result<Config> {
    let environment = |variable: &str| -> Option<OsString> {
        let secret = match variable {
            "CALBRIDGE_DEMO_PASSWORD" => &passwords.interop,
            "CALBRIDGE_DEMO_EXCHANGE_PASSWORD" => &passwords.exchange,
            _ => return None,
        };
        Some(secret.expose_secret().into())
    };
    let config = config::load_text(&table.to_string(), Path::new(name), &environment)?;
    Ok(config)
}
