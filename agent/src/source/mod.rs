//! Where messages come from.

pub mod replay;
pub mod simulate;
