//! All integration tests in one binary, one module per subject.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails there; the helpers beside the tests are tests as well"
)]

mod command_line;
mod corpus;
mod ews_backend;
mod layers;
mod samples;
mod server_faces;
mod server_http1;
mod server_start;
mod upstream;
mod world;
