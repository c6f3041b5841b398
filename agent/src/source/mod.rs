//! Where messages come from.

pub mod simulate;
