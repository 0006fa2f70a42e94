//! One store for several accounts, and a store above another: through the built program.
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
#[path = "support/tree.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod tree;

#[cfg(test)]
#[path = "shared/accounts.rs"]
mod accounts;
#[cfg(test)]
#[path = "shared/disk.rs"]
mod disk;
#[cfg(test)]
#[path = "shared/doctor.rs"]
mod doctor;
#[cfg(test)]
#[path = "shared/group.rs"]
mod group;
#[cfg(test)]
#[path = "shared/killed.rs"]
mod killed;
#[cfg(test)]
#[path = "shared/lower.rs"]
mod lower;
#[cfg(test)]
#[path = "shared/not_allowed.rs"]
mod not_allowed;
