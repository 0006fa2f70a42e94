#!/usr/bin/env bash
# Installs the programs that the tests want, and only those that are missing; gets a kernel, without installing it.
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
  'qemu-system-x86|qemu-system-x86_64|runs virtual machines'
  'busybox-static|busybox|what is in the smallest of them'
  'perl-base|perl|makes system calls where folders are mounted'
  'cpio|cpio|reads the first file systems of virtual machines'
  'xfsprogs|mkfs.xfs|stores on XFS'
  'btrfs-progs|mkfs.btrfs|stores on Btrfs'
  'util-linux|setpriv|two accounts in one store'
  'apache2-utils|htpasswd|a registry with passwords'
  'b3sum|b3sum|BLAKE3 for the independent checker'
  'openssl|openssl|signs the tokens of a registry behind a token server'
  'tinyproxy-bin|tinyproxy|a proxy between pyro and a registry'
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

as_root=()
apt_get() {
  # Waits for another apt-get instead of failing.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q "$@"
}

# become_root WHY: makes apt_get run as root.
become_root() {
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "not root and no sudo; please run as root: $1"
    as_root=(sudo)
  fi
}

install_packages() {
  if ! command -v apt-get >/dev/null; then
    fail "no apt-get here; please install what gives these commands: ${commands[*]}"
  fi
  become_root "apt-get install ${packages[*]}"
  printf 'Installing: %s\n' "${packages[*]}"
  apt_get update
  apt_get install -y --no-install-recommends "${packages[@]}"
  local tool
  for tool in "${commands[@]}"; do
    hash -r
    command -v "$tool" >/dev/null || fail "installed, but there is still no command $tool"
  done
  printf 'Installed.\n'
}

# The kernel of the VM environments that the tests realize. Its package is only taken apart: installing it would
# build an initrd and touch the boot loader of whoever runs the tests. Its modules stand beside it, as below /lib/modules.
kernel=${CARGO_TARGET_DIR:-target}/kernel/vmlinuz
modules=${CARGO_TARGET_DIR:-target}/kernel/modules
meta=linux-image-cloud-$(dpkg --print-architecture 2>/dev/null || uname -m)

# The package that the meta package stands for now; nothing if apt knows none.
kernel_package() {
  apt-cache depends "$meta" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

# Downloads and unpacks into a folder; run where failing is allowed, since apt's lists may be old.
unpack_kernel() {
  local package
  package=$(kernel_package)
  [ -n "$package" ] && (cd "$1" && apt-get -q -o APT::Sandbox::User=root download "$package") && dpkg-deb -x "$1"/linux-image-*.deb "$1/tree"
}

get_kernel() {
  command -v apt-get >/dev/null || fail "no apt-get here; please put a Linux kernel at $kernel and its modules in $modules"
  mkdir -p "$(dirname "$kernel")"
  local work
  work=$(mktemp -d "$(dirname "$kernel")/XXXXXX")
  if ! unpack_kernel "$work"; then
    become_root 'apt-get update'
    apt_get update
    unpack_kernel "$work" || fail "could not get $meta; please put a Linux kernel at $kernel"
  fi
  rm -rf "$modules"
  mv "$work/tree/lib/modules" "$modules"
  mv "$work"/tree/boot/vmlinuz-* "$kernel"
  rm -rf "$work"
}

if [ "${#packages[@]}" -eq 0 ]; then
  printf 'Everything is there; nothing to install.\n'
else
  install_packages
fi
if [ -f "$kernel" ] && [ -d "$modules" ]; then
  state=there
else
  state=missing
fi
printf '%-16s %-8s %s\n' kernel "$state" "$kernel and $modules, out of $meta: VM environments to realize and run"
if [ "$state" = missing ]; then
  get_kernel
fi
