//! What the doctor has found: a list of findings, told as lines or as JSON. Finds nothing itself.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    /// It works, and something ought to be done.
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    /// What it is about, as `endpoint hq`.
    pub(super) subject: String,
    /// What was looked at, one word.
    pub(super) check: &'static str,
    pub(super) text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

/// Everything about one subject, in the order found.
pub(super) struct Chart {
    subject: String,
    pub(super) findings: Vec<Finding>,
}

impl Chart {
    pub(super) fn of(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            findings: Vec::new(),
        }
    }

    pub(super) fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.note(Verdict::Ok, check, text.into(), None);
    }

    /// Nothing is wrong, and there is something to look up.
    pub(super) fn hint(&mut self, check: &'static str, text: impl Into<String>, advice: &str) {
        self.note(Verdict::Ok, check, text.into(), Some(advice.to_owned()));
    }

    pub(super) fn warn(&mut self, check: &'static str, text: impl Into<String>, advice: &str) {
        self.note(Verdict::Warn, check, text.into(), Some(advice.to_owned()));
    }

    pub(super) fn fail(&mut self, check: &'static str, text: impl Into<String>, advice: &str) {
        self.note(Verdict::Fail, check, text.into(), Some(advice.to_owned()));
    }

    fn note(
        &mut self,
        verdict: Verdict,
        check: &'static str,
        text: String,
        advice: Option<String>,
    ) {
        self.findings.push(Finding {
            verdict,
            subject: self.subject.clone(),
            check,
            text,
            advice: advice.filter(|advice| !advice.is_empty()),
        });
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        write!(
            f,
            "{word:<5} {}: {}: {}",
            self.subject, self.check, self.text
        )?;
        match &self.advice {
            Some(advice) => write!(f, "\n      -> {advice}"),
            None => Ok(()),
        }
    }
}
