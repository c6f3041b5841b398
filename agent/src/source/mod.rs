//! Where messages come from.

pub mod mqtt;
pub mod replay;
pub mod serial;
pub mod simulate;
pub(crate) mod subscription;
