//! What the configuration decides about the ops listener: its certificate, its login, its names. Another takes its place
//! while the listener runs; the socket stays.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use tokio_rustls::TlsAcceptor;

use crate::domain::Caller;
use crate::server::login::{Denied, Login, Shown};
use crate::server::settings::{AccessSettings, OpsSettings};
use crate::server::{CertificateInUse, StartError, tls};

/// Logins that may wait to be verified.
const QUEUE: usize = 8;

pub(super) type Fronts = ArcSwap<Front>;

/// What one connection sees.
pub(super) struct Front {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) hosts: Vec<String>,
    certificate: Option<CertificateInUse>,
    login: Option<Arc<Login>>,
    settings: OpsSettings,
}

impl Front {
    /// Reads the certificate's files.
    pub(super) fn build(settings: &OpsSettings) -> Result<Self, StartError> {
        let loaded = settings.tls.as_ref().map(tls::load_pair).transpose()?;
        let (tls, certificates) = loaded
            .map(|loaded| (TlsAcceptor::from(loaded.config), loaded.certificates))
            .unzip();
        Ok(Self {
            tls,
            certificate: certificates.and_then(|all| all.into_iter().next()),
            hosts: settings.hosts.clone(),
            login: login(settings)?,
            settings: settings.clone(),
        })
    }

    pub(super) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Whether these headers may ask; everybody may where there is no login.
    pub(super) async fn admits(&self, headers: &HeaderMap, client: IpAddr) -> Result<(), Denied> {
        match &self.login {
            Some(login) => {
                let shown = Shown {
                    headers,
                    client,
                    certificate: None,
                    recent: None,
                };
                login.caller(&shown).await.map(drop)
            }
            None => Ok(()),
        }
    }
}

fn login(settings: &OpsSettings) -> Result<Option<Arc<Login>>, StartError> {
    let Some(only) = &settings.login else {
        return Ok(None);
    };
    let nobody = Arc::new(Caller::nobody());
    let nobodys = Login::new(&AccessSettings::default(), QUEUE, None)?;
    nobodys.apart(only, &nobody).map(Some)
}

/// Changes a running listener.
#[derive(Clone)]
pub struct OpsControl(pub(super) Arc<Fronts>);

/// What the listener will be, complete and checked.
pub struct OpsPrepared(Front);

impl OpsControl {
    /// Everything but `settings.listen`. Reads files. A login that did not change remembers who has logged in.
    pub fn prepare(&self, settings: &OpsSettings) -> Result<OpsPrepared, StartError> {
        let mut front = Front::build(settings)?;
        let before = self.0.load();
        if front.settings.login == before.settings.login {
            front.login.clone_from(&before.login);
        }
        Ok(OpsPrepared(front))
    }

    /// The certificate that new connections are shown, where the listener speaks TLS.
    pub fn certificate(&self) -> Option<CertificateInUse> {
        self.0.load().certificate.clone()
    }

    /// From now on, new connections see this.
    pub fn put(&self, prepared: OpsPrepared) {
        self.0.store(Arc::new(prepared.0));
    }
}
