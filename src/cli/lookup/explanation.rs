//! How each mailbox's answer came about, as lines for people and as JSON. Writes what it is given.

use std::fmt;

use serde::Serialize;

use crate::cli::output;
use crate::domain::{Detail, Outcome, SmtpAddress};
use crate::service::explain::{Explanation, Lookup, Policy, Routed};

/// One paragraph for each mailbox; nothing without explanations.
pub(super) fn say(
    answers: &[(SmtpAddress, Outcome)],
    explanations: &[Explanation],
) -> anyhow::Result<()> {
    for ((mailbox, _), explanation) in answers.iter().zip(explanations) {
        output::say(&format_args!("\n{mailbox}\n{}", Lines(explanation)))?;
    }
    Ok(())
}

/// The lines below a mailbox's address, each with a word in front.
struct Lines<'a>(&'a Explanation);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation {
            alias,
            route,
            asked,
            policy,
            took,
        } = self.0;
        if let Some(address) = alias {
            writeln!(f, "  alias    asked for as {address}")?;
        }
        match route {
            Some(route) => writeln!(f, "  route    {}", way(route))?,
            None => writeln!(f, "  route    none")?,
        }
        if let Some(lookup) = asked {
            writeln!(f, "  cache    {}", lookup.cache.label())?;
            writeln!(f, "  calls    {}", calls(lookup))?;
        }
        write!(f, "  policy   {}", rules(*policy))?;
        match took {
            Some(took) => write!(f, "\n  time     {:.1} ms", took.as_secs_f64() * 1000.0),
            None => Ok(()),
        }
    }
}

fn way(
    Routed {
        kind,
        endpoint,
        fallback,
    }: &Routed,
) -> String {
    let by = kind.label();
    match fallback {
        None => format!("by {by} to endpoint {endpoint}"),
        Some(fallback) => {
            format!("by {by} to endpoint {endpoint}, then its fallback {fallback}")
        }
    }
}

fn calls(lookup: &Lookup) -> String {
    let accounts: Vec<&str> = lookup.accounts.iter().map(SmtpAddress::as_str).collect();
    if accounts.is_empty() {
        lookup.calls.to_string()
    } else {
        format!("{}, as {}", lookup.calls, accounts.join(", "))
    }
}

fn rules(policy: Policy) -> String {
    match policy {
        Policy::Refused => "nobody may be told anything of this mailbox".to_owned(),
        Policy::Told {
            most,
            statuses_mapped,
        } => {
            let most = match most {
                Detail::DigitsOnly => "merged times only may be told",
                Detail::BusyOnly => "times and statuses may be told",
                Detail::Subjects => "subjects and locations may be told",
            };
            let mapped = if statuses_mapped {
                ", statuses by sharing.status_map"
            } else {
                ""
            };
            format!("{most}{mapped}")
        }
    }
}

/// The same for machines.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'static str>,
    calls: u32,
    role_accounts: Vec<&'a str>,
    policy: &'static str,
    statuses_mapped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<f64>,
}

impl<'a> From<&'a Explanation> for Document<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        let route = explanation.route.as_ref();
        let asked = explanation.asked.as_ref();
        let accounts = asked.map_or(&[][..], |lookup| lookup.accounts.as_slice());
        let (policy, statuses_mapped) = match explanation.policy {
            Policy::Refused => ("refused", false),
            Policy::Told {
                most,
                statuses_mapped,
            } => (super::json::detail(most), statuses_mapped),
        };
        Self {
            alias: explanation.alias.as_ref().map(SmtpAddress::as_str),
            route: route.map(|route| route.kind.label()),
            endpoint: route.map(|route| &*route.endpoint),
            fallback: route.and_then(|route| route.fallback.as_deref()),
            cache: asked.map(|lookup| lookup.cache.label()),
            calls: asked.map_or(0, |lookup| lookup.calls),
            role_accounts: accounts.iter().map(SmtpAddress::as_str).collect(),
            policy,
            statuses_mapped,
            milliseconds: explanation.took.map(|took| took.as_secs_f64() * 1000.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::service::explain::CacheResult;
    use crate::service::route::RouteKind;

    fn address(text: &str) -> SmtpAddress {
        SmtpAddress::parse(text).unwrap()
    }

    #[test]
    fn the_whole_way_is_told() {
        let explanation = Explanation {
            alias: Some(address("anna@example.com")),
            route: Some(Routed {
                kind: RouteKind::Wildcard,
                endpoint: "hq".into(),
                fallback: Some("cloud".into()),
            }),
            asked: Some(Lookup {
                cache: CacheResult::Miss,
                calls: 2,
                accounts: vec![address("svc@example.com"), address("svc2@example.com")],
            }),
            policy: Policy::Told {
                most: Detail::BusyOnly,
                statuses_mapped: true,
            },
            took: Some(Duration::from_micros(12_345)),
        };
        assert_eq!(
            Lines(&explanation).to_string(),
            "  alias    asked for as anna@example.com
  route    by wildcard to endpoint hq, then its fallback cloud
  cache    miss
  calls    2, as svc@example.com, svc2@example.com
  policy   times and statuses may be told, statuses by sharing.status_map
  time     12.3 ms"
        );
        let json = serde_json::to_value(Document::from(&explanation)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "alias": "anna@example.com", "route": "wildcard", "endpoint": "hq", "fallback": "cloud",
                "cache": "miss", "calls": 2, "role_accounts": ["svc@example.com", "svc2@example.com"],
                "policy": "busy-only", "statuses_mapped": true, "milliseconds": 12.345
            })
        );
    }

    #[test]
    fn what_did_not_happen_is_not_told() {
        let refused = Explanation {
            alias: None,
            route: None,
            asked: None,
            policy: Policy::Refused,
            took: None,
        };
        assert_eq!(
            Lines(&refused).to_string(),
            "  route    none
  policy   nobody may be told anything of this mailbox"
        );
        let json = serde_json::to_value(Document::from(&refused)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "calls": 0, "role_accounts": [], "policy": "refused", "statuses_mapped": false
            })
        );
    }
}
