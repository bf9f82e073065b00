//! How a command ends that asks endpoints: what became of its logins is known and on disk before, however it ends, so that
//! the next one does not show a server the same wrong password again.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::{CommandError, output};
use crate::backend::quarantine::Quarantine;
use crate::server::lifecycle::{StopSignals, stop_signal};

/// For the servers' answers and the state directory together.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does what asks endpoints. The first SIGINT or SIGTERM breaks it off; what becomes of logins that are on their way is
/// heard all the same, unless a second signal comes.
pub(super) async fn unless_interrupted<T>(
    quarantine: &Quarantine,
    work: impl Future<Output = T>,
) -> Result<T, CommandError> {
    let mut signals = StopSignals::listen().context("cannot listen for signals")?;
    tokio::select! {
        done = work => return Ok(done),
        () = signals.next() => {}
    }
    remembered(quarantine).await;
    Err(anyhow::anyhow!("interrupted").into())
}

/// What the endpoints of a command have learnt of logins is on disk before the command ends. The results are printed
/// before; a signal ends the wait.
pub(super) async fn remembered(quarantine: &Quarantine) {
    let wait = async {
        let ends = Instant::now() + PATIENCE;
        if quarantine.is_trying() {
            let why = "else the next command would send it again";
            let seconds = PATIENCE.as_secs();
            output::complain(&format_args!(
                "waiting until a server says whether it takes a password, for {seconds} s at most: {why}"
            ));
        }
        if !quarantine.tried(PATIENCE).await {
            output::complain(
                &"warning: a server does not say whether it takes a password: that is not kept",
            );
        }
        let left = ends.saturating_duration_since(Instant::now());
        if !quarantine.written(left).await {
            output::complain(
                &"warning: server.state_directory does not answer: which role accounts were refused is not kept",
            );
        }
    };
    tokio::select! {
        () = wait => {}
        () = stop_signal() => {}
    }
}
