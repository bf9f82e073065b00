//! Exchange Web Services: envelopes, faults, and one file per operation.

pub mod reaction;
pub mod upstream;
