//! Keeps everything that is logged while the tests run, of this process and of those that it starts, in the folder that
//! `CALBRIDGE_LOGS` names, if it is set: what lies there is searched for the secrets of the tests afterwards.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Output;
use std::sync::{Arc, Once};

use tracing_subscriber::EnvFilter;

/// A file of the folder, to be written at its end.
pub(crate) fn file(name: &str) -> Option<File> {
    let folder = PathBuf::from(std::env::var_os("CALBRIDGE_LOGS")?);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.log"));
    let file = OpenOptions::new().create(true).append(true).open(path);
    Some(file.unwrap())
}

/// What a command has written to its two streams.
pub(crate) fn keep_output(output: &Output) {
    if let Some(mut log) = file("commands") {
        log.write_all(&output.stdout).unwrap();
        log.write_all(&output.stderr).unwrap();
    }
}

/// The same of a command that is to be judged.
pub(crate) fn kept(command: &mut assert_cmd::Command) -> assert_cmd::assert::Assert {
    let assert = command.assert();
    keep_output(assert.get_output());
    assert
}

/// From now on, all that this process logs, whichever test it is for. A test may still have a subscriber of its own.
pub(crate) fn keep() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        if let Some(file) = file("in-process") {
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new("info,calbridge=trace"))
                .with_ansi(false)
                .with_writer(Arc::new(file))
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        }
    });
}
