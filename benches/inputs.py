"""Makes what the benchmarks pull, of real content: the files below /usr of this machine.

Shapes, at scale 1: `vm`, a kernel of 53 MB and a sparse root image of 2 GiB of which 350 MB are there; `many`, six layers of
72,000 entries with whiteouts; `small`, a hundred trees of 1 MB. What was made for a scale is kept and used again.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

SOURCE = pathlib.Path("/usr")
IMAGE = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+"


def listing():
    """Every folder, file and link of the source, in the order of their paths, as (path, kind, size)."""
    found = []
    for folder, folders, names in os.walk(SOURCE):
        folders.sort()
        found.append((folder, "folder", 0))
        for name in sorted(names):
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            if os.path.islink(path):
                found.append((path, "link", 0))
            elif os.path.isfile(path) and os.access(path, os.R_OK):
                found.append((path, "file", stat.st_size))
    return found


def add(tar, path, name):
    """Adds one entry as it is, with an owner of no meaning."""
    info = tar.gettarinfo(path, name)
    if info.islnk():
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", os.path.getsize(path)
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode &= 0o777
    with open(path, "rb") if info.isreg() else open(os.devnull, "rb") as content:
        tar.addfile(info, content if info.isreg() else None)


def empty(tar, name):
    tar.addfile(tarfile.TarInfo(name))


def many(work, entries):
    """The tars of six layers: five of a fifth of the entries each, and one that hides and replaces some."""
    # Large files are left out: this input is about many.
    all_of = [one for one in listing() if one[2] <= 1 << 20]
    if not all_of:
        raise SystemExit(f"nothing below {SOURCE}")
    tars, done, round_ = [], 0, 0
    source = iter(all_of)
    for layer in range(5):
        tars.append(work / f"many.{layer + 1}.tar")
        with tarfile.open(tars[-1], "w", format=tarfile.PAX_FORMAT) as tar:
            while done < entries * (layer + 1) // 5:
                one = next(source, None)
                if one is None:
                    # Not enough on this machine: the same once more elsewhere.
                    round_, source = round_ + 1, iter(all_of)
                    continue
                add(tar, one[0], f"again-{round_}{one[0]}" if round_ else one[0].lstrip("/"))
                done += 1
    files = [path for path, kind, size in all_of[: entries // 5] if kind == "file"]
    tars.append(work / "many.6.tar")
    with tarfile.open(tars[-1], "w", format=tarfile.PAX_FORMAT) as tar:
        for path in files[:: max(1, len(files) // 400)]:
            empty(tar, os.path.join(os.path.dirname(path).lstrip("/"), ".wh." + os.path.basename(path)))
        for path in files[1 :: max(2, len(files) // 400)]:
            add(tar, "/etc/passwd", path.lstrip("/"))
    return tars


def vm(work, scale):
    """The tars of two layers: a kernel, and a root image that is mostly hole; also as files below vm/."""
    folder, root = work / "vm", work / "root"
    folder.mkdir()
    root.mkdir()
    want, got = int(350e6 * scale), 0
    for path, kind, size in listing():
        if kind == "file" and size and got + size <= want:
            to = root / path.lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
            got += size
    image = folder / "rootfs.ext4"
    with open(image, "wb") as file:
        file.truncate(max(64, int(2048 * scale)) << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(image)], check=True,
                   env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"})
    shutil.rmtree(root)
    with open(folder / "vmlinux", "wb") as kernel:
        libraries = sorted(pathlib.Path("/usr/lib").rglob("*.so*")) + sorted(pathlib.Path("/usr/bin").iterdir())
        for path in libraries:
            if path.is_file() and kernel.tell() < 53e6 * scale:
                kernel.write(path.read_bytes()[: int(53e6 * scale) - kernel.tell()])
    tars = []
    for name in ("vmlinux", "rootfs.ext4"):
        tars.append(work / f"vm.{name}.tar")
        with tarfile.open(tars[-1], "w") as tar:
            add(tar, str(folder / name), name)
    return tars


def small(work, count):
    """As many tars, of about 1 MB each, with no file in two of them as long as there are enough."""
    fit = [path for path, kind, size in listing() if kind == "file" and 0 < size <= 333_333]
    # Neighbours are alike: every hundredth goes together.
    fit = [path for first in range(100) for path in fit[first::100]]
    tars, at = [], 0
    for number in range(count):
        tars.append(work / f"small.{number}.tar")
        got = 0
        with tarfile.open(tars[-1], "w") as tar:
            while got < 1_000_000:
                path = fit[at % len(fit)]
                add(tar, path, (f"again-{at // len(fit)}" if at >= len(fit) else "") + path.lstrip("/"))
                got += os.path.getsize(path)
                at += 1
    return tars


def packed(tar, how):
    """The tar, compressed with gzip (by pigz where it is) or zstd."""
    to = tar.with_name(f"{tar.name}.{how}")
    gzip = ["pigz", "-6", "-n", "-c"] if shutil.which("pigz") else ["gzip", "-6", "-n", "-c"]
    with open(to, "wb") as file:
        subprocess.run([*(gzip if how == "gzip" else ["zstd", "-q", "-3", "-c"]), str(tar)], stdout=file, check=True)
    return to


def digest_of(path):
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def image(layout, tag, tars, how):
    """Adds an image of these tars, as layers, to an OCI image layout."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    layers = []
    for tar in tars:
        file = packed(tar, how)
        digest = digest_of(file)
        layers.append({"mediaType": LAYER + how, "digest": digest, "size": file.stat().st_size})
        file.rename(blobs / digest.removeprefix("sha256:"))
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]}}
    manifest = {"schemaVersion": 2, "mediaType": IMAGE, "layers": layers,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **put(json.dumps(config).encode())}}
    described = {"mediaType": IMAGE, **put(json.dumps(manifest).encode()),
                 "annotations": {"org.opencontainers.image.ref.name": tag}}
    index = layout / "index.json"
    known = json.loads(index.read_text())["manifests"] if index.exists() else []
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": [*known, described]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def push(work, host, repository, tag, tars, how):
    layout = work / f"layout-{repository}-{tag}"
    image(layout, tag, tars, how)
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", f"oci:{layout}:{tag}",
                    f"docker://{host}/bench/{repository}:{tag}"], check=True)
    shutil.rmtree(layout)


def ready(work, host, scale):
    """Makes all of it in `work` and sends it to the registry, unless that was done before."""
    done = work / "done"
    if done.exists():
        return
    for name in ("vm", "tree"):
        shutil.rmtree(work / name, ignore_errors=True)
    kinds = ["gzip", "zstd"] if shutil.which("zstd") else ["gzip"]
    for repository, tars in (("vm", vm(work, scale)), ("many", many(work, int(72_000 * scale)))):
        for how in kinds:
            push(work, host, repository, how, tars, how)
        if repository == "many":
            for tar in tars[:5]:
                subprocess.run(["tar", "-xf", str(tar), "-C", str(folder(work, "tree"))], check=True)
        for tar in tars:
            tar.unlink()
    for number, tar in enumerate(small(work, small_ones(scale))):
        push(work, host, "small", str(number), [tar], "gzip")
        tar.unlink()
    done.touch()


def small_ones(scale):
    return max(2, int(100 * scale))


def folder(work, name):
    path = work / name
    path.mkdir(exist_ok=True)
    return path
