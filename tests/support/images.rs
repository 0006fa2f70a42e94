//! Images to pull, made from what is installed here: never committed, made once and kept below `target/tmp/`.

pub mod kept;
pub mod layer;
pub mod layout;
pub mod many_files;
pub mod packages;
pub mod push;
pub mod tiny;
pub mod vm;
