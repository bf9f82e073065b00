//! The PROXY protocol header (versions 1 and 2, HAProxy's `proxy-protocol.txt`) that a trusted load balancer writes
//! before the TLS handshake. Reads exactly the header and not a byte more. Does not decide who is trusted.

use std::io;
use std::net::IpAddr;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The first 12 bytes of version 2; longer than "PROXY " and shorter than every header.
const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const V1_PREFIX: &[u8] = b"PROXY ";
/// Version 1, with its line end.
const V1_MAX: usize = 107;
/// Version 2, after its 16 fixed bytes: addresses take at most 216, the rest are extensions.
const V2_MAX_REST: usize = 4096;

/// Who the balancer speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    Client(IpAddr),
    /// LOCAL or UNKNOWN: the balancer speaks for itself (a health check), so its own address counts.
    Itself,
}

/// An absent, malformed or oversized header is an error of kind `InvalidData`: the connection is then dropped.
pub(super) async fn read_header<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Announced> {
    let mut header = vec![0; V2_SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == V2_SIGNATURE {
        read_v2(stream, header).await
    } else if header.starts_with(V1_PREFIX) {
        read_v1(stream, header).await
    } else {
        Err(unreadable())
    }
}

async fn read_v1<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut header: Vec<u8>,
) -> io::Result<Announced> {
    // A line has no length in front, and what follows it belongs to TLS: so byte by byte.
    while !header.ends_with(b"\n") {
        if header.len() >= V1_MAX {
            return Err(unreadable());
        }
        header.push(stream.read_u8().await?);
    }
    let header = v1::Header::try_from(header.as_slice()).map_err(|_| unreadable())?;
    Ok(match header.addresses {
        v1::Addresses::Tcp4(ends) => Announced::Client(ends.source_address.into()),
        v1::Addresses::Tcp6(ends) => Announced::Client(canonical(ends.source_address.into())),
        v1::Addresses::Unknown => Announced::Itself,
    })
}

async fn read_v2<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut header: Vec<u8>,
) -> io::Result<Announced> {
    header.extend(stream.read_u16().await?.to_be_bytes());
    let rest = stream.read_u16().await?;
    header.extend(rest.to_be_bytes());
    if usize::from(rest) > V2_MAX_REST {
        return Err(unreadable());
    }
    let fixed = header.len();
    header.resize(fixed + usize::from(rest), 0);
    if let Some(variable) = header.get_mut(fixed..) {
        stream.read_exact(variable).await?;
    }
    let header = v2::Header::try_from(header.as_slice()).map_err(|_| unreadable())?;
    match (header.command, header.addresses) {
        (v2::Command::Local, _) => Ok(Announced::Itself),
        (v2::Command::Proxy, v2::Addresses::IPv4(ends)) => {
            Ok(Announced::Client(ends.source_address.into()))
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(ends)) => {
            Ok(Announced::Client(canonical(ends.source_address.into())))
        }
        (v2::Command::Proxy, v2::Addresses::Unix(_) | v2::Addresses::Unspecified) => {
            Err(unreadable())
        }
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn unreadable() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "no readable PROXY header from a trusted proxy",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(bytes: &[u8], expect: Option<Announced>) {
        let mut input = bytes.to_vec();
        input.extend(b"\x16rest");
        let mut reader = input.as_slice();
        let seen = read_header(&mut reader).await.ok();
        assert_eq!(seen, expect, "{bytes:?}");
        if expect.is_some() {
            assert_eq!(reader, b"\x16rest", "nothing after the header is taken");
        }
    }

    fn client(text: &str) -> Announced {
        Announced::Client(text.parse().unwrap())
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = V2_SIGNATURE.to_vec();
        bytes.extend([0x20 | command, family]);
        bytes.extend((rest.len() as u16).to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[tokio::test]
    async fn version_1() {
        check(
            b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\r\n",
            Some(client("192.0.2.7")),
        )
        .await;
        check(
            b"PROXY TCP6 2001:db8::7 ::1 5555 443\r\n",
            Some(client("2001:db8::7")),
        )
        .await;
        check(
            b"PROXY TCP6 ::ffff:192.0.2.7 ::1 5555 443\r\n",
            Some(client("192.0.2.7")),
        )
        .await;
        check(b"PROXY UNKNOWN\r\n", Some(Announced::Itself)).await;
        check(b"PROXY TCP4 192.0.2.7\r\n", None).await;
        check(b"PROXY TCP4 400.0.2.7 10.0.0.1 5555 443\r\n", None).await;
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\n", None).await;
        check(&[b"PROXY TCP4 ", [b'1'; 200].as_slice()].concat(), None).await;
        check(b"GET / HTTP/1.1\r\n\r\n", None).await;
        check(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 9, 9], None).await;
    }

    #[tokio::test]
    async fn version_2() {
        let four = [192, 0, 2, 7, 10, 0, 0, 1, 0x15, 0xb3, 1, 187];
        check(&v2(1, 0x11, &four), Some(client("192.0.2.7"))).await;
        let extended = [four.as_slice(), &[4, 0, 3, 9, 9, 9]].concat();
        check(&v2(1, 0x11, &extended), Some(client("192.0.2.7"))).await;
        let mut six = [0; 36];
        six[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
        six[15] = 7;
        check(&v2(1, 0x21, &six), Some(client("2001:db8::7"))).await;
        check(&v2(0, 0, &[]), Some(Announced::Itself)).await;
        check(&v2(1, 0, &[]), None).await;
        check(&v2(1, 0x31, &[0; 216]), None).await;
        check(&v2(1, 0x11, &four[..6]), None).await;
        check(&v2(1, 0x11, &[0; 5000]), None).await;
        check(&v2(7, 0x11, &four), None).await;
    }
}
