//! The service as systemd runs it: it tells when it is ready and that it is alive, and takes sockets that it is handed.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

use crate::process::configuration;
use crate::program::PATIENCE;

/// Killed, at the latest, when the test ends.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_service_manager_hears_that_it_is_ready_and_then_that_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), "127.0.0.1:0");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let service = Command::new(env!("CARGO_BIN_EXE_calbridge"))
        .args(["serve", "--config", file.to_str().unwrap()])
        .env_clear()
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _service = Service(service.unwrap());
    let mut buffer = [0; 256];
    let mut next = || {
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(next(), "READY=1");
    assert_eq!([next(), next()], ["WATCHDOG=1", "WATCHDOG=1"]);
}

/// The address is taken by us, so that the program could not bind it: a connection that it answers came over the socket
/// that it was handed.
#[test]
fn a_socket_that_is_handed_over_serves_in_place_of_a_bound_one() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), &address.to_string());
    // As systemd does it: the socket is descriptor 3, and LISTEN_PID the program's own id.
    let script =
        r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve --config "$1""#;
    let service = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_calbridge")])
        .arg(&file)
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut service = Service(service.unwrap());
    let trust = folder.path().join("server.pem");
    let answered = Command::new("curl")
        .args(["--silent", "--show-error", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code}", "--max-time", "60"])
        .arg("--cacert")
        .arg(trust)
        .arg(format!("https://localhost:{}/nowhere", address.port()))
        .output()
        .unwrap();
    assert_eq!(service.0.try_wait().unwrap(), None, "it serves");
    assert_eq!(String::from_utf8_lossy(&answered.stdout), "404");
}
