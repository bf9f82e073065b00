//! `calbridge demo` as a process: both sides, the first lookup, and what is told when it cannot start.

use std::net::TcpListener;
use std::path::Path;

use crate::program::{PATIENCE, Program};

/// The demo on free ports, with its certificates in `folder`.
fn demo(folder: &Path, more: &[&str]) -> Program {
    let certs = folder.to_str().unwrap();
    let ports = [
        "--listen",
        "127.0.0.1:0",
        "--exchange-listen",
        "127.0.0.1:0",
    ];
    let arguments = [&["demo", "--certs", certs][..], &ports, more].concat();
    Program::start(&arguments, Program::stdout)
}

#[test]
fn the_demo_looks_up_and_serves_until_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let password = ["--password", "it's for tests"];
    let mut program = demo(folder.path(), &password);
    let lines = program.lines_until("Serving until");
    let text = lines.join("\n");
    for expect in [
        "role account:  interop@exchange.example",
        "password:      it's for tests",
        "anna@exchange.example\n",
        "room-aurora@exchange.example\n",
        "curl -sS --cacert ",
        r" -u 'interop@exchange.example:it'\''s for tests' ",
    ] {
        assert!(text.contains(expect), "{expect} in\n{text}");
    }
    let gateway = lines
        .iter()
        .find_map(|line| line.strip_prefix("gateway: "))
        .unwrap();
    let ca = std::fs::read(folder.path().join("demo-ca.pem")).unwrap();
    let status = ask(gateway.trim(), &ca, "it's for tests");
    assert_eq!(status, (200, 401));
    assert_eq!(program.terminate().code(), Some(0));
}

/// The statuses of a GET with the right and with a wrong password.
fn ask(url: &str, ca: &[u8], password: &str) -> (u16, u16) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(ca).unwrap()])
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let get = async |password: &str| {
            let request = client
                .get(url)
                .basic_auth("interop@exchange.example", Some(password));
            request.send().await.unwrap().status().as_u16()
        };
        (get(password).await, get("wrong").await)
    })
}

#[test]
fn the_demo_names_the_flag_of_an_address_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path().to_str().unwrap();
    for (flag, other) in [
        ("--listen", "--exchange-listen"),
        ("--exchange-listen", "--listen"),
    ] {
        let arguments = [
            "demo",
            "--certs",
            certs,
            flag,
            &address,
            other,
            "127.0.0.1:0",
        ];
        let (status, lines) = Program::start(&arguments, Program::stderr).wait();
        assert_eq!(status.code(), Some(1), "{lines:#?}");
        let told = lines
            .iter()
            .any(|line| line.contains(&address) && line.ends_with(&format!("with {flag}")));
        assert!(told, "{flag}: {lines:#?}");
    }
}

#[test]
fn the_demo_is_for_loopback_only() {
    let arguments = ["demo", "--listen", "0.0.0.0:8443"];
    let (status, lines) = Program::start(&arguments, Program::stderr).wait();
    assert_eq!(status.code(), Some(2));
    assert!(
        lines.iter().any(|line| line.contains("loopback")),
        "{lines:#?}"
    );
}
