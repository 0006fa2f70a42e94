#!/usr/bin/env bash
# Builds the fuzz targets and runs one of them, or all in a row, with a stable compiler and without cargo-fuzz.
#
#   run.sh TARGET|all [SECONDS]     ten minutes each if nothing is said
#
# New inputs go to fuzz/found/TARGET; the corpus that is kept is only read. A finding is written to fuzz/findings/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The passes that libFuzzer needs; `fuzzing` opens the parsers that are no part of pyro's own interface.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS='--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares'
host=$(rustc -vV | sed -n 's/^host: //p')
# With a target of its own, build scripts and macros are built without those passes.
cargo build --release --locked --target "$host"

targets=$1
if [ "$targets" = all ]; then
  targets='declaration lock manifest oci_json challenge tar frames'
fi
for target in $targets; do
  mkdir -p "found/$target" findings
  printf '== %s\n' "$target"
  "${CARGO_TARGET_DIR:-target}/$host/release/$target" -max_total_time="${2:-600}" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="findings/$target-" "found/$target" "corpus/$target"
done
