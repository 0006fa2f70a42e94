//! What becomes of archives, image layers and folders, hostile ones first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/tar.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod tar_bytes;

mod unpack {
    mod arbitrary;
    mod archives;
    mod fixture;
    mod folders;
    mod layers;
    mod twins;
}
