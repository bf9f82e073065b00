//! What is wrong with a configuration: collected, never thrown one at a time, each with its line and key.
//!
//! No text in here repeats a value that may be a secret.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where in the file something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// 1-based; None for the file as a whole.
    pub line: Option<usize>,
    /// The path of the key, as `endpoint[0].role_account[1].address`; empty for the file as a whole.
    pub key: String,
}

/// One thing that is wrong, or (as a warning) odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    pub text: String,
    /// What the configuration says may be right: a file that it names cannot be read or used now.
    pub of_file: bool,
}

impl Problem {
    /// As one line of output: `config.toml:12: endpoint[0].url: must be an https URL`.
    pub fn in_file<'a>(&'a self, file: &'a Path) -> impl fmt::Display + 'a {
        InFile {
            file,
            problem: self,
        }
    }
}

struct InFile<'a> {
    file: &'a Path,
    problem: &'a Problem,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.problem.place.line {
            write!(f, "{line}:")?;
        }
        if !self.problem.place.key.is_empty() {
            write!(f, " {}:", self.problem.place.key)?;
        }
        write!(f, " {}", self.problem.text)
    }
}

/// Everything that is wrong with one file, in the order of its lines. Displayed as one line for each problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    pub file: PathBuf,
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl ConfigErrors {
    /// Whether the configuration itself may be right, and trying again may help.
    pub fn are_of_files(&self) -> bool {
        self.problems.iter().all(|problem| problem.of_file)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", problem.in_file(&self.file))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// By line; what has none comes first.
pub(super) fn sort(problems: &mut [Problem]) {
    problems.sort_by_key(|problem| problem.place.line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: Option<usize>, key: &str, text: &str) -> Problem {
        Problem {
            of_file: false,
            place: Place {
                line,
                key: key.to_owned(),
            },
            text: text.to_owned(),
        }
    }

    #[test]
    fn each_problem_is_a_line() {
        let mut problems = vec![
            problem(Some(12), "endpoint[0].url", "must be an https URL"),
            problem(Some(2), "server.listen", "is empty"),
            problem(None, "", "cannot be read"),
        ];
        sort(&mut problems);
        let errors = ConfigErrors {
            file: "config.toml".into(),
            problems,
        };
        assert_eq!(
            errors.to_string(),
            "config.toml: cannot be read\n\
             config.toml:2: server.listen: is empty\n\
             config.toml:12: endpoint[0].url: must be an https URL"
        );
    }
}
