//! Every step of a command in turn: killed there, made to fail there, or standing still there while another command
//! runs to its end. Afterwards the old state or the new one is there, whole, and the next command goes through.
//!
//! A step is a system call that changes something, counted over all threads; `tests/instruments/step.c` stops there.
//! The points that `make test` tries are the first and the last call of each kind; with PYRO_TORTURE=1 it is all.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
mod debris;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod faults;
#[cfg(test)]
#[path = "../support/inside.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod inside;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod order;
#[cfg(test)]
mod points;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod sealed;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod stand;
#[cfg(test)]
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;
#[cfg(test)]
mod world;
