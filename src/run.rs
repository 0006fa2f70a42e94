//! Running a command in an environment: a virtual machine for each, thrown away at its end.
//!
//! ```text
//! kernel, image, modules (of a store path, leased by the caller)
//!    -> Machine   descriptors, and an initrd made in memory: the agent, and the modules that the kernel needs
//!    -> Guest     a process of ours that dies with us, and a socket to the agent in it
//!    -> Ended     the command's streams passed on as they come, its end, and nothing left
//! ```
//!
//! A tree of files without a kernel is run under the kernel that is there: `Enclosure` in place of `Machine`, and a guest
//! that is process 1 of namespaces of its own.
//!
//! Nothing is written: the image is opened read-only and handed over as a descriptor, what the command changes stays
//! in the guest's memory, and the way to the agent is a socket without a name. So there is nothing to clean up, however
//! pyro ends. Only Firecracker's sockets have names, in a locked run folder ([`sweep`]). The guest is not trusted: what it sends is checked ([`crate::agent::frame`]), and what is held of it is
//! bounded by credit.
//!
//! This room knows no environments, and keeps nothing: the lease is the caller's.

mod child;
mod enclosed;
mod enclosure;
pub mod engine;
mod error;
mod events;
mod folder;
mod image;
mod inherited;
mod initrd;
mod kernel;
mod line;
mod machine;
mod modules;
mod newc;
pub mod reach;
mod session;
mod share;
mod streams;

pub use enclosure::Enclosure;
pub use engine::available;
pub use engine::{Engine, Guest};
pub use error::Error;
pub use folder::sweep;
pub use image::FileSystemType;
pub use kernel::KernelForm;
pub use machine::{Machine, Parts, Size};
pub use session::{Ended, Ending, Limits, Met, Talk};
pub use streams::{Streams, Terminal};

pub use crate::agent::message::Exec;

/// The agent, where this pyro was built with it.
#[cfg(feature = "run")]
const AGENT: Option<&[u8]> = Some(include_bytes!(env!("PYRO_AGENT")));
#[cfg(not(feature = "run"))]
const AGENT: Option<&[u8]> = None;

#[cfg(test)]
mod tests;
