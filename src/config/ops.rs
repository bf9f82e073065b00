//! `[ops]`: the listener for those who run the gateway.

use std::net::SocketAddr;

use super::document::Section;
use crate::server::settings::OpsSettings;

/// None where the listener is off. `taken` are the addresses that callers use.
pub(super) fn read(section: &Section<'_>, taken: &[SocketAddr]) -> Option<OpsSettings> {
    let text = section.text("listen")?;
    let listen: SocketAddr = text.parse(|text| {
        text.parse()
            .map_err(|_| "must be an IP address with a port, as \"127.0.0.1:9464\"")
    })?;
    // Whoever reaches it may drop the cache, so it is for this machine only.
    if !listen.ip().to_canonical().is_loopback() {
        text.problem(
            "must be a loopback address, as 127.0.0.1 or [::1]: this listener has no login",
        );
        return None;
    }
    if listen.port() != 0 && taken.contains(&listen) {
        text.problem("is an address of server.listen, too");
        return None;
    }
    Some(OpsSettings { listen })
}
