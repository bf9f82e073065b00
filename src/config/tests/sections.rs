//! The problems and warnings of each section, one by one.

use super::{Folder, SECRET, VALID, check, check_warnings};
use crate::config::password;

#[test]
fn the_server_section() {
    let url = "\"https://interop.example.com\"";
    check(
        &[(url, "\"http://x.example\"")],
        &["3 server.public_url: must be an https URL"],
    );
    check(
        &[(url, "\"https://x.example/EWS\"")],
        &["3 server.public_url: must not have a path"],
    );
    check(
        &[(url, "\"https://a:hunter2@x.example\"")],
        &["3 server.public_url: must not hold a user name or password"],
    );
    let listen = "[\"127.0.0.1:8443\"]";
    check(
        &[(listen, "[]")],
        &["2 server.listen: needs at least one address"],
    );
    check(
        &[(listen, "[\"127.0.0.1:1\", \"127.0.0.1:1\"]")],
        &["2 server.listen[1]: stands twice in the list"],
    );
    check(
        &[(
            "[server.tls]",
            "max_connections = 0\ndeadline = \"0s\"\ndrain = \"31s\"\nbody_timeout = \"soon\"\n[server.tls]",
        )],
        &[
            "4 server.max_connections: must be a whole number from 1 to",
            "5 server.deadline: must be more than 0s",
            "6 server.drain: must be more than 0s and at most 30s",
            "7 server.body_timeout: must be a duration",
        ],
    );
}

#[test]
fn the_certificate_and_its_key() {
    let (certificate, key) = ("\"server.pem\"", "\"server.key\"");
    check(
        &[(certificate, "\"none.pem\"")],
        &["5 server.tls.certificate: "],
    );
    check(
        &[(certificate, "\"secret\""), (key, "\"secret\"")],
        &[
            "5 server.tls.certificate: the file holds no certificate in PEM form",
            "6 server.tls.private_key: the file holds no private key in PEM form",
        ],
    );
    check(
        &[(key, "\"other.key\"")],
        &["6 server.tls.private_key: the key does not belong to the certificate"],
    );
    check_warnings(
        &[(certificate, "\"other.pem\""), (key, "\"other.key\"")],
        &[
            "5 server.tls.certificate: the certificate is not valid for interop.example.com, \
           the host of server.public_url",
        ],
    );
}

#[test]
fn certificates_for_other_names() {
    let key = "private_key = \"server.key\"";
    let named = |certificate: &str, key_file: &str| {
        format!(
            "{key}\n[[server.tls.named]]\ncertificate = \"{certificate}\"\nprivate_key = \"{key_file}\""
        )
    };
    let folder = Folder::new();
    let config = folder.load(&VALID.replace(key, &named("other.pem", "other.key")));
    let files = config.unwrap().server.named_certificates;
    assert_eq!(files.len(), 1);
    assert!(files[0].private_key.ends_with("other.key"));
    check(
        &[(key, &named("other.pem", "server.key"))],
        &["9 server.tls.named[0].private_key: the key does not belong to the certificate"],
    );
    check(
        &[(key, &named("nameless.pem", "nameless.key"))],
        &["8 server.tls.named[0].certificate: the certificate is made for no DNS name"],
    );
}

#[test]
fn the_access_section() {
    let allow = "allow = [\"127.0.0.1\"]";
    check(&[(allow, "allow = []")], &["8 access.allow: is empty"]);
    check(&[(allow, "")], &["7 access.allow: is missing"]);
    check(
        &[(
            allow,
            "allow = [\"::1\"]\nclient_address = \"x-forwarded-for\"",
        )],
        &["7 access.trusted_proxies: must name the proxies"],
    );
    check(
        &[(allow, "allow = [\"::1\"]\nclient_address = \"header\"")],
        &["9 access.client_address: must be \"peer\","],
    );
    check_warnings(
        &[(
            allow,
            "allow = [\"::1\"]\ntrusted_proxies = [\"192.0.2.1\"]",
        )],
        &["9 access.trusted_proxies: has no effect while access.client_address is \"peer\""],
    );
}

#[test]
fn secrets_of_callers() {
    let source = "password_file = \"secret\"";
    let key = "11 access.role_account[0].password";
    let one_of = "9 access.role_account[0]: needs exactly one of";
    check(&[(source, "")], &[one_of]);
    check(
        &[(
            source,
            "password_file = \"secret\"\npassword_env = \"HQ_PASSWORD\"",
        )],
        &[one_of],
    );
    check(
        &[(source, "password_file = \"empty\"")],
        &[&format!("{key}_file: the secret is empty")],
    );
    check(
        &[(source, "password_file = \"none\"")],
        &[&format!("{key}_file: ")],
    );
    check(
        &[(source, "password_file = \"calendars\"")],
        &[&format!("{key}_file: ")],
    );
    check(
        &[(source, "password_file = \"two-lines\"")],
        &[&format!("{key}_file: the secret has more than one line")],
    );
    check(
        &[(source, "password_env = \"NOT_SET\"")],
        &[&format!(
            "{key}_env: the environment variable NOT_SET is not set"
        )],
    );
    check(
        &[(source, "password_env = \"EMPTY\"")],
        &[&format!("{key}_env: the secret is empty")],
    );
    check(
        &[(source, "password_hash = \"hunter2\"")],
        &[&format!("{key}_hash: must be an Argon2id hash")],
    );
}

#[test]
fn a_file_may_hold_the_hash_itself() {
    let folder = Folder::new();
    let hash = password::hash(SECRET).unwrap();
    folder.write("secret", &format!("{hash}\n"));
    let config = folder.load(VALID).unwrap();
    assert_eq!(config.server.access.role_accounts[0].password_hash, hash);

    folder.write("secret", &hash[..40]);
    let errors = folder.load(VALID).unwrap_err().to_string();
    assert!(
        errors.contains("password_file: must be an Argon2id hash"),
        "{errors}"
    );
    assert!(!errors.contains(&hash[..40]), "{errors}");
}

#[test]
fn accounts_are_distinct() {
    let account = "[[endpoint]]\nname = \"hq\"";
    check(
        &[(
            account,
            "[[access.role_account]]\naddress = \"Interop@Example.com\"\n\
             password_file = \"secret\"\n[[endpoint]]\nname = \"hq\"",
        )],
        &["13 access.role_account[1].address: is the address of another role account"],
    );
    check(
        &[("interop@example.com", "interop")],
        &["10 access.role_account[0].address: an address has the form"],
    );
}

#[test]
fn lists_of_accounts_are_not_empty() {
    check(
        &[(
            "[[endpoint.role_account]]\naddress = \"svc@example.com\"\npassword_env = \"HQ_PASSWORD\"\n",
            "role_account = []\n",
        )],
        &["17 endpoint[0].role_account: needs at least one entry"],
    );
}

#[test]
fn accounts_of_an_endpoint_log_in_as_different_users() {
    let entry = |address: &str, username: &str| {
        let username = match username {
            "" => String::new(),
            name => format!("username = \"{name}\"\n"),
        };
        format!(
            "[[endpoint.role_account]]\naddress = \"{address}\"\n{username}password_env = \"HQ_PASSWORD\"\n"
        )
    };
    let same = "is what another role account of this endpoint logs in as, too";
    let first = entry("svc@example.com", "");
    for (two, key) in [
        (
            entry("two@example.com", "SVC@example.com"),
            "22 endpoint[0].role_account[1].username",
        ),
        (
            entry("a@example.com", "corp-svc") + &entry("b@example.com", "Corp-Svc"),
            "26 endpoint[0].role_account[2].username",
        ),
    ] {
        check(
            &[(&first, &[first.as_str(), &two].concat())],
            &[&format!("{key}: {same}")],
        );
    }
    // The name of the first is the address of the second.
    let named = entry("one@example.com", "svc@example.com") + &first;
    check(
        &[(&first, &named)],
        &[&format!("22 endpoint[0].role_account[1].address: {same}")],
    );
}

#[test]
fn endpoints_are_distinct() {
    check(
        &[
            ("\"files\"", "\"hq\""),
            ("[\"files.example\"]", "[\"x.example\", \"EXAMPLE.com\"]"),
        ],
        &[
            "21 endpoint[1].name: is the name of another endpoint",
            "23 endpoint[1].domains[1]: ",
        ],
    );
    // Two mistakes in one: that the names are the same does not make the lists one.
    check(
        &[
            ("\"files\"", "\"hq\""),
            ("[\"files.example\"]", "[\"EXAMPLE.com\"]"),
        ],
        &[
            "21 endpoint[1].name: is the name of another endpoint",
            "23 endpoint[1].domains[0]: example.com belongs to endpoint hq already",
        ],
    );
    check(
        &[("[\"files.example\"]", "[\"EXAMPLE.com\"]")],
        &["23 endpoint[1].domains[0]: example.com belongs to endpoint hq already"],
    );
    check(
        &[
            ("[\"files.example\"]", "[]"),
            ("\"files\"", "\"two words\""),
        ],
        &[
            "21 endpoint[1].name: must be 1 to 64 letters",
            "23 endpoint[1].domains: needs at least one mail domain",
        ],
    );
}

#[test]
fn the_keys_of_an_exchange_server() {
    let url = "url = \"https://mail.example.com/EWS/Exchange.asmx\"";
    check(&[(url, "")], &["12 endpoint[0].url: is missing"]);
    check(
        &[(url, "url = \"https://svc:hunter2@mail.example.com/\"")],
        &["16 endpoint[0].url: must not hold a user name or password"],
    );
    let with = |line: &str| format!("{url}\n{line}");
    let of = |line: &str, expect: &str| check(&[(url, &with(line))], &[expect]);
    of(
        "proxy = \"http://a:hunter2@p.example\"",
        "17 endpoint[0].proxy: must not hold",
    );
    of(
        "proxy = \"socks5://p.example\"",
        "17 endpoint[0].proxy: must be an http or https URL",
    );
    of(
        "ca_certificate = \"none\"",
        "17 endpoint[0].ca_certificate: ",
    );
    of(
        "ca_certificate = \"secret\"",
        "17 endpoint[0].ca_certificate: the file holds no cert",
    );
    of(
        "max_concurrency = 0",
        "17 endpoint[0].max_concurrency: must be a whole number from 1",
    );
    of(
        "timeout = \"0ms\"",
        "17 endpoint[0].timeout: must be more than 0s",
    );
    of("timeout = 20", "17 endpoint[0].timeout: must be a string");
    of(
        "limits = { mailboxes_per_call = 0 }",
        "17 endpoint[0].limits.mailboxes_per_call: must be a whole number from 1",
    );
    check(
        &[(
            "[[endpoint.role_account]]\naddress = \"svc@example.com\"\npassword_env = \"HQ_PASSWORD\"\n",
            "",
        )],
        &["12 endpoint[0].role_account: is missing"],
    );
    check(
        &[(
            "password_env = \"HQ_PASSWORD\"",
            "password_hash = \"hunter2\"",
        )],
        &[
            "17 endpoint[0].role_account[0]: needs exactly one of password_file, password_env",
            "19 endpoint[0].role_account[0].password_hash: unknown key",
        ],
    );
}

#[test]
fn the_keys_of_calendar_files() {
    check(
        &[
            ("\"calendars\"", "\"nowhere\""),
            ("time_zone = \"Europe/Berlin\"", ""),
        ],
        &[
            "20 endpoint[1].time_zone: is missing",
            "24 endpoint[1].directory: the folder",
        ],
    );
    check(
        &[("\"calendars\"", "\"secret\"")],
        &["24 endpoint[1].directory: the folder"],
    );
    check(
        &[("\"calendar-files\"", "\"caldav\"")],
        &["22 endpoint[1].kind: must be \"ews\" or \"calendar-files\""],
    );
}

#[test]
fn a_timeout_beyond_the_deadline_is_a_warning() {
    check_warnings(
        &[("name = \"hq\"", "name = \"hq\"\ntimeout = \"30s\"")],
        &["12 endpoint: the timeout of hq is longer than server.deadline"],
    );
}
