//! `[endpoint.auth]`, passwords of role accounts, the state directory: what is right, and what is wrong with them.

use super::*;
use crate::backend::settings::{AssertionAlgorithm, AuthSettings, ClientCredential, EwsSettings};

/// Where the auth section of the first endpoint goes.
const ACCOUNT: &str =
    "[[endpoint.role_account]]\naddress = \"svc@example.com\"\npassword_env = \"HQ_PASSWORD\"\n";
const BARE: &str = "[[endpoint.role_account]]\naddress = \"svc@example.com\"\n";

/// The keys that OAuth 2.0 needs.
const OAUTH2: &str = "kind = \"oauth2\"\ntoken_url = \"https://login.example/t/oauth2/v2.0/token\"\nclient_id = \"app\"\n";

/// A whole section, whose first line is the 17th.
fn section(keys: &str, account: &str) -> String {
    format!("[endpoint.auth]\n{keys}\n{account}")
}

#[track_caller]
fn refused(keys: &str, expect: &[&str]) {
    check(&[(ACCOUNT, &section(keys, BARE))], expect);
}

/// A folder with an application's certificate and key.
fn folder() -> Folder {
    let folder = Folder::new();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.not_after = rcgen::date_time_ymd(2027, 3, 1);
    folder.write("app.pem", &params.self_signed(&key).unwrap().pem());
    folder.write("app.key", &key.serialize_pem());
    folder
}

#[track_caller]
fn ews(folder: &Folder, keys: &str, account: &str) -> EwsSettings {
    let text = changed(&[(ACCOUNT, &section(keys, account))]);
    let config = folder
        .load(&text)
        .unwrap_or_else(|errors| panic!("{errors}"));
    match config.endpoints.into_iter().next().unwrap().kind {
        BackendSettings::Ews(ews) => ews,
        BackendSettings::CalendarFiles(_) => panic!("ews"),
    }
}

#[test]
fn a_secret_with_its_date() {
    let keys =
        format!("{OAUTH2}client_secret_file = \"secret\"\nclient_secret_expires = 2027-03-01");
    let ews = ews(&folder(), &keys, BARE);
    assert!(ews.role_accounts[0].password.is_none());
    let AuthSettings::OAuth2(oauth2) = ews.auth else {
        panic!("oauth2");
    };
    assert_eq!(oauth2.scope, "https://outlook.office365.com/.default");
    let ClientCredential::Secret { secret, expires } = oauth2.credential else {
        panic!("a secret");
    };
    assert_eq!(secret.expose_secret(), SECRET);
    assert_eq!(expires, Some("2027-03-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn a_certificate_with_its_own_date() {
    let keys = format!(
        "{OAUTH2}client_certificate = \"app.pem\"\nclient_key = \"app.key\"\nassertion_algorithm = \"RS256\""
    );
    let AuthSettings::OAuth2(oauth2) = ews(&folder(), &keys, BARE).auth else {
        panic!("oauth2");
    };
    let ClientCredential::Certificate(certificate) = oauth2.credential else {
        panic!("a certificate");
    };
    assert_eq!(certificate.expires, "2027-03-01T00:00:00Z".parse().unwrap());
    assert_eq!(certificate.algorithm, AssertionAlgorithm::Rs256);
}

#[test]
fn one_password_for_all_accounts() {
    let accounts = format!(
        "{BARE}[[endpoint.role_account]]\naddress = \"own@example.com\"\npassword_file = \"own\"\n"
    );
    let folder = folder();
    folder.write("own", "another");
    let ews = ews(&folder, "password_file = \"secret\"", &accounts);
    let passwords: Vec<_> = ews
        .role_accounts
        .iter()
        .map(|account| account.password.as_ref().unwrap().expose_secret())
        .collect();
    assert_eq!(passwords, [SECRET, "another"]);
}

#[test]
fn what_is_wrong_with_the_section() {
    refused(
        "kind = \"ntlm\"",
        &["18 endpoint[0].auth.kind: must be \"basic\" or \"oauth2\""],
    );
    refused(
        "kind = \"oauth2\"\nclient_secret_env = \"HQ_PASSWORD\"",
        &[
            "17 endpoint[0].auth.token_url: is missing",
            "17 endpoint[0].auth.client_id: is missing",
        ],
    );
}

#[test]
fn what_is_wrong_with_a_secret() {
    let with = |keys: &str| format!("{OAUTH2}{keys}");
    let key = "21 endpoint[0].auth.client_secret";
    refused(
        &with("client_secret_file = \"none\""),
        &[&format!("{key}_file: ")],
    );
    refused(
        &with("client_secret_file = \"empty\""),
        &[&format!("{key}_file: the secret is empty")],
    );
    refused(
        &with("client_secret_env = \"EMPTY\""),
        &[&format!("{key}_env: the secret is empty")],
    );
    refused(
        &with("client_secret_credential = \"../x\""),
        &[&format!(
            "{key}_credential: must be the name of a credential"
        )],
    );
    refused(
        &with("client_secret_credential = \"x\""),
        &[&format!(
            "{key}_credential: the environment variable CREDENTIALS_DIRECTORY is not set"
        )],
    );
    refused(&with(""), &["17 endpoint[0].auth: needs a client secret"]);
    refused(
        &with("client_secret_expires = \"2027-03-01\"\nclient_secret_env = \"HQ_PASSWORD\""),
        &["21 endpoint[0].auth.client_secret_expires: must be a date, as 2027-03-01, not a string"],
    );
    refused(
        &with("client_secret_env = \"HQ_PASSWORD\"\nclient_secret_file = \"secret\""),
        &["17 endpoint[0].auth: needs exactly one of client_secret_file"],
    );
    refused(
        &with("client_secret_env = \"HQ_PASSWORD\"\nclient_key = \"server.key\""),
        &["17 endpoint[0].auth: has a client secret and a client certificate"],
    );
    refused(
        &with("client_secret_env = \"HQ_PASSWORD\"").replace("https:", "http:"),
        &["19 endpoint[0].auth.token_url: must be an https URL"],
    );
}

#[test]
fn what_is_wrong_with_a_certificate() {
    let with = |keys: &str| format!("{OAUTH2}{keys}");
    refused(
        &with("client_certificate = \"server.pem\"\nclient_key = \"server.key\""),
        &["22 endpoint[0].auth.client_key: the file holds no RSA key"],
    );
    refused(
        &with("client_certificate = \"secret\"\nclient_key = \"secret\""),
        &[
            "21 endpoint[0].auth.client_certificate: the file holds no certificate",
            "22 endpoint[0].auth.client_key: the file holds no private key",
        ],
    );
}

#[test]
fn a_password_beside_a_token_is_a_mistake() {
    let keys = format!("{OAUTH2}client_secret_env = \"HQ_PASSWORD\"");
    check(
        &[(ACCOUNT, &section(&keys, ACCOUNT))],
        &["22 endpoint[0].role_account[0]: needs no user name and no password"],
    );
}

#[test]
fn the_state_directory() {
    let listen = "listen = [\"127.0.0.1:8443\"]\n";
    let of = |key: &str| changed(&[(listen, &format!("{listen}{key}\n"))]);
    let folder = Folder::new();
    let directory = |text: &str| folder.load(text).unwrap().state_directory;
    assert_eq!(directory(VALID), None);
    assert_eq!(
        directory(&of("state_directory = \"state\"")),
        Some(folder.0.path().join("state"))
    );
    let of_systemd = |name: &str| match name {
        "STATE_DIRECTORY" => Some("/var/lib/one:/var/lib/two".into()),
        name => environment(name),
    };
    let file = folder.0.path().join("config.toml");
    let config = load_text(VALID, &file, &of_systemd).unwrap();
    assert_eq!(config.state_directory, Some("/var/lib/one".into()));
    check(
        &[(listen, &format!("{listen}state_directory = \"secret\"\n"))],
        &["3 server.state_directory: "],
    );
}
