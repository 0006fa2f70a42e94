#!/usr/bin/env python3
"""Measures pyro against what people use now, on this machine, and prints a table for docs/performance.md.

    cargo build --release && python3 benches/measure.py [--pyro target/release/pyro] [--runs 5]

Everything is made under a temporary folder: inputs from installed packages, a registry on the loopback interface.
Contenders run in turn, so a busy machine hits all alike; quoted is the median of each, and the ratio of the medians.
CPU is user and system time of the process and its children. Needs docker-registry, skopeo, umoci, mke2fs,
gcc; takes podman along where it is installed and this is root.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ["coreutils", "perl-base", "perl-modules-5.36", "git", "bash", "tar", "libc-bin", "python3.11-minimal",
            "libpython3.11-stdlib", "util-linux", "passwd", "dpkg", "tzdata", "e2fsprogs"]


def measured(command, peak, **options):
    """Wall and CPU seconds, and the peak memory in MiB, of one command; `peak` is the small program that runs it."""
    kept = peak.parent / "peak.txt"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([str(peak), str(kept), *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
    wall = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(kept.read_text()) / 1024


def blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def image(layout, tars):
    """An OCI layout with one gzip layer for each uncompressed tar."""
    (layout / "blobs/sha256").mkdir(parents=True)
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **blob(layout, gzip.compress(t, 6, mtime=0))}
              for t in tars]
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                           **blob(layout, json.dumps(config).encode())}, "layers": layers}
    described = {"mediaType": manifest["mediaType"], **blob(layout, json.dumps(manifest).encode()),
                 "annotations": {"org.opencontainers.image.ref.name": "1"}}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def package_tar(packages):
    out, seen = io.BytesIO(), set()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for package in packages:
            listed = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True).stdout.splitlines()
            for path in listed:
                real = pathlib.Path(path)
                if path in seen or path == "/." or not (real.is_symlink() or real.exists()):
                    continue
                if real.is_dir() and real.is_symlink():
                    continue
                seen.add(path)
                tar.add(path, arcname=os.path.realpath(real.parent).lstrip("/") + "/" + real.name, recursive=False)
    return out.getvalue()


def dedup(data):
    """The tar without second entries of one name, which packages of a merged /usr can give."""
    out, seen = io.BytesIO(), set()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            name = os.path.normpath(member.name)
            if name in seen:
                continue
            seen.add(name)
            member.pax_headers = {}
            if member.islnk():
                member.type, member.linkname = tarfile.REGTYPE, ""
                continue
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
    return out.getvalue()


def vm_tar(work, megabytes):
    root = work / "vmroot"
    root.mkdir()
    subprocess.run(["cp", "-a", "/usr/bin", "/usr/share/perl", str(root)], check=True)
    image_file = work / "rootfs.ext4"
    subprocess.run(["truncate", "-s", f"{megabytes}M", str(image_file)], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(image_file)], check=True,
                   env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"})
    kernel, out = os.urandom(16 << 20), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("vmlinux")
        info.size = len(kernel)
        tar.addfile(info, io.BytesIO(kernel))
        tar.add(image_file, "rootfs.ext4")
    return out.getvalue()


def registry(work):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = work / "registry.yml"
    config.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {work}/registry}}}}\n"
                      f"http: {{addr: 127.0.0.1:{port}}}\n")
    server = subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server, f"127.0.0.1:{port}"
        except OSError:
            time.sleep(0.05)


def median_of(contenders, runs):
    """Runs each contender in turn; medians of wall, CPU and memory by name."""
    seen = {name: [] for name in contenders}
    for _ in range(runs):
        for name, run in contenders.items():
            seen[name].append(run())
    return {name: [statistics.median(column) for column in zip(*rows)] for name, rows in seen.items()}


def table(title, medians, pyro="pyro"):
    print(f"\n### {title}\n\n| contender | wall s | CPU s | peak MiB | wall / pyro | CPU / pyro |\n|---|---|---|---|---|---|")
    for name, (wall, cpu, memory) in medians.items():
        ratios = f"{wall / medians[pyro][0]:.1f} | {cpu / max(medians[pyro][1], 1e-6):.1f}"
        print(f"| {name} | {wall:.3f} | {cpu:.3f} | {memory:.0f} | {ratios} |", flush=True)


def pull(work, pyro, reference, layout, artifacts, runs, title):
    declaration = work / "pull.toml"
    declaration.write_text(f'schema = 1\nprofile = "bench"\n[environments.it]\nversion = "1"\nlayout = "{layout}"\n'
                           f"{artifacts}\nsources = [{{ oci = \"{reference}\" }}]\n")
    environment = {**os.environ, "HOME": str(work), "CI": "true"}

    def fresh():
        # Each run has a folder of its own, and all go at the end: ext4 is slow to make files beside what was deleted.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=work))
        os.sync()
        return folder

    def with_pyro():
        folder = fresh()
        shutil.copy(declaration, folder / "pull.toml")
        return measured([pyro, "--store", str(folder / "store"), "-q", "realize", str(folder / "pull.toml")],
                        work / "peak", env=environment)

    def with_umoci():
        folder = fresh()
        script = (f"skopeo copy -q --insecure-policy --src-tls-verify=false docker://{reference} oci:{folder}/oci:1 && "
                  f"umoci unpack --rootless --image {folder}/oci:1 {folder}/bundle")
        return measured(["sh", "-c", script], work / "peak", env=environment)

    def with_podman():
        folder = fresh()
        command = ["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "overlay",
                   "pull", "-q", "--tls-verify=false", reference]
        return measured(command, work / "peak", env=environment)

    contenders = {"pyro": with_pyro, "skopeo copy + umoci unpack": with_umoci}
    # As another account it unpacks in a user namespace, with owners that this script could not remove.
    if shutil.which("podman") and os.geteuid() == 0:
        contenders["podman pull"] = with_podman
    table(title, median_of(contenders, runs))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pyro", default="target/release/pyro")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    pyro = str(pathlib.Path(options.pyro).resolve())
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as folder:
        work = pathlib.Path(folder)
        for program in ("lstat", "peak"):
            subprocess.run(["gcc", "-O2", "-o", f"{work}/{program}", str(HERE / f"{program}.c")], check=True)
        server, host = registry(work)
        try:
            nothing_to_do(work, pyro, options.runs)
            many = [dedup(package_tar(PACKAGES[:7])), dedup(package_tar(PACKAGES[7:]))]
            image(work / "many", many)
            image(work / "vm", [vm_tar(work, 512)])
            for name in ("many", "vm"):
                subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false",
                                f"oci:{work}/{name}:1", f"docker://{host}/bench/{name}:1"], check=True)
            entries = sum(len(tarfile.open(fileobj=io.BytesIO(tar)).getnames()) for tar in many)
            pull(work, pyro, f"{host}/bench/many:1", "rootfs", "", options.runs,
                 f"First realize of an image of {entries} entries in two gzip layers, loopback registry")
            pull(work, pyro, f"{host}/bench/vm:1", "files",
                 'artifacts = { kernel = "vmlinux", rootfs = "rootfs.ext4" }', options.runs,
                 "First realize of a VM environment (16 MiB kernel, 512 MiB sparse root image), loopback registry")
        finally:
            server.kill()
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)


def nothing_to_do(work, pyro, runs):
    lines = ["schema = 1", 'profile = "bench"']
    for n in range(100):
        archive = work / f"vm{n}.tar"
        with tarfile.open(archive, "w") as tar:
            for name in ("vmlinux", "rootfs.ext4"):
                info = tarfile.TarInfo(name)
                data = f"{name} {n}".encode() * 1000
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        lines.append(f'[environments.vm{n}]\nversion = "1"\nartifacts = {{ kernel = "vmlinux", rootfs = "rootfs.ext4" }}\n'
                     f'sources = [{{ archive = "vm{n}.tar" }}]')
    (work / "hundred.toml").write_text("\n".join(lines))
    with tarfile.open(work / "entries.tar", "w") as tar:
        for n in range(20_000):
            info = tarfile.TarInfo(f"d{n % 200}/e{n % 10}/file-{n}")
            info.size = 10
            tar.addfile(info, io.BytesIO(b"0123456789"))
    (work / "entries.toml").write_text('schema = 1\nprofile = "entries"\n[environments.it]\nversion = "1"\n'
                                       'sources = [{ archive = "entries.tar" }]\n')
    environment = {**os.environ, "HOME": str(work), "CI": "true"}
    store = ["--store", str(work / "store-idle"), "-q"]
    for name in ("hundred", "entries"):
        subprocess.run([pyro, *store, "realize", f"{work}/{name}.toml"], check=True, stdout=subprocess.DEVNULL,
                       env=environment)
    path = subprocess.run([pyro, *store, "path", "it", "--file", f"{work}/entries.toml"], check=True, text=True,
                          capture_output=True, env=environment).stdout.strip()
    again = 4 * runs

    def idle(name):
        return lambda: measured([pyro, *store, "realize", f"{work}/{name}.toml", "--locked"], work / "peak",
                                env=environment)

    table("Nothing to do: 100 environments of a kernel and a root image each",
          median_of({"pyro": idle("hundred"), "true": lambda: measured(["true"], work / "peak")}, again))
    table("Nothing to do: one environment of 20,000 files in 2,200 folders",
          median_of({"pyro": idle("entries"), "bare lstat": lambda: measured([f"{work}/lstat", path], work / "peak")}, again))


if __name__ == "__main__":
    main()
