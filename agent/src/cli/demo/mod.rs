//! `brooklet demo`: a simulated works, watched live.

pub mod view;
