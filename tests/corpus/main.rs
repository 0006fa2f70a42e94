//! The corpus of the fuzz targets, replayed without a fuzzer: every file, and some thousand mutations of them.
//!
//! The seeds are made by `seeds.rs`; with `PYRO_SEEDS=write` this writes them anew. A file in `fuzz/corpus` that is no
//! seed is what a fuzzer found once. The targets `oci_json` and `challenge` are replayed by unit tests of `pyro::fetch`.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[path = "../../fuzz/checks.rs"]
mod checks;
#[cfg(test)]
#[path = "../../fuzz/frames.rs"]
mod frames;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod seeds;
#[cfg(test)]
#[path = "../support/tar.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod tar_bytes;
