//! Archives, hostile and honest, through the built program: each with what must come of it.
//!
//! A hostile one ends with exit code 65 and names the entry; nothing of it counts as installed, no staging tree is
//! left, and what stands outside the store is as it was. An honest one gives, entry by entry, what GNU tar makes of it.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
mod bombs;
#[cfg(test)]
mod extracted;
#[cfg(test)]
mod folding;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod honest;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod images;
#[cfg(test)]
mod names;
#[cfg(test)]
mod sparse;
#[cfg(test)]
mod stand;
#[cfg(test)]
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;
#[cfg(test)]
#[path = "../support/tar.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod tar_bytes;
#[cfg(test)]
#[path = "../support/tree.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod tree;
