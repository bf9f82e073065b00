//! Which face answers which path.

use std::sync::Arc;

use crate::face::Routes;
use crate::face::json::{AvailabilityFace, FreeBusyFace, OpenApiFace};
use crate::face::links::{LinkSettings, LinksFace};
use crate::service::Availability;

/// The faces for programs that read JSON, and the links where there are any.
pub(super) fn with_json_and_links(
    routes: Routes,
    availability: &Arc<Availability>,
    links: Vec<LinkSettings>,
) -> Routes {
    let free_busy = FreeBusyFace::new(Arc::clone(availability));
    let own = AvailabilityFace::new(Arc::clone(availability));
    let routes = routes
        .with(FreeBusyFace::PATH, Arc::new(free_busy))
        .with(AvailabilityFace::PATH, Arc::new(own))
        .with(OpenApiFace::PATH, Arc::new(OpenApiFace::default()));
    if links.is_empty() {
        return routes;
    }
    let links = LinksFace::new(Arc::clone(availability), links);
    routes.with(LinksFace::PATH, Arc::new(links))
}
