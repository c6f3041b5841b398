//! Where findings go.

pub(crate) mod compose;
pub(crate) mod mqtt;
pub(crate) mod outbox;
mod topics;

pub use topics::Topics;
