//! Sockets, TLS, the gate and the login: everything between a caller and a face.

pub mod settings;
