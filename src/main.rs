//! The program: arguments, logging, the runtime, the exit status. Everything else is in the library.

use std::process::ExitCode;

use calbridge::{cli, config, telemetry};
use clap::Parser;

/// Many small pieces come and go with each request, and a cache of many sizes stays.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    let filter = ["CALBRIDGE_LOG", "RUST_LOG"]
        .into_iter()
        .find_map(config::process_environment);
    let exports = arguments.serves() && telemetry::collector_is_named(&config::process_environment);
    let journal_stream = config::process_environment("JOURNAL_STREAM");
    let _telemetry = telemetry::start(
        arguments.log_format,
        filter.as_ref().and_then(|filter| filter.to_str()),
        exports,
        telemetry::is_read_by_journal(journal_stream.as_deref()),
    );
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(cli::run(arguments)),
        Err(error) => {
            tracing::error!("The runtime cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
