#!/usr/bin/env bash
# Shows for each fault in tests/mutants/ that a test catches it; fails where none does.
#
#   mutants.sh [NAME...]     only the mutants whose names contain one of these
#
# A mutant is a patch of src/. Its first line says what the fault is; each line `Caught by: TEST FILTER` names a test file
# and one test in it, the cheapest first. The tests run first without any fault, since one that fails anyway catches
# nothing; then the mutants are built one after the other in a copy of the tree below target/mutants, which has a target
# folder of its own, so that no program with a fault is ever left where another one is looked for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

patches=$PWD/tests/mutants
scratch=$(realpath -m "${CARGO_TARGET_DIR:-target}/mutants")
tree=$scratch/tree
logs=$scratch/logs
limit=30m # a test that never ends has said nothing
export CARGO_TARGET_DIR=$scratch/target

# A git that stands above the copy must not take it for its own.
export GIT_CEILING_DIRECTORIES=$scratch
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

declare -A usable=() # "TEST FILTER" -> yes, or why it can catch nothing here

# catchers MUTANT: its tests, a line each.
catchers() { sed -n 's/^Caught by: //p' "$patches/$1.patch"; }

# build LOG TEST...: builds these test files and the program in the copy.
build() {
  local log=$1 test
  local selected=()
  shift
  for test; do selected+=(--test "$test"); done
  (cd "$tree" && cargo test --locked --no-run "${selected[@]}") >"$log" 2>&1
}

# try LOG TEST FILTER: runs one test; 0 where it passed, 1 where it failed, 2 where it did neither.
try() {
  local log=$1 test=$2 filter=$3
  rm -f "$log.not-run"
  (cd "$tree" && PYRO_NOT_RUN=$log.not-run timeout -k 10s "$limit" \
    cargo test --locked --test "$test" "$filter" -- --nocapture) >"$log" 2>&1 && return 0
  grep -q '^test result: FAILED' "$log" && return 1
  return 2
}

# first_try TEST FILTER: whether a test can catch anything: it runs here, and passes without a fault.
first_try() {
  local log="$logs/none.$1.${2//:/-}" status=0
  try "$log" "$1" "$2" || status=$?
  if [ "$status" -ne 0 ]; then
    usable["$1 $2"]='fails without a fault'
  elif ! grep -qE '^test result: ok\. [1-9]' "$log"; then
    usable["$1 $2"]='there is no such test'
  elif [ -s "$log.not-run" ]; then
    usable["$1 $2"]=$(sort -u "$log.not-run" | head -n 1)
  else
    usable["$1 $2"]=yes
  fi
  printf 'without a fault: %s %s: %s\n' "$1" "$2" "${usable["$1 $2"]}"
}

# put MUTANT, take MUTANT: the fault goes into the copy, and out of it. Only the patched files are written, and now, so that
# cargo builds just what is not as it was.
put() { (cd "$tree" && git apply "$patches/$1.patch"); }
take() { (cd "$tree" && git apply -R "$patches/$1.patch"); }

rows=()
failed=0

# row MUTANT STATE: a line of the table.
row() {
  rows+=("$(printf '%-28s %s' "$1" "$2")")
  printf '%s\n' "${rows[-1]}"
}

# hunt MUTANT: which test catches it.
hunt() {
  local mutant=$1 test filter log status answer=''
  local -A built=()
  while read -r test filter; do
    if [ "${usable["$test $filter"]}" != yes ]; then
      answer=${answer:-${usable["$test $filter"]}}
      continue
    fi
    log=$logs/$mutant.$test.${filter//:/-}
    if [ -z "${built[$test]:-}" ] && ! build "$logs/$mutant.$test.build" "$test"; then
      row "$mutant" "DOES NOT BUILD ($logs/$mutant.$test.build)"
      failed=1
      return
    fi
    built[$test]=1
    status=0
    try "$log" "$test" "$filter" || status=$?
    if [ "$status" -eq 1 ]; then
      row "$mutant" "caught by $test $filter"
      return
    fi
    answer='NOT CAUGHT'
  done < <(catchers "$mutant")
  case ${answer:-NOT CAUGHT} in
    'not run: needs '*) row "$mutant" "$answer" ;;
    *)
      row "$mutant" "${answer:-NOT CAUGHT}"
      failed=1
      ;;
  esac
}

wanted=()
for file in "$patches"/*.patch; do
  name=$(basename "$file" .patch)
  [ $# -gt 0 ] || wanted+=("$name")
  for part; do
    if [[ $name == *"$part"* ]]; then
      wanted+=("$name")
      break
    fi
  done
done
if [ ${#wanted[@]} -eq 0 ]; then
  printf 'mutants.sh: no mutant has such a name: %s\n' "$*" >&2
  exit 2
fi

rm -rf "$tree" "$logs"
mkdir -p "$tree" "$logs"
# As it is now, with what is not committed yet; a file that was deleted and not committed is left out.
git -C "$PWD" ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null -T - -c | tar -x -C "$tree"
# Copied times are older than what the last run built, perhaps of a mutant.
touch "$tree/src/lib.rs" "$tree/src/main.rs"

mapfile -t named < <(for mutant in "${wanted[@]}"; do catchers "$mutant"; done | sort -u)
mapfile -t tests < <(printf '%s\n' "${named[@]}" | cut -d ' ' -f 1 | sort -u)
if ! build "$logs/none.build" "${tests[@]}"; then
  tail -n 30 "$logs/none.build" >&2
  exit 1
fi
for line in "${named[@]}"; do
  read -r test filter <<<"$line"
  first_try "$test" "$filter"
done

for mutant in "${wanted[@]}"; do
  if ! put "$mutant"; then
    row "$mutant" 'DOES NOT APPLY'
    failed=1
    continue
  fi
  hunt "$mutant"
  take "$mutant"
done

printf '\n%d mutants:\n' "${#wanted[@]}"
printf '%s\n' "${rows[@]}"
exit "$failed"
