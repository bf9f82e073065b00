//! GetRoomLists, GetRooms, ExpandDL and ResolveNames: from what was asked to what this caller may be told.

use crate::codec::ews::email_address::Kind;
use crate::codec::ews::expand_dl::{self, ExpandDlRequest};
use crate::codec::ews::resolve_names::{self, Resolution, ResolveNamesRequest};
use crate::codec::ews::rooms::{self, NoResult, RoomsRequest};
use crate::domain::{Listed, SmtpAddress};
use crate::face::Call;
use crate::service::Availability;
use crate::service::directory::{DirectoryError, Resolved, ResolvedKind};

pub(super) async fn room_lists(service: &Availability, call: &Call) -> Vec<u8> {
    if is_loop(service, call) {
        return rooms::write_lists_answer(Err(NoResult::Unavailable));
    }
    let lists = service.room_lists(&call.caller, call.deadline).await;
    rooms::write_lists_answer(lists.as_deref().map_err(|error| no_result(*error)))
}

pub(super) async fn rooms(service: &Availability, asked: &RoomsRequest, call: &Call) -> Vec<u8> {
    let rooms = rooms_of(service, &asked.list, call).await;
    rooms::write_rooms_answer(rooms.as_deref().map_err(|error| *error))
}

/// Room lists only: other lists are not told.
pub(super) async fn expand(
    service: &Availability,
    asked: &ExpandDlRequest,
    call: &Call,
) -> Vec<u8> {
    let members = rooms_of(service, &asked.list, call).await;
    expand_dl::write_answer(members.as_deref().map_err(|error| *error))
}

async fn rooms_of(
    service: &Availability,
    list: &str,
    call: &Call,
) -> Result<Vec<Listed>, NoResult> {
    let list = SmtpAddress::parse(list).map_err(|_| NoResult::Unknown)?;
    if is_loop(service, call) {
        return Err(NoResult::Unavailable);
    }
    let rooms = service.rooms(&call.caller, &list, call.deadline).await;
    let rooms = rooms.map_err(no_result)?.into_iter();
    Ok(rooms
        .map(|room| Listed {
            address: room.address,
            name: room.name,
        })
        .collect())
}

pub(super) async fn resolve_names(
    service: &Availability,
    asked: &ResolveNamesRequest,
    call: &Call,
) -> Vec<u8> {
    let write = |found: Result<&[Resolution], NoResult>, last| {
        resolve_names::write_answer(found, last, asked.full_contact_data)
    };
    // The caller's own contacts are not here.
    if !asked.directory {
        return write(Err(NoResult::Unknown), true);
    }
    if is_loop(service, call) {
        return write(Err(NoResult::Unavailable), true);
    }
    let found = service.resolve_names(&call.caller, &asked.entry, call.deadline);
    match found.await {
        Ok((found, more)) => {
            let found: Vec<_> = found.into_iter().map(resolution).collect();
            write(Ok(&found), !more)
        }
        Err(error) => write(Err(no_result(error)), true),
    }
}

/// Whether we ask ourselves, as where an endpoint's URL is our own: what would be waited for is this very answer.
fn is_loop(service: &Availability, call: &Call) -> bool {
    service.is_loop(&call.via())
}

fn resolution(found: Resolved) -> Resolution {
    Resolution {
        listed: found.listed,
        kind: match found.kind {
            ResolvedKind::Mailbox => Kind::Mailbox,
            ResolvedKind::RoomList => Kind::List,
        },
        details: found.details,
    }
}

fn no_result(error: DirectoryError) -> NoResult {
    match error {
        DirectoryError::Unknown => NoResult::Unknown,
        DirectoryError::Unavailable => NoResult::Unavailable,
    }
}
