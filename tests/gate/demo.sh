#!/usr/bin/env bash
# The demo: realize the examples offline into a fresh store, damage one file, see it found, see it repaired.
#
# Every step is checked; the demo fails if one does not behave. All it writes is below target/ and is removed at the end.
#
#   PYRO=FILE           run this program instead of building one
#   DEMO_EXAMPLES=DIR   the folder with envs.toml and what it names (default: examples/)
#   DEMO_DIR=DIR        where the temporary store goes (default: target/demo)
#   DEMO_ENVIRONMENT=E  the environment that is damaged (default: hello)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."

target=${CARGO_TARGET_DIR:-target}
program=${PYRO:-}
examples=$(cd "${DEMO_EXAMPLES:-examples}" && pwd)
environment=${DEMO_ENVIRONMENT:-hello}
mkdir -p "${DEMO_DIR:-$target/demo}"
work=$(cd "${DEMO_DIR:-$target/demo}" && mktemp -d "$PWD/XXXXXX")
ticker=''

cleanup() {
  [ -z "$ticker" ] || kill "$ticker" 2>/dev/null || true
  chmod -R u+w "$work" # store paths are sealed: their folders refuse rm
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

# Builds the program, with one line that shows it is alive; cargo stays in the foreground, so that Ctrl-C reaches it.
build() {
  if [ -t 2 ]; then
    (while sleep 1; do printf '\rbuilding pyro (release build), %d s ' "$SECONDS" >&2; done) &
    ticker=$!
  else
    printf 'building pyro (release build); from nothing this takes some minutes\n' >&2
  fi
  cargo build --release --locked --quiet
  if [ -n "$ticker" ]; then
    kill "$ticker"
    wait "$ticker" 2>/dev/null || true
    ticker=''
    printf '\n' >&2
  fi
}

if [ -z "$program" ]; then
  build
  program=$target/release/pyro
fi
[ -x "$program" ] || fail "no program at $program"
program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")

# From here on nothing of this account is seen or touched: own home, own store, no settings.
for name in $(compgen -e); do
  case $name in PYRO* | XDG_*) unset "$name" ;; esac
done
mkdir "$work/home" "$work/tmp" "$work/bin"
ln -s "$program" "$work/bin/pyro"
export HOME=$work/home TMPDIR=$work/tmp PYRO_STORE=$work/store PATH=$work/bin:$PATH
cd "$examples/.."
declaration=$(basename "$examples")/envs.toml

# run EXPECTED COMMAND...: shows a command, runs it, and fails unless it ends with the expected code.
# What it wrote is in $out (stdout) and $said (stderr) afterwards.
out='' said=''
run() {
  local expected=$1 status=0
  shift
  printf '\n$ %s\n' "$*"
  "$@" >"$work/out" 2>"$work/said" || status=$?
  out=$(<"$work/out") said=$(<"$work/said")
  cat "$work/said" >&2
  cat "$work/out"
  [ "$status" -eq "$expected" ] || fail "exit code $status where $expected was expected: $*"
}

printf 'a fresh store: %s\n' "$PYRO_STORE"
run 0 pyro realize "$declaration" --offline --locked
run 0 pyro profile list
[ -n "$out" ] || fail 'no profile is listed'

run 0 pyro path "$environment" --file "$declaration"
path=$out
[ -f "$path/environment.json" ] || fail "no store path at: $path"

# The first file with content, whatever the environment holds.
shopt -s globstar dotglob nullglob
victim=''
for file in "$path"/**; do
  if [ -f "$file" ] && [ ! -L "$file" ] && [ -s "$file" ] && [ "$file" != "$path/environment.json" ]; then
    victim=$file
    break
  fi
done
[ -n "$victim" ] || fail "no file to damage in $path"
cp "$victim" "$work/good"

printf '\nNow some bytes of one file go bad behind its back.\n'
run 0 chmod u+w "$victim"
printf '\n$ printf damaged | dd conv=notrunc of=%s\n' "$victim"
printf damaged | dd conv=notrunc status=none of="$victim"
if cmp -s "$victim" "$work/good"; then fail 'the damage did not arrive'; fi

run 65 pyro verify
printf '(exit code 65: it is noticed)\n'

run 0 pyro realize "$declaration" --offline --locked
case ${said,,}${out,,} in *repair*) ;; *) fail 'the repair was silent' ;; esac
run 0 pyro verify
cmp "$victim" "$work/good" || fail 'the file is still damaged'

run 0 pyro path "$environment" --file "$declaration"
[ "$out" = "$path" ] || fail 'the path has moved'
[ -z "$(ls -A "$HOME")" ] || fail "something was written to the home folder: $(ls -A "$HOME")"
printf '\nThe demo did what it should.\n'
