//! All integration tests in one binary, one module per subject.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails there; the helpers beside the tests are tests as well"
)]

mod account_care;
mod audit;
mod autodiscover;
mod cache_command;
mod caller_rights;
mod client_certificates;
mod command_line;
mod concurrency;
mod connector;
mod corpus;
mod corpus_north;
mod corpus_rooms;
mod decoders;
mod demo;
mod description;
mod documents;
mod drain;
mod edge_cases;
mod entra_keys;
mod ews_backend;
mod explain;
mod faces_agree;
mod faces_bounds;
mod faces_world;
mod gateway_world;
mod generated;
mod groups;
mod groups_upstream;
mod installation;
mod kill;
mod layers;
mod links;
mod logs;
mod long_searches;
mod lookup;
mod metrics;
mod metrics_text;
mod ops;
mod ops_change;
mod ops_gateway;
mod ops_places;
mod ops_ready;
mod process;
mod program;
mod reload;
mod reload_command;
mod rooms;
mod rooms_command;
mod rooms_hidden;
mod rooms_upstream;
mod samples;
mod series;
mod server_admission;
mod server_bodies;
mod server_faces;
mod server_gate;
mod server_http1;
mod server_http2;
mod server_load;
mod server_log;
mod server_login;
mod server_slow;
mod server_start;
mod server_stop;
mod server_tls;
mod sni;
mod startup;
mod systemd;
mod token_endpoint;
mod upstream;
mod world;
