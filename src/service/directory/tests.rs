//! The directory over endpoints that answer from memory: what is kept, what is split, what a caller may see, and that
//! nobody waits for the prefetch.

mod caller;
mod details;
mod many;
mod members;
mod namesakes;
mod parts;
mod prefetch;
mod refused;
mod stub;
