//! A gateway that is killed without a chance to end: started again, it serves at the same address, although the
//! connections of before were cut.

use std::net::SocketAddr;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::gateway_world::ask;
use crate::process::configuration;
use crate::program::Program;
use crate::world::{PATH, PATIENCE, trusting};

fn serve(folder: &Path, listen: &str) -> (Program, SocketAddr) {
    let file = configuration(folder, listen);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("public_url", "state_directory = \"state\"\npublic_url"),
    )
    .unwrap();
    let program = Program::serve(&file);
    let address = program.address();
    (program, address)
}

/// The endpoint is a server that nobody runs: the answer says so for the mailbox, and is an answer.
async fn asks(folder: &Path, address: SocketAddr, keep: &mut Vec<reqwest::Client>) {
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).unwrap();
    let client = trusting(&certificate, address).timeout(PATIENCE);
    let client = client.build().unwrap();
    let answer = client
        .post(format!("https://localhost:{}{PATH}", address.port()))
        .basic_auth("interop@example.com", Some("Program-secret-61d0"))
        .header("content-type", "text/xml")
        .body(ask().xml());
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.contains("FreeBusyResponse"), "{text}");
    // Its connection stays open.
    keep.push(client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again_it_serves_at_the_same_address() {
    let folder = tempfile::tempdir().unwrap();
    let mut callers = Vec::new();
    let (mut program, address) = serve(folder.path(), "127.0.0.1:0");
    asks(folder.path(), address, &mut callers).await;
    for _ in 0..3 {
        // Dropping sends SIGKILL and waits for the end, each time with a connection open.
        drop(program);
        let (again, same) = serve(folder.path(), &address.to_string());
        assert_eq!(same, address);
        asks(folder.path(), address, &mut callers).await;
        program = again;
    }
    assert_eq!(callers.len(), 4);
    assert_eq!(program.terminate().code(), Some(0));
}
