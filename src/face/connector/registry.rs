//! What the machines with Outlook need to ask here, as a registry file and as the values of a Group Policy preference.
//! Text only; who is shown it is decided elsewhere.

use std::fmt::Write as _;

use super::ConnectorSettings;

/// Below `HKEY_CURRENT_USER`; the second is what 32-bit Outlook on 64-bit Windows reads.
const KEYS: [(&str, &str); 2] = [
    (
        "64-bit Outlook, or 32-bit Windows",
        r"Software\Google\Google Apps Sync\CalendarSync",
    ),
    (
        "32-bit Outlook on 64-bit Windows",
        r"Software\WOW6432Node\Google\Google Apps Sync\CalendarSync",
    ),
];
const VALUE: &str = "FreeBusyURL";

/// A registry file in the form of Windows 2000 and later, with CRLF. Only one directory can be set by it.
pub fn file(public_url: &str, entries: &[ConnectorSettings], chosen: usize) -> String {
    let mut text = String::from("Windows Registry Editor Version 5.00\n");
    for (place, entry) in entries.iter().enumerate() {
        let base = format!("{}/{}", public_url.trim_end_matches('/'), entry.directory);
        let url = format!("{base}/ExchangeQuerier.aspx");
        let _ = write!(
            text,
            "\n; ---- {}\n; Old versions: {base}/ExchangeQuerierAsIcal.aspx\n",
            entry.name
        );
        let mark = if place == chosen { "" } else { ";" };
        for (reader, key) in KEYS {
            let _ = write!(
                text,
                "\n; {reader}\n{mark}[HKEY_CURRENT_USER\\{key}]\n{mark}\"{VALUE}\"=\"{url}\"\n"
            );
        }
        text.push_str("\n; Group Policy: User Configuration, Preferences, Windows Settings, Registry, one item for each key\n");
        for (_, key) in KEYS {
            let _ = write!(
                text,
                ";   Action      Update\n;   Hive        HKEY_CURRENT_USER\n;   Key Path    {key}\n\
                 ;   Value name  {VALUE}\n;   Value type  REG_SZ\n;   Value data  {url}\n;\n"
            );
        }
    }
    text.replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::connector::Form;

    fn entry(name: &str, directory: &str) -> ConnectorSettings {
        ConnectorSettings {
            name: name.into(),
            directory: directory.to_owned(),
            allow: Vec::new(),
            login: None,
            domains: Vec::new(),
            event_details: false,
            domain_mapping: Vec::new(),
            submit_url: String::new(),
            form: Form::Json,
            time_zone: jiff::tz::TimeZone::UTC,
        }
    }

    #[test]
    fn one_directory_is_set_for_both_keys_and_the_others_are_comments() {
        let entries = [
            entry("freebusy_url[0]", "One"),
            entry("freebusy_url[1]", "Two"),
        ];
        let text = file("https://interop.example.com/", &entries, 1);
        assert!(text.starts_with("Windows Registry Editor Version 5.00\r\n\r\n"));
        assert!(text.is_ascii() && !text.replace("\r\n", "").contains('\n'));
        let active: Vec<&str> = text
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty() && !line.starts_with(';'))
            .collect();
        let value = "\"FreeBusyURL\"=\"https://interop.example.com/Two/ExchangeQuerier.aspx\"";
        assert_eq!(
            active,
            [
                r"[HKEY_CURRENT_USER\Software\Google\Google Apps Sync\CalendarSync]",
                value,
                r"[HKEY_CURRENT_USER\Software\WOW6432Node\Google\Google Apps Sync\CalendarSync]",
                value,
            ]
        );
        assert_eq!(
            text.matches(";   Value data  https://interop.example.com/One/")
                .count(),
            2
        );
        assert_eq!(text.matches("Value type  REG_SZ").count(), 4);
    }
}
