//! Patterns of events: "the pump starts, then twice or more a pressure alarm, but no valve opens, all within a minute".
//!
//! A [`Pattern`] is built of stages when the program is compiled; [`Nfa`] follows it over a stream of [`Event`]s in memory
//! that is fixed beforehand. Contiguity, loops, negation and skip strategies mean what they mean in Flink CEP.

mod builder;
mod event;
mod nfa;
#[cfg(test)]
mod tests;

pub use builder::{BuildError, Builder, Pattern, Skip};
pub use event::{Event, kind};
pub use nfa::{Match, Nfa, Step};
