//! Request bodies: read whole within bounds of size, time and memory, or taken off the wire and dropped.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::settings::ServerLimits;
use super::within::within;

/// How much of a body nobody wants is read to keep the connection.
const WORTH_READING: usize = 64 << 10;
/// And for how long.
const WORTH_WAITING: Duration = Duration::from_secs(1);
/// Bytes set aside for a declared length before any byte has come.
const FIRST_ROOM: usize = 64 << 10;
/// A body of fewer bytes is copied out of the buffer that it was read into, which takes less than reading it.
const WORTH_PINNING: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    TooSlow,
    /// All bodies together are at their bound.
    NoRoom,
    Broken,
}

/// Reads bodies within the bounds of the whole server.
#[derive(Debug)]
pub(super) struct BodyReader {
    max_body: usize,
    timeout: Duration,
    /// One permit is one byte of a body that is held now.
    room: Arc<Semaphore>,
}

/// A body and its share of the room for bodies.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    share: Option<OwnedSemaphorePermit>,
}

impl Held {
    pub(super) fn into_parts(self) -> (Bytes, Option<OwnedSemaphorePermit>) {
        (self.bytes, self.share)
    }
}

impl BodyReader {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        Self {
            max_body: limits.max_body,
            timeout: limits.body_timeout,
            room: Arc::new(Semaphore::new(
                limits.max_bodies.min(Semaphore::MAX_PERMITS),
            )),
        }
    }

    /// Both together hold no more than one of them may.
    pub(super) fn share_room_of(&mut self, other: &Self) {
        self.room = Arc::clone(&other.room);
    }

    pub(super) async fn read(&self, body: Incoming) -> Result<Held, BodyError> {
        let declared = body.size_hint().exact().unwrap_or(0);
        if declared > self.max_body as u64 {
            return Err(BodyError::TooLarge);
        }
        within(
            || Instant::now() + self.timeout,
            self.collect(body, declared as usize),
        )
        .await
        .unwrap_or(Err(BodyError::TooSlow))
    }

    async fn collect(&self, mut body: Incoming, declared: usize) -> Result<Held, BodyError> {
        let mut bytes = BytesMut::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            // Trailers have no meaning for any face.
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
                continue;
            };
            if data.len() > self.max_body.saturating_sub(bytes.len()) {
                return Err(BodyError::TooLarge);
            }
            let more = self.take_room(data.len())?;
            match &mut share {
                Some(share) => share.merge(more),
                // Mostly the whole body is there at once, and a long one needs no copy.
                None if data.len() == declared && body.is_end_stream() => {
                    let bytes = unpinned(data);
                    let share = Some(more);
                    return Ok(Held { bytes, share });
                }
                None => {
                    bytes.reserve(declared.min(FIRST_ROOM));
                    share = Some(more);
                }
            }
            bytes.extend_from_slice(&data);
        }
        let bytes = bytes.freeze();
        Ok(Held { bytes, share })
    }

    fn take_room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
        let bytes = u32::try_from(bytes).map_err(|_| BodyError::TooLarge)?;
        Arc::clone(&self.room)
            .try_acquire_many_owned(bytes)
            .map_err(|_| BodyError::NoRoom)
    }
}

/// A short body in memory of its own: it would keep all of the connection's buffer, which no bound counts.
fn unpinned(data: Bytes) -> Bytes {
    if data.len() < WORTH_PINNING {
        Bytes::copy_from_slice(&data)
    } else {
        data
    }
}

/// Reads a refused request's body off the wire, if that is cheap, so that the connection can go on. Returns whether it
/// can. A caller that waits for `100 Continue` is not asked to send what nobody wants.
pub(super) async fn discard(headers: &HeaderMap, mut body: Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    let declared = body.size_hint().lower();
    if declared > WORTH_READING as u64 || headers.contains_key(header::EXPECT) {
        return false;
    }
    let end = Instant::now() + WORTH_WAITING;
    let mut taken = 0;
    loop {
        match timeout_at(end, body.frame()).await {
            Ok(None) => return true,
            Ok(Some(Ok(frame))) => taken += frame.data_ref().map_or(0, Bytes::len),
            Ok(Some(Err(_))) | Err(_) => return false,
        }
        if taken > WORTH_READING {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body of so many bytes is where it was read.
    fn is_pinned(length: usize) -> bool {
        let mut buffer = Bytes::from(vec![b'x'; 2 * WORTH_PINNING]);
        let data = buffer.split_to(length);
        let from = data.as_ptr();
        unpinned(data).as_ptr() == from
    }

    #[test]
    fn a_short_body_does_not_keep_the_buffer_that_it_came_in() {
        assert!(!is_pinned(1));
        assert!(!is_pinned(WORTH_PINNING - 1));
        assert!(is_pinned(WORTH_PINNING));
    }
}
