//! Clients, rights, Entra, certificates: what is read of them and everything that can be wrong.

use super::{Folder, VALID, check, check_warnings};
use crate::domain::{CallerId, Detail, SmtpAddress};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4eWneLI4DsTJa2MPz1Mxpg$JeD9o99+CQa3fHJE+/p8o3K81Q9o/2WLrl5PFDw33W0";
const GUID: &str = "11111111-2222-3333-4444-555555555555";

/// Stands behind the role account, from line 12 on.
fn with(more: &str) -> String {
    format!("password_file = \"secret\"\n{more}")
}

#[track_caller]
fn check_more(more: &str, expect: &[&str]) {
    check(&[("password_file = \"secret\"", &with(more))], expect);
}

#[test]
fn a_client_and_its_rights() {
    let more = format!(
        "[[access.client]]\nclient_id = \"{GUID}\"\nclient_secret_hash = \"{HASH}\"\n\
         role_accounts = [\"Interop@example.com\"]\ndomains = [\"example.com\", \"*.example.com\"]\n\
         event_details = false\nmask_subjects = \"Busy\""
    );
    let text = VALID.replace("password_file = \"secret\"", &with(&more));
    let config = Folder::new().load(&text).unwrap();
    let client = &config.server.access.clients[0];
    assert_eq!(
        (client.id.as_str(), client.secret_hash.as_str()),
        (GUID, HASH)
    );
    let caller = &client.caller;
    assert_eq!(caller.id, CallerId::Client(GUID.into()));
    assert_eq!(
        (caller.detail, caller.mask.as_deref()),
        (Detail::BusyOnly, Some("Busy"))
    );
    let may = |address| caller.may_ask_for(&SmtpAddress::parse(address).unwrap());
    assert!(may("a@example.com") && may("a@b.example.com") && !may("a@files.example"));
    let impersonates = |address| caller.may_impersonate(&SmtpAddress::parse(address).unwrap());
    assert!(impersonates("interop@example.com") && !impersonates("other@example.com"));
    assert_eq!(&*config.server.access.issuer, "https://interop.example.com");
}

#[test]
fn what_is_wrong_with_a_client() {
    let client = |id: &str, hash: &str, more: &str| {
        format!(
            "[[access.client]]\nclient_id = \"{id}\"\nclient_secret_hash = \"{hash}\"\n{more}\n"
        )
    };
    let hash = "14 access.client[0].client_secret_hash: ";
    check_more(&client("a", "plain", ""), &[hash]);
    check_more(
        "[[access.client]]",
        &[
            "12 access.client[0].client_id: is missing",
            "12 access.client[0].client_secret_hash: is missing",
        ],
    );
    let unknown = "role_accounts = [\"nobody@example.com\"]";
    check_more(
        &client("a", HASH, unknown),
        &["15 access.client[0].role_accounts[0]: is not the address of an [[access.role_account]]"],
    );
    check_more(
        &client("a b", HASH, ""),
        &["13 access.client[0].client_id: must be 1 to 128"],
    );
    let twice = client("A", HASH, "") + &client("a", HASH, "");
    check_more(
        &twice,
        &["17 access.client[1].client_id: is the id of another client"],
    );
    check_more(
        &client("a", HASH, "domains = []\nmask_subjects = \" \""),
        &[
            "15 access.client[0].domains: is empty",
            "16 access.client[0].mask_subjects: must be a word",
        ],
    );
    check_more(
        "domains = [\"*\"]",
        &["12 access.role_account[0].domains[0]: must be a mail domain"],
    );
}

#[test]
fn what_is_wrong_with_the_keys_of_access() {
    let allow = "allow = [\"127.0.0.1\"]";
    let more = |text: &str| format!("{allow}\n{text}");
    check(
        &[(allow, &more("login_failures = 0"))],
        &["9 access.login_failures: must be a whole"],
    );
    check(
        &[(allow, &more("rate_limit = \"fast\""))],
        &["9 access.rate_limit: "],
    );
    check(
        &[(allow, &more("token_key = \"secret\""))],
        &["9 access.token_key: has no PEM private key"],
    );
    check(
        &[(allow, &more("token_key = \"missing\""))],
        &["9 access.token_key: "],
    );
    check(
        &[(allow, &more("token_lifetime = \"25h\""))],
        &["9 access.token_lifetime: must be more"],
    );
    check_warnings(
        &[(allow, &more("token_lifetime = \"5m\""))],
        &["9 access.token_lifetime: has no effect without an [[access.client]]"],
    );
}

#[test]
fn what_is_wrong_with_entra() {
    check_more(
        "[access.entra]",
        &[
            "12 access.entra.tenant_id: is missing",
            "12 access.entra.client_ids: is missing",
            "12 access.entra.audience: is missing",
        ],
    );
    let entra = |tenant: &str, ids: &str, more: &str| {
        format!("[access.entra]\ntenant_id = \"{tenant}\"\nclient_ids = [{ids}]\n{more}")
    };
    let id = format!("\"{GUID}\"");
    let audience = "audience = \"api://calbridge\"";
    check_more(
        &entra("contoso.com", &id, audience),
        &["13 access.entra.tenant_id: must be a GUID"],
    );
    check_more(
        &entra(GUID, "", audience),
        &["14 access.entra.client_ids: is empty"],
    );
    check_more(
        &entra(GUID, &id, "audience = \"https://outlook.office365.com\""),
        &["15 access.entra.audience: is the audience of Exchange Online itself"],
    );
    check_more(
        &entra(
            GUID,
            &id,
            &format!("{audience}\nauthority = \"http://x.example\""),
        ),
        &["16 access.entra.authority: must be an https URL"],
    );
    check_warnings(
        &[(
            "password_file = \"secret\"",
            &with(&entra(GUID, &id, "accept_exchange_audience = true")),
        )],
        &[
            "15 access.entra.accept_exchange_audience: tokens for Exchange Online are accepted: whoever sends one to \
             calbridge hands over a token that opens Exchange itself. Give calbridge an application of its own, with an \
             audience of its own",
        ],
    );
}

#[test]
fn what_is_wrong_with_a_certificate() {
    let sha = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";
    let entry =
        |sha: &str| format!("[[access.client_certificate]]\nname = \"edge\"\nsha256 = \"{sha}\"\n");
    check_more(
        &entry(sha),
        &["7 access: 1 certificates are named, and server.tls.client_ca"],
    );
    let ca = (
        "private_key = \"server.key\"",
        "private_key = \"server.key\"\nclient_ca = \"server.pem\"",
    );
    for bad in ["", "00", &sha[1..], &sha.replace("11", "xy")] {
        let more = with(&entry(bad));
        check(
            &[ca, ("password_file = \"secret\"", &more)],
            &["15 access.client_certificate[0].sha256: must be 64 hexadecimal digits"],
        );
    }
    let text = VALID
        .replace(ca.0, ca.1)
        .replace("password_file = \"secret\"", &with(&entry(sha)));
    let config = Folder::new().load(&text).unwrap();
    let known = &config.server.access.client_certificates[0];
    assert_eq!((known.fingerprint[1], known.fingerprint[31]), (0x11, 0xff));
    assert_eq!(known.caller.id, CallerId::Certificate("edge".into()));
    let bad_ca = (ca.0, "private_key = \"server.key\"\nclient_ca = \"secret\"");
    check(
        &[bad_ca],
        &["7 server.tls.client_ca: the file holds no certificate"],
    );
}

#[test]
fn hashes_of_unequal_cost_are_warned_of() {
    let cheap = HASH.replace("t=2", "t=1");
    let more = format!(
        "[[access.role_account]]\naddress = \"other@example.com\"\npassword_hash = \"{cheap}\"\n\
         [[access.client]]\nclient_id = \"one\"\nclient_secret_hash = \"{HASH}\"\nrole_accounts = []\n\
         [[access.client]]\nclient_id = \"two\"\nclient_secret_hash = \"{cheap}\"\nrole_accounts = []"
    );
    let text = "the hashes cost unequal work: how long a wrong one takes tells which exist; make all of them by \
                `calbridge hash-password`";
    check_warnings(
        &[("password_file = \"secret\"", &with(&more))],
        &[
            &format!("9 access.role_account: {text}"),
            &format!("15 access.client: {text}"),
        ],
    );
    check_warnings(
        &[(
            "password_file = \"secret\"",
            &with(&more.replace("t=1", "t=2")),
        )],
        &[],
    );
}

/// Whoever gives out no passwords needs no account for them.
#[test]
fn any_one_kind_of_caller_is_enough() {
    let account =
        "[[access.role_account]]\naddress = \"interop@example.com\"\npassword_file = \"secret\"\n";
    let client = format!(
        "[[access.client]]\nclient_id = \"one\"\nclient_secret_hash = \"{HASH}\"\nrole_accounts = []\n"
    );
    check_warnings(&[(account, &client)], &[]);
    let none = "7 access.role_account: is missing, and so are client, client_certificate and entra: nobody could call";
    check(&[(account, "")], &[none]);
}
