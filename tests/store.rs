//! The store's own promises, through the library: vectors, publishing, checks, repair, leases.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop"
)]

#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "support/needs.rs"]
mod needs;

mod store {
    mod check;
    mod collect;
    mod crowded;
    mod full_disk;
    mod ordinary;
    mod profiles;
    mod publish;
    mod vectors;
}
