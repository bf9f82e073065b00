//! The availability question: which endpoint knows which mailbox, and how much may be told.

pub mod settings;
