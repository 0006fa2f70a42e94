#!/usr/bin/env bash
# The gate: every part in order, each timed, stopping at the first that fails.
#
#   run.sh check              formatting, lints, unit and doc tests, generated files: no root, no packages
#   run.sh test               packages, all of check, integration tests, the independent checker, the demo
#   run.sh lint | unit | doc  one piece of check
#
# However it ends, it closes with the time of each part beside its share, the test runner's own closing lines, what
# could not run on this machine (`not run: needs …`, an error where CI=true), and as the last line `N passed, N failed`,
# summed from the runner's lines; or, where something else than a test failed, what that was. The exit code is that of
# the step that failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PATH:/usr/sbin:/sbin" # mke2fs lives there and is not on an ordinary user's path

target=${CARGO_TARGET_DIR:-target}
logs=$target/gate                      # one log for each run of a test runner; the sums are made from these
not_run=$(realpath -m "$logs")/not-run # what tests could not try on this machine, a line each

# The parts, and how many minutes of the gate are each one's share.
parts=('packages' 'build and lints' 'unit and doc tests' 'registry and archives' 'survival' 'run' 'the rest')
declare -A share=(
  ['packages']=3 ['build and lints']=12 ['unit and doc tests']=4
  ['registry and archives']=6 ['survival']=10 ['run']=6 ['the rest']=4
)

declare -A spent=() # part -> microseconds; a part that did not run has no entry
part=''             # what runs now, for the report when it fails
label=''
began=0
ran=()              # the logs of this gate's test runners, in order

now() { printf '%s' "${EPOCHREALTIME//[!0-9]/}"; }

# Adds the time since `began` to the part that runs.
account() { spent[$part]=$((${spent[$part]:-0} + $(now) - began)); }

# step PART LABEL COMMAND...: runs one step of a part. `set -e` ends the script where the command fails.
step() {
  part=$1 label=$2
  shift 2
  printf '\n== %s: %s\n' "$part" "$label"
  began=$(now)
  "$@"
  account
  part='' label=''
}

# logged NAME COMMAND...: runs a test runner and keeps what it prints for the sums.
logged() {
  local log=$logs/$1.log
  shift
  ran+=("$log")
  PYRO_NOT_RUN=$not_run "$@" 2>&1 | tee "$log"
}

# --- the steps ------------------------------------------------------------------------------------------------------

# All tests run even after one failed: a gate should say everything that is wrong with a part at once.
if cargo nextest --version >/dev/null 2>&1; then
  runner=(cargo nextest run --locked --no-fail-fast)
else
  runner=(cargo test --locked --no-fail-fast)
fi

# Cargo unifies features: one dependency that asks for zlib or zlib-ng takes zlib-rs away from everybody, silently.
decompressor() {
  local tree
  tree=$(cargo tree --locked -e features -i flate2)
  if ! grep -q 'flate2 feature "zlib-rs"' <<<"$tree"; then
    printf 'flate2 is built without zlib-rs:\n%s\n' "$tree" >&2
    return 1
  fi
  if grep -E 'flate2 feature "(zlib|zlib-default|zlib-ng|zlib-ng-compat|cloudflare_zlib)"' <<<"$tree"; then
    printf 'the feature above wins over zlib-rs; who asks for it:\n%s\n' "$tree" >&2
    return 1
  fi
}

lint() {
  step 'build and lints' 'cargo fmt --check' cargo fmt --check
  step 'build and lints' 'words that must not be there' tests/gate/words.sh
  step 'build and lints' 'flate2 uses zlib-rs' decompressor
  step 'build and lints' 'clippy' cargo clippy --all-targets --locked -- -D warnings
}

unit() {
  step 'unit and doc tests' 'unit tests' logged unit "${runner[@]}" --lib --bins
}

doc() {
  step 'unit and doc tests' 'doc tests' logged doc cargo test --doc --locked
  step 'build and lints' 'rustdoc' env RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked
}

check() {
  # $@: what is built besides the library and the program (`test` builds the integration tests in the same go)
  lint
  step 'build and lints' 'debug build' cargo test --no-run --locked --lib --bins "$@"
  unit
  doc
  step 'build and lints' 'generated files are up to date' tests/gate/regenerated.sh
}

# part_of TEST: the part that an integration test (a file tests/TEST.rs or tests/TEST/main.rs) counts for.
part_of() {
  case $1 in
    registry* | archive* | fetching | credentials) printf 'registry and archives' ;;
    survival*) printf 'survival' ;;
    run | run_*) printf 'run' ;;
    *) printf 'the rest' ;;
  esac
}

# integration PART: runs all test files of a part; a part without any is left out.
integration() {
  local wanted=$1 file name
  local selected=()
  for file in tests/*.rs tests/*/main.rs; do
    [ -f "$file" ] || continue # a pattern that matched nothing
    name=${file#tests/}
    name=${name%.rs}
    name=${name%/main}
    if [ "$(part_of "$name")" = "$wanted" ]; then
      selected+=(--test "$name")
    fi
  done
  if [ "${#selected[@]}" -gt 0 ]; then
    step "$wanted" 'integration tests' logged "${wanted// /-}" "${runner[@]}" "${selected[@]}"
  fi
}

# --- the report -----------------------------------------------------------------------------------------------------

# The closing lines of one log: nextest's summary and the failed tests that it lists, or cargo test's results.
closing_lines() {
  awk '
    /^ *Summary \[/ { summary = 1; print }
    summary && /^ *[A-Z][A-Z-]* +\[/ { print }
    /^test result: / && !/ 0 passed; 0 failed;/ { print }
  ' "$1"
}

# sums LOG...: "passed failed" over the closing lines. A test that timed out or could not be executed has failed.
sums() {
  awk '
    function before(i, n) { n = $(i - 1); return n ~ /^[0-9]+$/ ? n : 0 }
    /^ *Summary \[/ || /^test result: / {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += before(i)
        if ($i ~ /^failed/ || $i ~ /^timed/ || $i ~ /^exec/) failed += before(i)
      }
    }
    END { print passed + 0, failed + 0 }
  ' "$@" </dev/null
}

# Runs at every end: success, failure, Ctrl-C.
finish() {
  local status=$?
  trap - EXIT
  set +e
  local stopped="$part: $label"
  [ -z "$part" ] || account

  printf '\n%-24s %7s %7s\n' 'minutes per part' 'spent' 'share'
  local name total=0 all=0
  for name in "${parts[@]}"; do
    [ -n "${spent[$name]:-}" ] || continue
    total=$((total + spent[$name]))
    all=$((all + share[$name]))
    awk -v name="$name" -v spent="${spent[$name]}" -v share="${share[$name]}" 'BEGIN {
      minutes = spent / 60e6
      printf "%-24s %7.1f %7d%s\n", name, minutes, share, (minutes > share ? "  over its share" : "")
    }'
  done
  awk -v total="$total" -v all="$all" 'BEGIN { printf "%-24s %7.1f %7d\n", "together", total / 60e6, all }'

  local log passed failed
  for log in "${ran[@]}"; do
    printf '\n%s:\n' "$(basename "$log" .log)"
    closing_lines "$log"
  done
  if [ -f "$not_run" ]; then
    printf '\n'
    sort -u "$not_run"
  fi
  printf '\n'
  if [ "${#ran[@]}" -gt 0 ]; then
    read -r passed failed < <(sums "${ran[@]}")
  fi
  if [ "$status" -ne 0 ]; then
    # A sum without failures must not be the last word of a gate that failed.
    if [ "${failed:-0}" -gt 0 ]; then
      printf 'stopped at %s (exit code %d)\n%d passed, %d failed\n' "$stopped" "$status" "$passed" "$failed"
    else
      [ -z "${passed:-}" ] || printf 'until then: %d passed, %d failed\n' "$passed" "$failed"
      printf 'stopped at %s (exit code %d)\n' "$stopped" "$status"
    fi
  elif [ -n "${passed:-}" ]; then
    printf '%d passed, %d failed\n' "$passed" "$failed"
  else
    printf 'all is well\n'
  fi
  exit "$status"
}

what=${1:-test}
case $what in
  check | test | lint | unit | doc) ;;
  *)
    printf 'usage: run.sh [check|test|lint|unit|doc]\n' >&2
    exit 2
    ;;
esac

mkdir -p "$logs"
rm -f "$logs"/*.log "$not_run"
trap finish EXIT

if [ "$what" != test ]; then
  "$what"
  exit
fi

step 'packages' 'programs that the tests want' tests/gate/setup.sh
check --tests
step 'build and lints' 'release build (the demo runs it)' cargo build --release --locked
integration 'registry and archives'
integration 'survival'
integration 'run'
integration 'the rest'
step 'the rest' 'the independent checker tests itself' python3 tests/checker/check.py selftest
step 'the rest' 'the independent checker reads the vectors' python3 tests/checker/check.py vectors store-schema/vectors
step 'the rest' 'the demo' tests/gate/demo.sh
step 'the rest' 'the benchmarks, as small as can be' tests/gate/bench.sh small
