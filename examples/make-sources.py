#!/usr/bin/env python3
"""Makes what envs.toml in this folder names: hello/, tools.tar.gz, image/ and vm/.

    examples/make-sources.py [FOLDER] [--pyro PROGRAM]

Everything is written anew into FOLDER (this folder if none is given). With --pyro the given pyro also writes envs.lock
there; where FOLDER is another folder, envs.toml is copied into it first.

The same bytes come out on every machine: names are sorted, owners and times are zero, and gzip is written here by
hand with stored blocks, because compressors of different versions give different bytes. Only Python's own library
is used.
"""

import argparse
import hashlib
import io
import json
import shutil
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent

# A tree is a dictionary from path to what stands there: text for an ordinary file, Script for one that can be executed,
# Link for a symlink, HardLink for another name of an earlier file, None for a folder.


class Script(str):
    """The text of an executable file."""


class Link(str):
    """The target of a symlink."""


class HardLink(str):
    """The path, in the same archive, of the file that this is another name of."""


HELLO = {
    "bin": None,
    "bin/hello": Script('#!/bin/sh\nexec cat "$(dirname "$0")/../share/greeting.txt"\n'),
    "greeting": Link("share/greeting.txt"),
    "share": None,
    "share/greeting.txt": "Hello from a local folder.\n",
}

TOOLS = {
    "tools-1.0.0": None,
    "tools-1.0.0/README": "One small tool, packed as most projects pack a release: in a folder with the version.\n",
    "tools-1.0.0/bin": None,
    "tools-1.0.0/bin/longest-line": Script("#!/bin/sh\nexec awk 'length > n { n = length } END { print n + 0 }'\n"),
    "tools-1.0.0/bin/ll": HardLink("tools-1.0.0/bin/longest-line"),
    "tools-1.0.0/spool": None,
}

# An image of two layers: the second one takes a file of the first away, and puts another in its place.
BASE_LAYER = {
    "bin": Link("usr/bin"),
    "etc": None,
    "etc/motd": "This line is removed by the second layer.\n",
    "etc/os-release": 'ID=pyro-example\nVERSION_ID="1.0.0"\nPRETTY_NAME="An image for the examples"\n',
    "tmp": None,
    "usr": None,
    "usr/bin": None,
    "usr/bin/motd": Script("#!/bin/sh\nexec cat /etc/issue\n"),
}
SECOND_LAYER = {
    "etc": None,
    "etc/.wh.motd": "",
    "etc/issue": "Welcome to an image of two layers.\n",
}

# An artifact: plain files, not a tar, each with a title. These are texts with the names of a kernel and a root disk.
VM = {
    "vmlinux": "Not a kernel, only its place ({platform}).\n",
    "rootfs.ext4": "Not a file system, only its place ({platform}).\n",
}

PLATFORMS = [("linux", "amd64"), ("linux", "arm64")]


def tar(tree):
    """The tree as a tar, ended by two empty blocks and no more."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, what in tree.items():
            member = tarfile.TarInfo(path)
            content = b""
            if what is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(what, Link):
                member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, str(what)
            elif isinstance(what, HardLink):
                member.type, member.mode, member.linkname = tarfile.LNKTYPE, 0o755, str(what)
            else:
                member.mode = 0o755 if isinstance(what, Script) else 0o644
                content = what.encode()
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        end = archive.offset
    return out.getvalue()[:end].ljust(end + 1024, b"\0")


def gzip(data):
    """The bytes as gzip, not compressed: blocks that are stored as they are (RFC 1951, 3.2.4)."""
    out = b"\x1f\x8b\x08\x00" + struct.pack("<I", 0) + b"\x00\xff"
    pieces = [data[at : at + 65535] for at in range(0, len(data), 65535)] or [b""]
    for n, piece in enumerate(pieces):
        last = n == len(pieces) - 1
        out += struct.pack("<BHH", last, len(piece), len(piece) ^ 0xFFFF) + piece
    return out + struct.pack("<II", zlib.crc32(data), len(data))


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class ImageLayout:
    """A folder of the OCI image layout with one image, for several platforms."""

    def __init__(self, folder):
        self.folder = folder
        self.manifests = []
        self.write("oci-layout", encoded({"imageLayoutVersion": "1.0.0"}))

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def blob(self, media_type, data, **more):
        digest = sha256(data)
        self.write("blobs/" + digest.replace(":", "/"), data)
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    def manifest(self, platform, config, layers, **more):
        media_type = "application/vnd.oci.image.manifest.v1+json"
        document = {"schemaVersion": 2, "mediaType": media_type, **more, "config": config, "layers": layers}
        os, architecture = platform
        place = {"architecture": architecture, "os": os}
        self.manifests.append(self.blob(media_type, encoded(document), platform=place))

    def finish(self, tag):
        media_type = "application/vnd.oci.image.index.v1+json"
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": self.manifests}
        name = {"org.opencontainers.image.ref.name": tag}
        top = self.blob(media_type, encoded(index), annotations=name)
        self.write("index.json", encoded({"schemaVersion": 2, "mediaType": media_type, "manifests": [top]}))


def encoded(document):
    return json.dumps(document, indent=1).encode() + b"\n"


def make_folder(folder, tree):
    for path, what in tree.items():
        place = folder / path
        if what is None:
            place.mkdir(parents=True)
        elif isinstance(what, Link):
            place.symlink_to(what)
        else:
            place.write_text(what, encoding="utf-8")
            place.chmod(0o755 if isinstance(what, Script) else 0o644)


def make_image(folder):
    layout = ImageLayout(folder)
    tars = [tar(BASE_LAYER), tar(SECOND_LAYER)]
    layers = [layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip(data)) for data in tars]
    for os, architecture in PLATFORMS:
        config = {
            "architecture": architecture,
            "os": os,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [sha256(data) for data in tars]},
        }
        described = layout.blob("application/vnd.oci.image.config.v1+json", encoded(config))
        layout.manifest((os, architecture), described, layers)
    layout.finish("1.0.0")


def make_artifact(folder):
    layout = ImageLayout(folder)
    for platform in PLATFORMS:
        layers = [
            layout.blob(
                "application/octet-stream",
                text.format(platform="/".join(platform)).encode(),
                annotations={"org.opencontainers.image.title": title},
            )
            for title, text in VM.items()
        ]
        empty = layout.blob("application/vnd.oci.empty.v1+json", b"{}")
        layout.manifest(platform, empty, layers, artifactType="application/vnd.example.machine")
    layout.finish("1.0.0")


def main():
    parser = argparse.ArgumentParser(description="Makes what envs.toml names, the same bytes on every machine.")
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where to write (default: this folder)")
    parser.add_argument("--pyro", type=Path, help="also write envs.lock, with this program")
    options = parser.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)

    for name in ["hello", "image", "vm"]:
        if (folder / name).exists():
            shutil.rmtree(folder / name)
    make_folder(folder / "hello", HELLO)
    (folder / "tools.tar.gz").write_bytes(gzip(tar(TOOLS)))
    make_image(folder / "image")
    make_artifact(folder / "vm")

    if options.pyro:
        declaration = folder / "envs.toml"
        if folder.resolve() != HERE:
            shutil.copyfile(HERE / "envs.toml", declaration)
        lock = folder / "envs.lock"
        lock.unlink(missing_ok=True)
        subprocess.run([options.pyro, "lock", declaration, "--outputs", "--offline"], check=True)


if __name__ == "__main__":
    main()
