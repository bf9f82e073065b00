//! What a request is answered that comes to no face, or whose face has no room for it. Who may not come in is told in
//! [`super::denial`].

use std::any::Any;

use http::request::Parts;
use hyper::body::Incoming;
use uuid::Uuid;

use super::{Outgoing, answered};
use crate::face::Face;
use crate::metrics::labels::NONE;
use crate::server::body::{self, BodyError};
use crate::server::reply::Refusal;

pub(super) fn refuse(face: &'static str, refusal: &Refusal) -> Outgoing {
    Outgoing {
        response: refusal.response(),
        route: None,
        face,
        operation: NONE,
        outcome: refusal.outcome(),
        refused: true,
        body_left: false,
    }
}

/// As [`refuse`], where the body has not been read.
pub(super) async fn refuse_unread(
    head: &Parts,
    body: Incoming,
    face: &'static str,
    refusal: Refusal,
) -> Outgoing {
    let body_left = !body::discard(&head.headers, body).await;
    Outgoing {
        body_left,
        ..refuse(face, &refusal)
    }
}

pub(super) fn refuse_body(face: &dyn Face, error: BodyError, id: Uuid) -> Outgoing {
    let outgoing = match error {
        BodyError::TooLarge => refuse(face.name(), &Refusal::BodyTooLarge),
        BodyError::TooSlow => refuse(face.name(), &Refusal::BodyTooSlow),
        BodyError::Broken => refuse(face.name(), &Refusal::BodyBroken),
        BodyError::NoRoom => busy(face, id),
    };
    Outgoing {
        body_left: true,
        ..outgoing
    }
}

pub(super) fn broken(id: Uuid, panic: &(dyn Any + Send)) -> Outgoing {
    // The panic's text may carry anything of the request, so it stays out of the logs; the panic hook told where.
    let _ = panic;
    tracing::error!(request_id = %id, "A request was given up because of a defect in this program");
    refuse(NONE, &Refusal::Broken)
}

pub(super) fn busy(face: &dyn Face, id: Uuid) -> Outgoing {
    Outgoing {
        refused: true,
        outcome: "busy",
        ..answered(face, face.busy(id).into())
    }
}
