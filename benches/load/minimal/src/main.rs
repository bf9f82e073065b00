//! The other parties of a load run, one subcommand each: the minimal server that the gateway is compared with, an
//! upstream that answers any mailbox, and two kinds of callers. It knows nothing of the gateway's code.
//!
//! Servers print the address that they listen on as their first line, callers print one line of JSON.

mod client;
mod fixed;
mod idle;
mod tls;
mod upstream;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Reads each request's body and answers the bytes of a file.
    Fixed(fixed::Options),
    /// Answers GetUserAvailability with made-up events for any mailbox.
    Upstream(upstream::Options),
    /// Posts bodies over keep-alive connections and measures each answer.
    Client(client::Options),
    /// Opens connections, posts one body on each, and holds them until standard input ends.
    Idle(idle::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().part {
        Part::Fixed(options) => fixed::run(&options),
        Part::Upstream(options) => upstream::run(&options),
        Part::Client(options) => client::run(options),
        Part::Idle(options) => idle::run(&options),
    }
}
