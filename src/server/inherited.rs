//! Listening sockets that systemd opened and handed over (socket activation, sd_listen_fds(3)): they are used in place
//! of binding the same address.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

/// The sockets that this process was started with.
pub(super) struct Inherited {
    sockets: Vec<(SocketAddr, TcpListener)>,
}

impl Inherited {
    /// `LISTEN_FDS` and `LISTEN_PID`; no sockets where they are not there, or meant for another process. What is no
    /// listening TCP socket is left alone.
    pub(super) fn from_environment() -> Self {
        let mut handed_over = ListenFd::from_env();
        let sockets = (0..handed_over.len())
            .filter_map(|place| handed_over.take_tcp_listener(place).ok().flatten())
            .filter_map(|socket| Some((socket.local_addr().ok()?, socket)))
            .collect();
        Self { sockets }
    }

    /// The socket of this address, ready for the runtime.
    pub(super) fn take(&mut self, address: SocketAddr) -> Option<std::io::Result<TcpListener>> {
        let place = self.sockets.iter().position(|(held, _)| *held == address)?;
        let (_, socket) = self.sockets.swap_remove(place);
        Some(socket.set_nonblocking(true).map(|()| socket))
    }

    /// Addresses that nobody wanted: the socket unit and the configuration do not say the same.
    pub(super) fn left_over(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address)
    }
}
