//! A folder as an administrator would leave it for `calbridge --config`: a certificate, a secret and a configuration whose
//! endpoints the test writes.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use crate::world::ACCOUNT;

pub(crate) struct Installation {
    pub(crate) file: PathBuf,
    pub(crate) certificate: CertificateDer<'static>,
}

/// `password` is that of the only role account, and stands in the file `secret`. `more` is what follows `[access]`.
pub(crate) fn install(folder: &Path, listen: &str, password: &str, more: &str) -> Installation {
    let certificate = certify(folder, password);
    let file = folder.join("calbridge.toml");
    std::fs::write(&file, head(listen) + more).unwrap();
    Installation { file, certificate }
}

/// The sections `[server]` and `[access]` over the files of [`certify`].
pub(crate) fn head(listen: &str) -> String {
    format!(
        r#"[server]
listen = ["{listen}"]
public_url = "https://localhost"
tls = {{ certificate = "server.pem", private_key = "server.key" }}
[access]
allow = ["127.0.0.1"]
role_account = [{{ address = "{ACCOUNT}", password_file = "secret" }}]
"#
    )
}

/// A certificate of localhost with its key, and a password in the file `secret`: all but the configuration.
pub(crate) fn certify(folder: &Path, password: &str) -> CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("server.pem", &pair.cert.pem());
    write("server.key", &pair.signing_key.serialize_pem());
    write("secret", password);
    pair.cert.der().clone()
}

/// An endpoint over the folder `calendars`, whose times are in this zone.
pub(crate) fn files(domain: &str, zone: &str) -> String {
    format!(
        "[[endpoint]]\nname = \"files\"\nkind = \"calendar-files\"\ndomains = [\"{domain}\"]\n\
         directory = \"calendars\"\ntime_zone = \"{zone}\"\n"
    )
}
