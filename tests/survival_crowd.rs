//! A crowd on one store: many realize, collect, check, go back and read at once, and some are killed at random.
//!
//! Nothing here waits for a time to pass in order to win a race: every actor does so many rounds, and chance, from a
//! printed seed, decides who is killed and when.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "survival_crowd/chance.rs"]
mod chance;
#[cfg(test)]
#[path = "survival_crowd/crowd.rs"]
mod crowd;
#[cfg(test)]
#[path = "survival_crowd/downloads.rs"]
mod downloads;
#[cfg(test)]
#[path = "survival_crowd/reader.rs"]
mod reader;
#[cfg(test)]
#[path = "survival_crowd/shop.rs"]
mod shop;
