//! The words of the domain as types: pure values, no file system, clock, environment or network.
//!
//! Everything that arrives from outside becomes one of these through a fallible constructor, so the rooms
//! above never meet an empty name, a `..` in a path or a digest that is a bare string.

pub mod artifact;
pub mod canonical;
pub mod digest;
pub mod environment;
pub mod escape;
pub mod generation;
pub mod input;
pub mod manifest;
pub mod name;
pub mod oci_reference;
pub mod path;
pub mod pin;
pub mod place;
pub mod platform;
pub mod realisation;
pub mod recipe;
pub mod root;
pub mod source;
pub mod store_path;
mod string_form;
pub mod tree;
