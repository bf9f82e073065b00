//! Compressed answers for callers that ask for them. Answers are whole in memory, so they keep a length.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue, Response};

/// Below, compressing saves less than one packet.
const WORTH_IT: usize = 1024;
/// Above, compressing takes long enough to hold up others on the same thread.
const OFF_THREAD: usize = 128 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// The zlib format, as RFC 9110 section 8.4.1.2 has it.
    Deflate,
}

/// Compresses the answer when the request asks for it and it is worth it.
pub(super) async fn as_asked(coding: Option<Coding>, answer: Response<Bytes>) -> Response<Bytes> {
    let (mut head, body) = answer.into_parts();
    if body.len() < WORTH_IT || head.headers.contains_key(CONTENT_ENCODING) {
        return Response::from_parts(head, body);
    }
    let varies = HeaderValue::from_static("Accept-Encoding");
    if !head.headers.get_all(VARY).iter().any(|own| own == varies) {
        head.headers.append(VARY, varies);
    }
    let Some(coding) = coding else {
        return Response::from_parts(head, body);
    };
    let Some(packed) = pack(coding, body.clone()).await else {
        return Response::from_parts(head, body);
    };
    let name = match coding {
        Coding::Gzip => "gzip",
        Coding::Deflate => "deflate",
    };
    head.headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    Response::from_parts(head, packed)
}

/// RFC 9110 section 12.5.3, as far as clients use it: the better weight wins, gzip when equal.
pub(super) fn choose(asked: &HeaderMap) -> Option<Coding> {
    let (mut gzip, mut deflate, mut any) = (None, None, None);
    for item in asked
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
    {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = Some(read_weight(weight));
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = weight,
            "deflate" => deflate = weight,
            "*" => any = weight,
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    let deflate = deflate.or(any).unwrap_or(0.0);
    if gzip <= 0.0 && deflate <= 0.0 {
        None
    } else if gzip >= deflate {
        Some(Coding::Gzip)
    } else {
        Some(Coding::Deflate)
    }
}

/// `q=0.5`; without one, 1; an unreadable one is a refusal.
fn read_weight(parameter: &str) -> f32 {
    let parameter = parameter.trim();
    if parameter.is_empty() {
        return 1.0;
    }
    parameter
        .split_once('=')
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .and_then(|(_, weight)| weight.trim().parse().ok())
        .unwrap_or(0.0)
}

async fn pack(coding: Coding, body: Bytes) -> Option<Bytes> {
    if body.len() < OFF_THREAD {
        return pack_now(coding, &body);
    }
    tokio::task::spawn_blocking(move || pack_now(coding, &body))
        .await
        .ok()
        .flatten()
}

/// Writing into memory does not fail; if it did, the plain body goes out.
fn pack_now(coding: Coding, body: &[u8]) -> Option<Bytes> {
    let room = Vec::with_capacity(body.len() / 4);
    let packed = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(room, Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(room, Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish()
        }
    };
    packed.ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expect: Option<Coding>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
        assert_eq!(choose(&headers), expect, "{accept:?}");
    }

    #[test]
    fn the_coding_is_the_one_asked_for() {
        check("gzip, deflate", Some(Coding::Gzip));
        check("GZIP", Some(Coding::Gzip));
        check("deflate", Some(Coding::Deflate));
        check("gzip;q=0.5, deflate", Some(Coding::Deflate));
        check("br, zstd;q=1.0, *;q=0.1", Some(Coding::Gzip));
        check("gzip;q=0, *", Some(Coding::Deflate));
        check("gzip;q=0", None);
        check("gzip;q=x", None);
        check("identity", None);
        check("none", None);
        check("", None);
        assert_eq!(choose(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn small_and_already_encoded_answers_stay_as_they_are() {
        let small = as_asked(
            Some(Coding::Gzip),
            Response::new(Bytes::from_static(b"short")),
        )
        .await;
        assert_eq!(small.body().as_ref(), b"short");
        let mut encoded = Response::new(Bytes::from(vec![b'a'; 4096]));
        encoded
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        assert_eq!(
            as_asked(Some(Coding::Gzip), encoded).await.body().len(),
            4096
        );
    }

    #[tokio::test]
    async fn large_answers_shrink() {
        for size in [WORTH_IT, OFF_THREAD + 1] {
            let plain = Response::new(Bytes::from(vec![b'a'; size]));
            let packed = as_asked(Some(Coding::Gzip), plain).await;
            assert!(packed.body().len() < size / 10);
            assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
            assert_eq!(packed.headers()[VARY], "Accept-Encoding");
        }
    }
}
