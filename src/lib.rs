//! calbridge: a Calendar Interop free/busy bridge.
//!
//! `domain` holds the words; `codec` turns bytes into values; `backend` asks the servers in the south; `service`
//! answers the question; `face` speaks to callers in the north; `server` owns the sockets; `config` and `cli` start it.

pub mod backend;
pub mod cli;
pub mod codec;
pub mod config;
pub mod domain;
pub mod face;
pub mod gateway;
pub mod metrics;
pub mod server;
pub mod service;
pub mod telemetry;
