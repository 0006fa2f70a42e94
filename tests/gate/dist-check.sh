#!/usr/bin/env bash
# Unpacks the archive of dist.sh in an empty prefix and uses it as somebody would who has nothing else:
# no environment, an empty home, a path with the basic tools only, no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=${CARGO_TARGET_DIR:-target}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
name=pyro-$version-$(rustc -vV | sed -n 's/^host: //p')

mkdir -p "$target/dist-check"
work=$(cd "$target/dist-check" && mktemp -d "$PWD/XXXXXX")
cleanup() {
  chmod -R u+w "$work"
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  printf 'dist-check: %s\n' "$*" >&2
  exit 1
}

(cd "$target/dist" && sha256sum --check --quiet "$name.tar.gz.sha256") || fail 'the checksum file is wrong'
tar -xzf "$target/dist/$name.tar.gz" -C "$work"
prefix=$work/$name

for file in LICENSE-MIT LICENSE-APACHE THIRD-PARTY.md README.md CHANGELOG.md examples/envs.toml examples/envs.lock; do
  [ -s "$prefix/$file" ] || fail "missing or empty: $file"
done
grep -q '^| blake3 |' "$prefix/THIRD-PARTY.md" || fail 'THIRD-PARTY.md does not list what is built in'

page=$prefix/share/man/man1/pyro.1
grep -q '^\.TH ' "$page" || fail "not a manual page: $page"

# A shell that is not here cannot say whether its file is well-formed; that it names pyro can be seen without.
bash -n "$prefix/share/bash-completion/completions/pyro" || fail 'the bash completions do not parse'
zsh=$prefix/share/zsh/site-functions/_pyro
fish=$prefix/share/fish/vendor_completions.d/pyro.fish
if command -v zsh >/dev/null; then zsh -n "$zsh" || fail 'the zsh completions do not parse'; fi
if command -v fish >/dev/null; then fish -n "$fish" || fail 'the fish completions do not parse'; fi
grep -q '^#compdef pyro' "$zsh" || fail 'not zsh completions'
grep -q 'complete -c pyro' "$fish" || fail 'not fish completions'

for place in "$PWD/" "${CARGO_HOME:-$HOME/.cargo}/"; do
  if grep -aqF -- "$place" "$prefix/bin/pyro"; then fail "the program contains a path of this machine: $place"; fi
done

# The demo needs these and nothing else.
mkdir "$work/tools" "$work/home"
for tool in bash basename cat chmod cmp cp dd dirname ln ls mkdir mktemp rm; do
  ln -s "$(command -v "$tool")" "$work/tools/$tool"
done

# Where user namespaces are allowed there is really no network; elsewhere --offline has to do.
alone=()
if unshare --user --map-root-user --net true 2>/dev/null; then
  alone=(unshare --user --map-current-user --net)
fi
"${alone[@]}" env -i HOME="$work/home" PATH="$work/tools" PYRO="$prefix/bin/pyro" DEMO_EXAMPLES="$prefix/examples" \
  DEMO_DIR="$work/demo" bash tests/gate/demo.sh
[ -z "$(ls -A "$work/home")" ] || fail 'something was written to the home folder'
printf 'The archive works from an empty prefix.\n'
