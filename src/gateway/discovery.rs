//! The faces by which clients find the gateway and learn to speak with it.

use std::sync::Arc;

use url::Url;

use crate::backend::instance::Instance;
use crate::domain::Clock;
use crate::face::Routes;
use crate::face::autodiscover::{AutodiscoverFace, AutodiscoverJsonFace};
use crate::face::description::DescriptionFace;
use crate::service::Availability;

/// What these faces tell.
pub(super) struct Discovery {
    /// Where callers reach the EWS face.
    ews_url: String,
    clock: Arc<dyn Clock>,
}

impl Discovery {
    /// `public_url` has no path.
    pub(super) fn new(public_url: &Url, instance: &Instance) -> Self {
        let base = public_url.as_str().trim_end_matches('/');
        Self {
            ews_url: format!("{base}/EWS/Exchange.asmx"),
            clock: Arc::clone(&instance.clock),
        }
    }

    pub(super) fn put(&self, routes: Routes, availability: &Arc<Availability>) -> Routes {
        let url = self.ews_url.as_str();
        let by_login =
            AutodiscoverFace::new(Arc::clone(availability), Arc::clone(&self.clock), url);
        let by_login = Arc::new(by_login);
        let json = Arc::new(AutodiscoverJsonFace::new(Arc::clone(availability), url));
        let description = Arc::new(DescriptionFace::new(url));
        routes
            .with(
                DescriptionFace::SERVICES_PATH,
                Arc::clone(&description) as _,
            )
            .with(
                DescriptionFace::MESSAGES_PATH,
                Arc::clone(&description) as _,
            )
            .with(DescriptionFace::TYPES_PATH, description)
            .with(AutodiscoverFace::POX_PATH, Arc::clone(&by_login) as _)
            .with_methods(
                AutodiscoverFace::SOAP_PATH,
                AutodiscoverFace::SOAP_METHODS,
                by_login,
            )
            .with(AutodiscoverJsonFace::PATH, Arc::clone(&json) as _)
            .with(AutodiscoverJsonFace::PATH_OF_ONE, json)
    }
}
