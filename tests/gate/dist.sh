#!/usr/bin/env bash
# Builds the archive that ships: target/dist/pyro-<version>-<target triple>.tar.gz and its .sha256.
#
# The same commit and toolchain give the same bytes: sorted names, one owner, and one time, that of the last commit
# or SOURCE_DATE_EPOCH. Paths of this machine are kept out of the program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=${CARGO_TARGET_DIR:-target}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
triple=$(rustc -vV | sed -n 's/^host: //p')
name=pyro-$version-$triple
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

cargo_home=${CARGO_HOME:-$HOME/.cargo}
remap="--remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$PWD=/pyro"
printf 'building %s (with link-time optimisation: some minutes)\n' "$name"
RUSTFLAGS="${RUSTFLAGS:-} $remap" CFLAGS="${CFLAGS:-} -ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$PWD=/pyro" \
  cargo build --profile dist --locked

# Cargo's own folder for this profile has the same name; `stage` and the archive lie beside what it keeps there.
out=$target/dist
stage=$out/stage/$name
rm -rf "$out/stage"
mkdir -p "$stage/bin" "$stage/share/man/man1" "$stage/share/bash-completion/completions" \
  "$stage/share/zsh/site-functions" "$stage/share/fish/vendor_completions.d"

install -m 755 "$out/pyro" "$stage/bin/pyro"
pyro=$stage/bin/pyro
"$pyro" man "$stage/share/man/man1"
"$pyro" completions bash >"$stage/share/bash-completion/completions/pyro"
"$pyro" completions zsh >"$stage/share/zsh/site-functions/_pyro"
"$pyro" completions fish >"$stage/share/fish/vendor_completions.d/pyro.fish"
cp LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md "$stage/"
python3 tests/gate/third-party.py "$triple" >"$stage/THIRD-PARTY.md"
# Only what git knows: a folder of examples may hold somebody's experiments.
git ls-files -z -- examples | xargs -0 cp --parents -P -t "$stage"

# ustar has no field that would carry this moment; -n keeps name and time out of gzip's header.
tar --create --directory "$out/stage" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
  --mode='u=rwX,go=rX' --mtime="@$epoch" "$name" | gzip -n -9 >"$out/$name.tar.gz.new"
mv "$out/$name.tar.gz.new" "$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
printf '%s\n' "$out/$name.tar.gz" && cat "$out/$name.tar.gz.sha256"
