//! Where messages come from.

pub mod mqtt;
pub mod replay;
pub mod simulate;
