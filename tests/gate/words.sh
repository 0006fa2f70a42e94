#!/usr/bin/env bash
# Words that must not be in the repository. Looks at tracked files and at new ones that are not ignored.
#
# Patterns for paths and hosts are put together from pieces, so that this file does not match itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

found=0

# say WHAT LINES: reports lines that should not be there, if any.
say() {
  if [ -n "$2" ]; then
    printf '%s:\n%s\n' "$1" "$2"
    found=1
  fi
}

# look WHAT PATTERN PATHSPEC...: reports the lines that match an extended regular expression.
look() {
  local what=$1 pattern=$2 lines status=0
  shift 2
  lines=$(git grep --untracked -nIE -e "$pattern" -- "$@") || status=$?
  # 1 is "nothing found"; anything above is git's own trouble, which must not pass for a clean result.
  if [ "$status" -gt 1 ]; then
    printf 'words.sh: git grep failed (%s) while looking for: %s\n' "$status" "$what" >&2
    exit 1
  fi
  say "$what" "$lines"
}

# Licence texts are quoted whole; the lock files are checked by a rule of their own below.
everywhere=(. ':!LICENSE-*' ':!Cargo.lock' ':!fuzz/Cargo.lock')

look 'paths of one machine' \
  '(^|[^A-Za-z0-9_.}])/(ho''me/[a-z]|Us''ers/[a-z]|ro''ot/|wo''rk/)' "${everywhere[@]}"
look 'host names of package registries' \
  'cra''tes\.io|py''pi\.org|python''hosted\.org|npm''js\.(com|org)|ruby''gems\.org|gol''ang\.org|(deb|snapshot)\.deb''ian\.org|archive\.ubu''ntu\.com' \
  "${everywhere[@]}"
look 'unfinished work' \
  '(^|[^A-Za-z])(TO''DO|FIX''ME|XX''X)([^A-Za-z]|$)|(^|[^A-Za-z_])(to''do|unimple''mented|db''g)!' "${everywhere[@]}"
look 'tests that are switched off' '#!?\[(ignore|cfg_attr\(.*ignore)' '*.rs'
look 'tests that sleep instead of waiting for something' '(thread|time)::sleep' 'tests/*.rs'
# Lines of comment may name it; clippy.toml has the complete rule, this one also reads code that is configured out.
# The agent is built without crates.
look 'std::fs where fs_err serves' \
  '^[^/]*std::fs::([a-z]|(DirBuilder|DirEntry|File|OpenOptions|ReadDir)([^A-Za-z]|$))' 'src/*.rs' ':!src/agent'

# Unit tests stand at the end of their module, behind #[cfg(test)].
sleeps=$(git ls-files --cached --others --exclude-standard -- 'src/*.rs' | while read -r file; do
  if [ -f "$file" ]; then
    awk -v file="$file" '/#\[cfg\(test\)\]/ { test = 1 }
      test && /(thread|time)::sleep/ { print file ":" FNR ":" $0 }' "$file"
  fi
done)
say 'unit tests that sleep instead of waiting for something' "$sleeps"

# A mirror or a git fork in the lock file would be one machine's way to its packages.
for lock in Cargo.lock fuzz/Cargo.lock; do
  [ -f "$lock" ] || continue
  index='registry+https://github.com/rust-lang/cra''tes.io-index'
  say 'packages from elsewhere than the public index' \
    "$(grep -n '^source = ' "$lock" | grep -vF "source = \"$index\"" || true)"
done

exit "$found"
