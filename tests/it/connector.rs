//! The connector's pages over a whole gateway with calendar files: a real TLS socket, a real configuration. What each
//! subject asks and expects stands in the files of its folder.

mod access;
mod as_ical;
mod bugs;
mod diagnostics;
mod errors;
mod names;
mod vectors;
mod world;
