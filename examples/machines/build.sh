#!/usr/bin/env bash
# Builds two environments that `pyro run` can boot, from Debian's packages: `debian:12`, a root file system with git, and
# `busybox`, the smallest one that there is. Each has a kernel, the modules of that kernel that a virtual machine needs,
# and a root disk; nothing of pyro is in them.
#
#   build.sh [busybox|debian]...     both if nothing is said; the result is in build/ beside this file
#
# Needs no root. The same packages give the same bytes: times, identifiers and the order of everything are fixed.
# What it uses are the Debian packages mmdebstrap, e2fsprogs (1.47 or later), busybox-static, python3 and lz4.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"

suite=bookworm
architecture=amd64
kernel=linux-image-cloud-$architecture
# Everything that has a time has this one, in all file systems and archives.
export SOURCE_DATE_EPOCH=1700000000
uuid=6f4e3a52-1d1c-4c0e-9a0b-0d2f5a7c1e42

fail() {
  printf 'build.sh: %s\n' "$1" >&2
  exit 1
}

for tool in mmdebstrap mke2fs debugfs dumpe2fs python3 lz4 busybox; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || fail "no $tool here; see the top of this file"
done
export PATH=$PATH:/usr/sbin:/sbin

work=$(mktemp -d)
chmod 711 "$work"
# Where the root of a namespace, who is another user outside, may write.
mkdir -m 777 "$work/shared"
trap 'in_namespace rm -rf "$work/shared"/*; rm -rf "$work"' EXIT

# Runs a command that sees itself as root over the files of a root file system.
in_namespace() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    mmdebstrap --unshare-helper "$@"
  fi
}

# Makes an ext4 of a tree: disk SIZE FILE TREE. Run where the owners of the files are what they shall be.
disk() {
  local size=$1 file=$2 tree=$3 last
  rm -f "$file"
  export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
  mke2fs -q -F -t ext4 -d "$tree" -U "$uuid" -E "hash_seed=$uuid,root_owner=0:0,lazy_itable_init=0" -m 0 \
    -O ^has_journal,^metadata_csum,^orphan_file,^resize_inode "$file" "$size" >/dev/null
  # Inodes are given out in order, and keep the times of the tree: those that no archive has are set here.
  last=$(dumpe2fs -h "$file" 2>/dev/null | awk '/^Inode count:/ { all = $3 } /^Free inodes:/ { print all - $3 }')
  { echo 2; seq 11 "$last"; } | while read -r inode; do
    for field in atime ctime crtime; do
      printf 'set_inode_field <%s> %s @%s\n' "$inode" "$field" "$SOURCE_DATE_EPOCH"
    done
  done >"$file.times"
  printf 'set_inode_field <%s> mtime @'"$SOURCE_DATE_EPOCH"'\n' 2 11 >>"$file.times"
  debugfs -w -f "$file.times" "$file" >/dev/null 2>&1
  rm "$file.times"
}

# Makes an ext4 of the archive on stdin, without devices, which the kernel makes: disk_of_archive SIZE FILE.
disk_of_archive() {
  mkdir "$2.tree"
  tar --numeric-owner --exclude='./dev/*' -xpf - -C "$2.tree"
  disk "$1" "$2" "$2.tree"
  rm -rf "$2.tree"
}

# Makes the root disk of an environment: root_disk SIZE ARCHIVE FOLDER.
root_disk() {
  local program
  program="set -euo pipefail; $(declare -f disk disk_of_archive); uuid=$uuid; disk_of_archive $1 '$work/shared/disk'"
  in_namespace bash -c "$program" <"$2"
  cp --sparse=always "$work/shared/disk" "$3/rootfs.ext4"
}

# The kernel's package, downloaded and taken apart; as it comes it is compressed, which costs each boot a second.
get_kernel() {
  local package
  package=$(apt-cache depends "$kernel" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
  [ -n "$package" ] || fail "apt knows no $kernel; is this Debian 12, and has \`apt-get update\` been run?"
  (cd "$work" && apt-get -q -o APT::Sandbox::User= download "$package" >/dev/null)
  dpkg-deb -x "$work/$package"_*.deb "$work/kernel"
  python3 - "$work"/kernel/boot/vmlinuz-* "$work/payload" <<'PYTHON'
import struct, sys
image = open(sys.argv[1], "rb").read()
# The boot protocol: where the compressed kernel lies, counted from behind the setup sectors; its length is at its end.
begin, length = struct.unpack_from("<II", image, 0x248)
begin += (image[0x1F1] + 1) * 512
open(sys.argv[2], "wb").write(image[begin : begin + length - 4])
PYTHON
  case $(head -c 4 "$work/payload" | od -An -tx1 | tr -d ' ') in
    02214c18) lz4 -dcq "$work/payload" ;;
    28b52ffd) zstd -dcq "$work/payload" ;;
    fd377a58) xz -dc "$work/payload" ;;
    1f8b*) gzip -dc "$work/payload" ;;
    *) fail "the kernel is compressed in a way that is not known here" ;;
  esac >"$work/vmlinux"
}

# Puts kernel and modules where an environment has them.
with_kernel() {
  local to=$1 module
  cp "$work/vmlinux" "$to/vmlinux"
  local from
  from=$(echo "$work"/kernel/lib/modules/*)
  for module in virtio virtio_ring virtio_pci virtio_pci_modern_dev virtio_pci_legacy_dev virtio_mmio virtio_blk \
    virtio_console virtio_rng virtio_net net_failover failover fuse vmw_vsock_virtio_transport \
    vmw_vsock_virtio_transport_common vsock overlay; do
    find "$from/kernel" -name "$module.ko*" -printf '%P\n' | while read -r file; do
      install -D -m 644 "$from/kernel/$file" "$to/modules/$(basename "$from")/kernel/$file"
    done
  done
}

build_busybox() {
  local to=$work/busybox tree=$work/tree
  mkdir -p "$to" "$tree"/{bin,dev,etc,proc,root,run,sys,tmp}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  for name in $("$tree/bin/busybox" --list); do
    [ "$name" = busybox ] || ln -s busybox "$tree/bin/$name"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$tree/etc/passwd"
  printf 'root:x:0:\n' >"$tree/etc/group"
  chmod -R u=rwX,go=rX "$tree"
  chmod 1777 "$tree/tmp"
  find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  tar --numeric-owner --owner=0 --group=0 --sort=name -cf "$work/busybox.tar" -C "$tree" .
  root_disk 8M "$work/busybox.tar" "$to"
  with_kernel "$to"
  keep busybox
}

build_debian() {
  local to=$work/debian
  mkdir -p "$to"
  mmdebstrap --quiet --variant=minbase --architectures="$architecture" --include=git,ca-certificates \
    --dpkgopt=path-exclude='/usr/share/doc/*' --dpkgopt=path-exclude='/usr/share/man/*' \
    --dpkgopt=path-exclude='/usr/share/locale/*' "$suite" "$work/debian.tar"
  root_disk 1G "$work/debian.tar" "$to"
  with_kernel "$to"
  keep debian
}

# Puts a finished environment in the place of an earlier one.
keep() {
  mkdir -p build
  rm -rf "build/$1"
  cp -r --sparse=always "$work/$1" "build/$1"
  printf '%s: ' "build/$1"
  sha256sum "build/$1/rootfs.ext4" | cut -d ' ' -f 1
}

get_kernel
if [ $# -eq 0 ]; then
  set -- busybox debian
fi
for what; do
  case $what in
    busybox | debian) "build_$what" ;;
    *) fail "there is no \`$what\` to build" ;;
  esac
done
