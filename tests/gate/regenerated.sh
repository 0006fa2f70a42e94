#!/usr/bin/env bash
# Fails where a file that is made from the code (see regenerate.sh) is not what git has.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tests/gate/regenerate.sh

made=(':(glob)store-schema/*.schema.json' docs/cli.md)
if ! git --no-pager diff --exit-code -- "${made[@]}"; then
  printf 'These files are made from the code and differ from it: run "make docs" and add them.\n' >&2
  exit 1
fi
# git diff is silent about files that it does not know.
unknown=$(git ls-files --others --exclude-standard -- "${made[@]}")
if [ -n "$unknown" ]; then
  printf 'Made from the code, but not in git:\n%s\n' "$unknown" >&2
  exit 1
fi
