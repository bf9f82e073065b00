//! Sockets, TLS, the gate and the login: everything between a caller and a face.
//!
//! One connection's way: `accept` takes it, `proxy` reads who is behind a load balancer, `tls` and `conn` speak TLS
//! and HTTP on it. One request's way is the list in `pipeline`. No protocol of a face is known here.

mod accept;
mod address;
pub mod audit;
mod body;
pub mod certificates;
pub mod clock;
mod compress;
mod conn;
mod count;
mod denied;
mod error;
mod front;
mod gate;
mod inherited;
pub mod lifecycle;
pub mod login;
pub mod ops;
mod pipeline;
mod proxy;
mod pulse;
mod reply;
pub mod settings;
mod stop;
mod tls;
pub mod token;
pub mod validity;
mod within;

pub use accept::Server;
pub use certificates::CertificateInUse;
pub use clock::SystemClock;
pub use denied::Denial;
pub use error::StartError;
pub use front::{CertificateMark, Prepared, ServerControl};
