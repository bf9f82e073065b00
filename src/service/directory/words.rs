//! Rooms and lists under the names by which endpoints are asked for them: administrators write, and some sources tell, what
//! callers call them.

use std::sync::Arc;

use crate::backend::endpoint::rooms::RoomStock;
use crate::domain::SmtpAddress;
use crate::service::alias::Aliases;

/// The same rooms, without aliases.
pub(super) fn in_own_words(mut stock: RoomStock, aliases: &Aliases) -> RoomStock {
    let rename = |address: &mut SmtpAddress, name: &mut Arc<str>| {
        let internal = aliases.internal(address);
        if **name == *address.as_str() {
            *name = internal.as_str().into();
        }
        *address = internal;
    };
    for list in &mut stock.lists {
        rename(&mut list.listed.address, &mut list.listed.name);
    }
    let listed = stock.lists.iter_mut().flat_map(|list| &mut list.rooms);
    for room in listed.chain(&mut stock.alone) {
        rename(&mut room.address, &mut room.name);
    }
    for list in stock.untold.iter_mut().chain(&mut stock.later) {
        *list = aliases.internal(list);
    }
    stock
}
