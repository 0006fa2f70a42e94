//! The real agent over a pair of sockets, with this side's real talk: no machine, everything else.
#![cfg(feature = "run")]

mod agent;
mod fake;
mod firecracker;
mod stand;
