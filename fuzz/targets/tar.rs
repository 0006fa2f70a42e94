#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::tar(bytes));
