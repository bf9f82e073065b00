//! Bytes to values and back; pure. Wire words and digits live here and nowhere else.

pub mod address_lists;
pub mod autodiscover;
pub mod connector;
pub mod ews;
pub mod ical;
pub mod json;
pub mod query;
pub mod rooms;
pub mod token_refusal;
mod toml_fault;
pub mod xml;
