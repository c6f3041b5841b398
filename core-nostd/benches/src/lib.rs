//! What the benches share: every registered learner, one stream, one clock.

#[path = "../../tests/every/mod.rs"]
pub mod every;

#[cfg(feature = "peers")]
pub mod clock;
#[cfg(feature = "peers")]
pub mod race;
