//! What is found while a document is read: problems and warnings, each with its place. Collected, not printed.

use std::cell::RefCell;
use std::fmt::Display;

use super::problems::{Place, Problem};

/// Collects what is found while a document is read.
pub(super) struct Findings<'a> {
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

/// A value with its place.
pub(super) struct Located<'a, T> {
    pub(super) value: T,
    pub(super) place: Place,
    pub(super) findings: &'a Findings<'a>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    pub(super) fn problem(&self, place: &Place, text: impl Display) {
        self.problems.borrow_mut().push(note(place, text));
    }

    pub(super) fn file_problem(&self, place: &Place, text: impl Display) {
        self.problems.borrow_mut().push(Problem {
            of_file: true,
            ..note(place, text)
        });
    }

    pub(super) fn warning(&self, place: &Place, text: impl Display) {
        self.warnings.borrow_mut().push(note(place, text));
    }

    /// Problems, then warnings.
    pub(super) fn into_parts(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.problems.into_inner(), self.warnings.into_inner())
    }

    /// The 1-based line of a byte offset.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|&&byte| byte == b'\n').count() + 1
    }
}

fn note(place: &Place, text: impl Display) -> Problem {
    Problem {
        place: place.clone(),
        text: text.to_string(),
        of_file: false,
    }
}

impl<T> Located<'_, T> {
    pub(super) fn problem(&self, text: impl Display) {
        self.findings.problem(&self.place, text);
    }

    pub(super) fn file_problem(&self, text: impl Display) {
        self.findings.file_problem(&self.place, text);
    }

    pub(super) fn warning(&self, text: impl Display) {
        self.findings.warning(&self.place, text);
    }

    /// What `parse` makes of the value; its error becomes a problem at this place.
    pub(super) fn parse<U, E: Display>(&self, parse: impl FnOnce(&T) -> Result<U, E>) -> Option<U> {
        parse(&self.value)
            .inspect_err(|error| self.problem(error))
            .ok()
    }
    /// The same for what stands in the file that the value names, not in the configuration.
    pub(super) fn parse_file<U, E: Display>(
        &self,
        parse: impl FnOnce(&T) -> Result<U, E>,
    ) -> Option<U> {
        parse(&self.value)
            .inspect_err(|error| self.file_problem(error))
            .ok()
    }
}
