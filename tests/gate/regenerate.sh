#!/usr/bin/env bash
# Writes anew what is made from the code: store-schema/<name>.schema.json and docs/cli.md.
#
# `pyro schema` prints the names of the schemas, `pyro schema NAME` one of them, `pyro cli-docs` the manual as Markdown.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

pyro() {
  cargo run -q --locked -- "$@"
}

# Only a complete output replaces the file: a failing command must not leave an empty one.
fresh=${CARGO_TARGET_DIR:-target}/regenerated
mkdir -p "$fresh" docs store-schema

names=$(pyro schema)
[ -n "$names" ]
for name in $names; do
  pyro schema "$name" >"$fresh/schema.json"
  mv "$fresh/schema.json" "store-schema/$name.schema.json"
done

pyro cli-docs >"$fresh/cli.md"
mv "$fresh/cli.md" docs/cli.md
