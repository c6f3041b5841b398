//! Where findings go.

pub(crate) mod mqtt;
mod outbox;
mod topics;

pub use topics::Topics;
