#!/usr/bin/env bash
# Installs the programs that the tests want, and only those that are missing.
#
# What is there is found by command, not by package, so that any system which has the commands is fine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH="$PATH:/usr/sbin:/sbin" # mke2fs lives there and is not on an ordinary user's path

# package | command | why
wanted=(
  'docker-registry|docker-registry|the real registry that the tests pull from'
  'skopeo|skopeo|fills that registry'
  'umoci|umoci|unpacks images independently, to compare with'
  'e2fsprogs|mke2fs|makes ext4 images'
  'apache2-utils|htpasswd|a registry with passwords'
  'b3sum|b3sum|BLAKE3 for the independent checker'
  'strace|strace|proves that nothing reads content or opens sockets where it must not'
  'python3|python3|the independent checker, and examples'
  'git|git|the merge test of the lock file'
  'xz-utils|xz|tar.xz archives'
  'zstd|zstd|tar.zst archives'
  'bzip2|bzip2|tar.bz2 archives'
)

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# The toolchain is the developer's own choice: checked, never installed.
for tool in gcc make; do
  command -v "$tool" >/dev/null || fail "$tool is missing; on Debian: apt-get install build-essential"
done
for tool in cargo rustc; do
  command -v "$tool" >/dev/null || fail "$tool is missing; rustup installs it: https://rustup.rs"
done
needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
have=$(rustc --version | awk '{ print $2 }')
if [ "$(printf '%s\n' "$needed" "$have" | sort -V | head -n 1)" != "$needed" ]; then
  fail "rustc is $have, pyro needs $needed or newer; try: rustup update stable"
fi
cargo fmt --version >/dev/null 2>&1 || fail 'rustfmt is missing; try: rustup component add rustfmt'
cargo clippy --version >/dev/null 2>&1 || fail 'clippy is missing; try: rustup component add clippy'
printf 'rustc %s (needed: %s), rustfmt, clippy, gcc, make: there\n' "$have" "$needed"

packages=()
commands=()
for row in "${wanted[@]}"; do
  IFS='|' read -r package tool why <<<"$row"
  if command -v "$tool" >/dev/null; then
    state=there
  else
    state=missing
    packages+=("$package")
    commands+=("$tool")
  fi
  printf '%-16s %-8s %s\n' "$package" "$state" "$why"
done

if [ "${#packages[@]}" -eq 0 ]; then
  printf 'Everything is there; nothing to install.\n'
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  fail "no apt-get here; please install what gives these commands: ${commands[*]}"
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "not root and no sudo; please run as root: apt-get install ${packages[*]}"
  as_root=(sudo)
fi
apt_get() {
  # Waits for another apt-get instead of failing.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q "$@"
}
printf 'Installing: %s\n' "${packages[*]}"
apt_get update
apt_get install -y --no-install-recommends "${packages[@]}"

for tool in "${commands[@]}"; do
  hash -r
  command -v "$tool" >/dev/null || fail "installed, but there is still no command $tool"
done
printf 'Installed.\n'
