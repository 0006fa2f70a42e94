//! Declarations: the text of `envs.toml` becomes a checked [`Declaration`], and back by careful edits.
//!
//! Pure: text in, values or [`Mistakes`] out; no file is opened here. All mistakes of a text are told at once, each
//! with its line, a caret and the nearest known word.

mod catalog;
mod document;
pub mod edit;
mod environment;
mod ledger;
mod mistake;
mod nearest;
mod reader;
mod schema;
mod source;

pub use catalog::catalog;
pub use document::{Declaration, parse};
pub(crate) use ledger::Ledger;
pub use mistake::{Mistake, Mistakes, Style};
pub use nearest::nearest;
pub use schema::schema;
pub(crate) use schema::toml_schema;

#[cfg(test)]
mod tests;
