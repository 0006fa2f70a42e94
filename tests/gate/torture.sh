#!/usr/bin/env bash
# Everything that proves survival, at full size: all test files whose names begin with `survival`, fetching over networks
# that misbehave, then the mutants.
#
#   torture.sh [FILTER]      only the tests whose names contain FILTER; no mutants then
#
# Each test says how much it tried. At the end stands what could not run on this machine, and why (`not run: needs …`,
# an error where CI=true). The mutants, faults put in on purpose, show that each is caught: tests/gate/mutants.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PATH:/usr/sbin:/sbin" # mkfs lives there and is not on an ordinary user's path
export PYRO_TORTURE=1

filter=${1:-}
logs=${CARGO_TARGET_DIR:-target}/gate
log=$logs/torture.log
not_run=$(realpath -m "$logs")/not-run

selected=()
for file in tests/survival*.rs tests/survival*/main.rs tests/fetching.rs; do
  [ -f "$file" ] || continue # a pattern that matched nothing
  name=${file#tests/}
  name=${name%.rs}
  selected+=(--test "${name%/main}")
done

# Runs at every end: what was not tried must not be forgotten over what was.
finish() {
  local status=$?
  if [ -f "$log" ]; then
    printf '\n'
    grep -E '^ *Summary \[|^test result: ' "$log" || true
  fi
  if [ -f "$not_run" ]; then
    sort -u "$not_run"
  fi
  printf '%s (exit code %d)\n' "$([ "$status" -eq 0 ] && printf 'survived' || printf 'not survived')" "$status"
}

tests/gate/setup.sh
mkdir -p "$logs"
rm -f "$log" "$not_run"
trap finish EXIT

if cargo nextest --version >/dev/null 2>&1; then
  runner=(cargo nextest run --locked --no-fail-fast --profile torture "${selected[@]}" ${filter:+"$filter"})
else
  runner=(cargo test --locked --no-fail-fast "${selected[@]}" -- --nocapture ${filter:+"$filter"})
fi
PYRO_NOT_RUN=$not_run "${runner[@]}" 2>&1 | tee "$log"

if [ -n "$filter" ]; then
  printf '\nOnly %s: no mutants.\n' "$filter"
elif [ -x tests/gate/mutants.sh ]; then
  # It chooses the size of each test that shall catch one.
  env -u PYRO_TORTURE tests/gate/mutants.sh
else
  printf '\nNo mutants: there is no tests/gate/mutants.sh.\n'
fi
