#!/usr/bin/env python3
"""Measures pyro against what people use now, on this machine: tables for docs/performance.md, and a plot of each job.

    cargo build --release && python3 benches/bench.py [JOB...] [--runs 3] [--scale 1] [--plots docs/plots]

Jobs: idle-hundred idle-entries pull-vm pull-vm-zstd pull-many pull-many-zstd pull-small add-vm add-many grow-files grow-bytes
grow-store; without one, all. Inputs are made of the files below /usr (benches/inputs.py), once, in --work, where a registry
serves them on the loopback interface; --scale makes them smaller. Everything is durable as far as a contender can.

Needs docker-registry, skopeo and mke2fs; takes umoci, podman and buildah (as root), curl, zstd and nix-store along where
they are installed, but for those --without=A,B. At scale 1 it wants 40 GiB on a disk.
"""
import io
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import time

import inputs
from measure import in_turn, measured, options, programs, report
from nix import nix_store

# With less than this left, the runs of a job go when it ends, and not with all others.
ROOM = 25 << 30
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Bench:
    def __init__(self, found):
        self.pyro, self.runs, self.plots, self.scale = found.pyro, found.runs, found.plots, found.scale
        self.work = pathlib.Path(found.work or f"target/bench/{found.scale:g}").resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.number, self.host, self.left_out = 0, None, found.without.split(",")
        self.environment = {**os.environ, "HOME": str(self.work), "CI": "true"}
        programs(self.work)
        self.clear()

    def clear(self):
        runs = self.work / "runs"
        if runs.exists():
            subprocess.run(["chmod", "-R", "u+w", str(runs)], check=False)
            subprocess.run(["rm", "-rf", str(runs)], check=True)
        runs.mkdir()

    def has(self, program):
        return program not in self.left_out and shutil.which(program)

    def fresh(self):
        """A folder for one run. All go at the end: some file systems are slow to make files beside what was deleted."""
        self.number += 1
        folder = self.work / f"runs/{self.number}"
        folder.mkdir()
        os.sync()
        return folder

    def registry(self):
        """Starts one that has all inputs."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = self.work / "registry.yml"
        config.write_text("version: 0.1\nlog: {level: error}\n"
                          f"storage: {{filesystem: {{rootdirectory: {self.work}/registry}}}}\n"
                          f"http: {{addr: 127.0.0.1:{port}}}\n")
        server = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        self.host = f"127.0.0.1:{port}"
        try:
            inputs.ready(self.work, self.host, self.scale)
        except BaseException:
            server.kill()
            raise
        return server

    def measured(self, command, **how):
        words = ["sh", "-c", command] if isinstance(command, str) else command
        return measured(words, self.work / "peak", env={**self.environment, **how})

    def realize(self, folder, text, *words):
        """A run of `realize` with this declaration and a new store, both in a folder."""
        (folder / "envs.toml").write_text(text)
        return [self.pyro, "--store", f"{folder}/store", "-q", *words, "realize", f"{folder}/envs.toml"]

    def shell(self, script):
        """A contender that runs a script; `{out}` there is its folder."""
        return lambda: self.measured("set -e; " + script.replace("{out}", str(self.fresh())))

    def pulls(self, reference, how, times=""):
        """What people use now to pull; with `times`, a loop that pulls the numbers one after the other."""
        def each(script):
            return self.shell(f"for i in {times}; do mkdir -p {{out}}/$i; {script}; done" if times else script)
        out, name = ("{out}/$i", reference.replace("NUMBER", "$i")) if times else ("{out}", reference)
        found = {}
        # umoci reads gzip only.
        if self.has("umoci") and how == "gzip":
            found["skopeo + umoci"] = each(
                f"skopeo copy -q --insecure-policy --src-tls-verify=false docker://{self.host}/{name} oci:{out}/oci:1 && "
                f"umoci --log=error unpack --rootless --image {out}/oci:1 {out}/bundle")
        # As another account these unpack in a user namespace, with owners that this script could not remove.
        for program, words in (("podman", "pull -q"), ("buildah", "from --pull")):
            if self.has(program) and os.geteuid() == 0 and not (times and program == "buildah"):
                found[f"{program} {words.split()[0]}"] = each(
                    f"{program} --root {{out}}/root --runroot {{out}}/run --storage-driver overlay {words} "
                    f"--tls-verify=false {self.host}/{name}")
        if self.has("curl"):
            repository, tag = name.rsplit(":", 1)
            url, unpack = f"http://{self.host}/v2/{repository}", "gzip -dc" if how == "gzip" else "zstd -dcq"
            # The last digest of the manifest is that of the configuration.
            layers = f"$(grep -o 'sha256:[0-9a-f]*' {out}/manifest | head -n -1)"
            found["curl | tar"] = each(
                f"mkdir -p {out}/root && curl -fsS -H 'Accept: {MANIFEST}' {url}/manifests/{tag} > {out}/manifest && "
                f"for d in {layers}; do curl -fsS {url}/blobs/$d | {unpack} | tar -x -C {out}/root; done")
        return found

    def pull(self, job, repository, how, more, title):
        text = (f'schema = 1\nprofile = "bench"\n[environments.it]\nversion = "1"\n{more}\n'
                f'sources = [{{ oci = "{self.host}/bench/{repository}:{how}" }}]\n')
        contenders = {"pyro": lambda: self.measured(self.realize(self.fresh(), text))}
        contenders |= self.pulls(f"bench/{repository}:{how}", how)
        report(self.plots, job, title, in_turn(contenders, self.runs))

    def pull_small(self, job):
        count = inputs.small_ones(self.scale)
        text = 'schema = 1\nprofile = "bench"\n' + "".join(
            f'[environments.e{n}]\nversion = "1"\nsources = [{{ oci = "{self.host}/bench/small:{n}" }}]\n'
            for n in range(count))
        numbers = " ".join(str(number) for number in range(count))
        contenders = {"pyro": lambda: self.measured(self.realize(self.fresh(), text))}
        contenders |= self.pulls("bench/small:NUMBER", "gzip", numbers)
        report(self.plots, job, f"First realize of {count} environments of 1 MB", in_turn(contenders, self.runs))

    def add(self, job, name, title):
        source = self.work / name
        text = f'schema = 1\nprofile = "bench"\n[environments.it]\nversion = "1"\nsources = [{{ local = "{source}" }}]\n'
        contenders = {"pyro": lambda: self.measured(self.realize(self.fresh(), text))}
        if self.has("nix-store"):
            contenders["nix-store --add"] = lambda: self.measured(
                ["nix-store", "--add", str(source)], **nix_store(self.fresh())[1])
        copy = f"cp -a --sparse=always {source} {{out}}/copy"
        contenders["cp -a --sparse=always"] = self.shell(copy)
        contenders["the same and sync"] = self.shell(f"{copy} && sync -f {{out}}/copy")
        report(self.plots, job, title, in_turn(contenders, self.runs))

    def idle(self, job, title, text, beside):
        """Nothing to do: a declaration that is realized already, and contenders, which are told its store path."""
        folder = self.fresh()
        for archive, files in text[1].items():
            archived(folder / archive, files)
        command = self.realize(folder, text[0])
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=self.environment)
        words = [self.pyro, "--store", f"{folder}/store", "path", "it", "--file", f"{folder}/envs.toml"]
        path = subprocess.run(words, check=True, text=True, capture_output=True, env=self.environment).stdout.strip()
        contenders = {"pyro": lambda: self.measured([*command, "--locked"]), **beside(path)}
        report(self.plots, job, f"Nothing to do: {title}", in_turn(contenders, 7 * self.runs))

    def idle_hundred(self, job):
        lines, archives = ['schema = 1\nprofile = "bench"'], {}
        for name in ["it", *(f"vm{n}" for n in range(99))]:
            lines.append(f'[environments.{name}]\nversion = "1"\nartifacts = {{ kernel = "vmlinux", rootfs = "rootfs.ext4" }}\n'
                         f'sources = [{{ archive = "{name}.tar" }}]')
            archives[f"{name}.tar"] = {file: f"{file} {name}".encode() * 1000 for file in ("vmlinux", "rootfs.ext4")}
        self.idle(job, "100 environments of a kernel and a root image each", ("\n".join(lines), archives), self.one_of_nix)

    def one_of_nix(self, path):
        """A path that nix has already, with the same files, and a program that does nothing."""
        contenders = {"true": lambda: self.measured(["true"])}
        if self.has("nix-store"):
            environment = nix_store(self.fresh())[1]
            added = subprocess.run(["nix-store", "--add", path], check=True, text=True, capture_output=True,
                                   env={**self.environment, **environment}).stdout.strip()
            contenders["nix-store --realise, one path"] = lambda: self.measured(
                ["nix-store", "--realise", added], **environment)
        return contenders

    def idle_entries(self, job):
        count = max(1000, int(100_000 * self.scale))
        text = 'schema = 1\nprofile = "bench"\n[environments.it]\nversion = "1"\nsources = [{ archive = "it.tar" }]\n'
        files = {f"d{n % 200}/e{n % 10}/file-{n}": b"0123456789" for n in range(count)}
        self.idle(job, f"one environment of {count:,} files", (text, {"it.tar": files}),
                  lambda path: {"a bare lstat of each": lambda: self.measured([f"{self.work}/lstat", path])})

    def grow(self, job, what, sizes, content):
        """How the cost of one unit changes as there are more of them; pyro alone."""
        text = 'schema = 1\nprofile = "bench"\n[environments.it]\nversion = "1"\nsources = [{ archive = "it.tar" }]\n'

        def one(size):
            def run():
                folder = self.fresh()
                os.link(self.work / f"runs/grow-{job}-{size}.tar", folder / "it.tar")
                return self.measured(self.realize(folder, text))
            return run

        for size in sizes:
            archived(self.work / f"runs/grow-{job}-{size}.tar", content(size))
        seen = in_turn({f"{size:,} {what}": one(size) for size in sizes}, self.runs)
        report(self.plots, job, f"First realize from an archive, by {what}", seen)
        print()
        for size, rows in zip(sizes, seen.values()):
            print(f"- {size:,} {what}: {min(row[0] for row in rows) / size * 1e6:.1f} us for each, at best")

    def grow_files(self, job):
        sizes = [n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= max(1_000, 1_000_000 * self.scale)]
        self.grow(job, "files", sizes, lambda size: {f"d{n // 1000}/{n % 1000}": b"0123456789" for n in range(size)})

    def grow_bytes(self, job):
        sizes = [n for n in (1, 32, 1024, 8192) if n <= max(1, 8192 * self.scale)]
        self.grow(job, "MiB", sizes, lambda size: {"file": size << 20})

    def grow_store(self, job):
        """An environment that is there, and the list of profiles, in stores of ever more paths."""
        text = 'schema = 1\nprofile = "bench"\n[environments.it]\nversion = "1"\nsources = [{ archive = "it.tar" }]\n'
        contenders = {}
        for paths in (1, 1_000, int(100_000 * max(self.scale, 0.01))):
            folder = self.fresh()
            archived(folder / "it.tar", {"file": b"content"})
            command = self.realize(folder, text)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=self.environment)
            for number in range(paths - 1):
                (folder / f"store/store/{number:064x}-path-1").mkdir()
            for name, words in (("realize", [*command, "--locked"]),
                                ("env list", [self.pyro, "--store", f"{folder}/store", "env", "list"])):
                contenders[f"{name}, {paths:,} paths"] = lambda words=words: self.measured(words)
        report(self.plots, job, "A store of many paths: nothing to do, and the list", in_turn(contenders, 7 * self.runs))

    def jobs(self):
        artifacts = 'artifacts = { kernel = "vmlinux", rootfs = "rootfs.ext4" }'
        size = f"{53 * self.scale:.3g} MB kernel, {max(64, int(2048 * self.scale)):,} MiB sparse root image"
        vm, many = f"a VM environment: {size}", f"an image of {int(72_000 * self.scale):,} entries in six layers"
        return {
            "idle-hundred": self.idle_hundred,
            "idle-entries": self.idle_entries,
            "pull-vm": lambda job: self.pull(job, "vm", "gzip", artifacts, f"First realize of {vm}, gzip"),
            "pull-vm-zstd": lambda job: self.pull(job, "vm", "zstd", artifacts, f"First realize of {vm}, zstd"),
            "pull-many": lambda job: self.pull(job, "many", "gzip", "", f"First realize of {many}, gzip"),
            "pull-many-zstd": lambda job: self.pull(job, "many", "zstd", "", f"First realize of {many}, zstd"),
            "pull-small": self.pull_small,
            "add-vm": lambda job: self.add(job, "vm", f"A local folder into the store: {vm}"),
            "add-many": lambda job: self.add(job, "tree", f"A local folder into the store: {int(72_000 * self.scale):,} entries"),
            "grow-files": self.grow_files,
            "grow-bytes": self.grow_bytes,
            "grow-store": self.grow_store,
        }


def archived(path, files):
    """A tar of files: their content, or a number of random bytes."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, int):
                info.size = content
                with open("/dev/urandom", "rb") as random:
                    tar.addfile(info, random)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def main():
    found = options(__doc__, 3, jobs=[], scale=1.0, work=None, without="")
    bench = Bench(found)
    jobs = bench.jobs()
    unknown = set(found.jobs) - set(jobs)
    if unknown:
        sys.exit(f"no job {', '.join(sorted(unknown))}; there are {', '.join(jobs)}")
    server = None
    try:
        if not found.jobs or any(job.startswith(("pull", "add")) for job in found.jobs):
            server = bench.registry()
        for job in found.jobs or jobs:
            jobs[job](job)
            if shutil.disk_usage(bench.work).free < ROOM:
                bench.clear()
    finally:
        if server:
            server.kill()
        bench.clear()


if __name__ == "__main__":
    main()
