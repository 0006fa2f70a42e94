#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pyro::fetch::fuzzing::challenge(bytes));
