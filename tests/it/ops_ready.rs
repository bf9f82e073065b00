//! Whether the gateway says that it lives and is ready, and why not.

use std::sync::atomic::Ordering;

use crate::ops::Ops;
use crate::process::configuration;
use crate::program::Program;

#[tokio::test]
async fn livez_needs_nobody_and_readyz_one_endpoint() {
    let ops = Ops::start();
    let answer = ops.get("/livez").await;
    assert_eq!((answer.status, answer.text()), (200, "ok\n"));
    let answer = ops.get("/readyz").await;
    assert_eq!((answer.status, answer.text()), (200, "ready\n"));
    let answer = ops.get("/readyz?verbose").await;
    let all = "[+] listener: bound\n[+] configuration: in use\n[+] certificate localhost: valid until 2026-09-07\n\
               [-] endpoint cloud: circuit breaker open\n[+] endpoint hq: usable\nready\n";
    assert_eq!((answer.status, answer.text()), (200, all));
    ops.target.failing.store(true, Ordering::Relaxed);
    let answer = ops.get("/readyz").await;
    assert_eq!((answer.status, answer.text()), (503, "not ready\n"));
    assert_eq!(ops.get("/livez").await.status, 200);
    let answer = ops.get("/readyz?verbose").await;
    let refused = "[+] configuration: as last read it was refused; the one before serves\n";
    assert!(answer.text().contains(refused), "{}", answer.text());
    let refused = "[+] certificates: as last read they were refused; those from before are shown\n";
    assert!(answer.text().contains(refused), "{}", answer.text());
    ops.target.failing.store(false, Ordering::Relaxed);
    assert_eq!(ops.get("/readyz").await.status, 200);
    ops.target.expired.store(true, Ordering::Relaxed);
    let answer = ops.get("/readyz?verbose").await;
    assert_eq!(answer.status, 503);
    let expired = "[-] certificate localhost: expired on 2026-09-07\n";
    assert!(answer.text().contains(expired), "{}", answer.text());
    ops.target.expired.store(false, Ordering::Relaxed);
    ops.stopping.cancel();
    let answer = ops.get("/readyz?verbose=1").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().starts_with("[-] listener: stopping\n"));
    assert_eq!(ops.get("/livez").await.status, 200);
}

/// The listener for callers is bound first: nobody can be told that a gateway is ready that has no address.
#[test]
fn a_gateway_that_cannot_bind_is_never_ready() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = configuration(folder.path(), &address);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "[ops]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    let path = folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_nonblocking(true).unwrap();
    let told = ("NOTIFY_SOCKET", path.to_str().unwrap());
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let (status, lines) = Program::start_with(&arguments, &[told], Program::stderr).wait();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    let told_of_ops = lines.iter().any(|line| line.contains("ops.listen"));
    assert!(!told_of_ops, "{lines:#?}");
    let nothing = manager.recv(&mut [0; 64]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}
