//! How the callers of a face are admitted: what a face wants, and the server then does. Compares no address and no
//! password itself.

use std::sync::Arc;

use ipnet::IpNet;

use crate::domain::Caller;

/// Who may call a face.
#[derive(Debug, Clone, Default)]
pub enum Admission {
    /// An address in `access.allow`, and a login that `[access]` knows.
    #[default]
    Login,
    /// An address in `access.allow` and no login: the face needs none, or reads the credentials itself. Its caller is
    /// [`Caller::nobody`], and the `Authorization` header is left in place.
    Open,
    /// A list of its own in place of `access.allow`. A caller outside it is told what an unknown path is told.
    Own(OwnAdmission),
}

/// The list and the login of one face.
#[derive(Debug, Clone)]
pub struct OwnAdmission {
    pub allow: Vec<IpNet>,
    /// Asked of every caller, where there is one.
    pub login: Option<OwnLogin>,
    /// What every caller of the face becomes.
    pub caller: Arc<Caller>,
}

/// A Basic login that only one face knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLogin {
    /// Where it is configured, for an error about its hash: `freebusy_url[0].password_hash`.
    pub key: String,
    pub user: String,
    /// Argon2id in PHC form.
    pub password_hash: String,
}
