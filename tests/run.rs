//! `pyro run` with real virtual machines, of the smallest environment that boots. A boot costs seconds of a processor, so
//! there are at most twelve; what `enclosed` runs boots nothing.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "support/inside.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod inside;

#[cfg(test)]
#[path = "../examples/lifecycle.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod lifecycle;

#[cfg(test)]
#[path = "run/enclosed.rs"]
mod enclosed;
#[cfg(test)]
#[path = "run/ends.rs"]
mod ends;
#[cfg(test)]
#[path = "run/firecracker.rs"]
mod firecracker;
#[cfg(test)]
#[path = "run/lives.rs"]
mod lives;
#[cfg(test)]
#[path = "run/refused.rs"]
mod refused;
#[cfg(test)]
#[path = "run/room.rs"]
mod room;
#[cfg(test)]
#[path = "run/store.rs"]
mod store;
#[cfg(test)]
#[path = "run/streams.rs"]
mod streams;
#[cfg(test)]
#[path = "run/terminal.rs"]
mod terminal;
#[cfg(test)]
#[path = "run/world.rs"]
mod world;
