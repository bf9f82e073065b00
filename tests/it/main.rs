//! The integration tests: one binary, one file for each subject.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails there; the helpers beside the tests are tests as well"
)]

mod command_line;
mod layers;
mod samples;
