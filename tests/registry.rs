//! Pulling from a real registry: who may, which platform, which bytes, and what is refused.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "registry/access.rs"]
mod access;
#[cfg(test)]
#[path = "registry/images.rs"]
mod images;
#[cfg(test)]
#[path = "registry/look.rs"]
mod look;
#[cfg(test)]
#[path = "registry/parts.rs"]
mod parts;
#[cfg(test)]
#[path = "registry/pins.rs"]
mod pins;
#[cfg(test)]
#[path = "registry/platforms.rs"]
mod platforms;
#[cfg(test)]
#[path = "registry/refused.rs"]
mod refused;
#[cfg(test)]
#[path = "registry/vm.rs"]
mod vm;
