//! The JSON of the faces for programs: free/busy as Google's Calendar API version 3 words it, the project's own
//! availability, and errors in the one form that both have. The description of the interface is made from these types.

pub mod availability;
pub mod failure;
pub mod free_busy;
pub mod instant;

pub use failure::Failure;
