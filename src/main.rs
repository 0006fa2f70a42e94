//! The `pyro` command.

fn main() {}
