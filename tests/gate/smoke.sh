#!/usr/bin/env bash
# The life of a real environment, from nothing: Debian 12 is made from its packages (examples/machines), goes into
# Debian's docker-registry on this machine, and is pulled, inspected, run and pruned.
#
# Every step is checked. All it writes is below target/, and only what was made of Debian's packages stays, in
# examples/machines/build, for the next time.
#
#   PYRO=FILE   run this program instead of building one
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."

target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
mkdir -p "$target/smoke"
work=$(mktemp -d "$target/smoke/XXXXXX")
registry=''

cleanup() {
  [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
  chmod -R u+w "$work" # store paths are sealed: their folders refuse rm
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  printf 'smoke: %s\n' "$*" >&2
  exit 1
}

for tool in docker-registry skopeo python3 qemu-system-x86_64; do
  command -v "$tool" >/dev/null || fail "no $tool here; \`make setup\` installs it"
done
if [ -z "${PYRO:-}" ]; then
  cargo build --release --locked --bin pyro
  PYRO=$target/release/pyro
fi
pyro() {
  PYRO_STORE=$work/store PYRO_FILE=$work/envs.toml HOME=$work "$PYRO" "$@"
}

printf '== make Debian 12\n'
[ -f examples/machines/build/debian/rootfs.ext4 ] || examples/machines/build.sh debian

printf '== start a registry\n'
cat >"$work/registry.yml" <<YAML
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: '$work/data'}}
http: {addr: '127.0.0.1:0', secret: smoke}
YAML
mkfifo "$work/log"
docker-registry serve "$work/registry.yml" 2>"$work/log" &
registry=$!
# It says where it listens; what it says after that is nobody's business, but must be read.
exec 3<"$work/log"
address=''
while [ -z "$address" ] && read -r line <&3; do
  address=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' <<<"$line")
done
[ -n "$address" ] || fail 'the registry does not listen'
cat <&3 >/dev/null &

printf '== push the environment to it\n'
mkdir "$work/layout"
tar --sparse --sort=name --owner=0 --group=0 -C examples/machines/build/debian -c . | gzip -1 >"$work/layer"
python3 - "$work" <<'PYTHON'
import hashlib, json, os, pathlib, sys, zlib
work = pathlib.Path(sys.argv[1])
blobs = work / "layout/blobs/sha256"
blobs.mkdir(parents=True)
OCI = "application/vnd.oci.image."

def place(path, kind):
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    os.rename(path, blobs / digest.hexdigest())
    return {"mediaType": OCI + kind, "digest": "sha256:" + digest.hexdigest(), "size": size}

def document(value, kind):
    (work / "new").write_text(json.dumps(value))
    return place(work / "new", kind)

layer = work / "layer"
inflated, inflater = hashlib.sha256(), zlib.decompressobj(31)
with layer.open("rb") as file:
    while chunk := file.read(1 << 20):
        inflated.update(inflater.decompress(chunk))
layer = place(layer, "layer.v1.tar+gzip")
rootfs = {"type": "layers", "diff_ids": ["sha256:" + inflated.hexdigest()]}
config = document({"architecture": "amd64", "os": "linux", "rootfs": rootfs}, "config.v1+json")
manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": [layer]}
manifest = document(manifest, "manifest.v1+json")
manifest["annotations"] = {"org.opencontainers.image.ref.name": "12"}
(work / "layout/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
(work / "layout/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
PYTHON
skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$work/layout:12" "docker://$address/debian:12"
cat >"$work/envs.toml" <<TOML
schema = 1

[environments."debian:12"]
version = "1.0.0"
platform = "linux/amd64"
artifacts = { kernel = "vmlinux", rootfs = "rootfs.ext4", modules = "modules" }

[[environments."debian:12".sources]]
oci = "$address/debian:12"
TOML

printf '== pull\n'
pyro env pull debian:12
printf '== inspect\n'
pyro env inspect debian:12
path=$(pyro path debian:12 --profile pulled)
[ -f "$path/rootfs.ext4" ] || fail "there is no root disk in $path"
printf '== run\n'
said=$(pyro run debian:12 -- git --version)
printf '%s\n' "$said"
[[ $said == 'git version '* ]] || fail 'git does not say its version'
code=0
pyro run debian:12 -- sh -c 'rm -rf /etc; exit 7' || code=$?
[ "$code" -eq 7 ] || fail "a command that ends with 7 ended with $code"
pyro verify "$path" --full
printf '== prune\n'
pyro env prune
[ -d "$path" ] || fail 'what is pulled and declared was pruned'
printf 'schema = 1\n' >"$work/envs.toml"
pyro env prune
[ ! -e "$path" ] || fail 'what is no longer declared is still there'
printf 'smoke: all as it should be\n'
