#!/usr/bin/env python3
"""Measures collecting: pyro against nix-collect-garbage and rm -rf, on as many small paths; and who waits for it.

    cargo build --release && python3 benches/gc.py [--pyro target/release/pyro] [--paths 10000] [--alive 100]

Each store has the same folders of three small files. Nix is Debian's package nix-bin, with a store of its own that
nothing else is in; rm deletes copies of the trees that pyro deletes. The contenders run one after the other, since each
run needs a store that is made anew; figures are those of one run. Needs nix-store (left out without it) and strace.
"""
import argparse
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from nix import nix_store


def measured(command, **options):
    """Wall and CPU seconds of one command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
    wall = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def folders(work, paths):
    for n in range(paths):
        folder = work / "in" / f"e{n}"
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/tool").write_text(f"#!/bin/sh\necho {n}\n")
        (folder / "README").write_text(f"environment {n}\n" * 20)
        (folder / "data").write_text(str(n))


def declaration(work, name, numbers):
    lines = ["schema = 1", f'profile = "{name}"']
    for n in numbers:
        lines.append(f'[environments.e{n}]\nversion = "1"\nsources = [{{ local = "in/e{n}" }}]')
    file = work / f"{name}.toml"
    file.write_text("\n".join(lines))
    return file


def pyro_store(pyro, work, paths, alive, environment):
    """A store with `paths` paths of which `alive` are held."""
    def run(*words):
        subprocess.run([*pyro, "-q", *words], check=True, stdout=subprocess.DEVNULL, env=environment)
    run("realize", str(declaration(work, "all", range(paths))))
    run("realize", str(declaration(work, "alive", range(alive))))
    run("profile", "delete", "all", "--yes")


def nix(work, paths, alive):
    if not shutil.which("nix-store"):
        return None
    root, environment = nix_store(work)
    added = []
    for first in range(0, paths, 500):
        names = [str(work / "in" / f"e{n}") for n in range(first, min(paths, first + 500))]
        done = subprocess.run(["nix-store", "--add", *names], check=True, capture_output=True, text=True, env=environment)
        added += done.stdout.split()
    for n, path in enumerate(added[:alive]):
        (root / "roots").mkdir(exist_ok=True)
        subprocess.run(["nix-store", "--realise", path, "--add-root", str(root / "roots" / str(n)), "--indirect"],
                       check=True, capture_output=True, env=environment)
    os.sync()
    return measured(["nix-collect-garbage"], env=environment)


def waits(pyro, work, environment, alive, paths):
    """The longest that a realize slept for locks, in milliseconds, while a collection of everything ran.

    They realize in turn what is held and stays, and what is collected at that time.
    """
    collecting = subprocess.Popen([*pyro, "-q", "gc"], stdout=subprocess.DEVNULL, env=environment)
    longest, runs = 0.0, 0
    while collecting.poll() is None:
        first = random.randrange(alive, paths - 20)
        doomed = declaration(work, f"doomed{runs}", range(first, first + 20))
        for file in (work / "alive.toml", doomed):
            trace = work / "trace"
            subprocess.run(["strace", "-f", "-T", "-o", str(trace), "-e", "trace=clock_nanosleep,flock",
                            *pyro, "-q", "realize", str(file)],
                           check=True, stdout=subprocess.DEVNULL, env=environment)
            slept = sum(float(found) for found in re.findall(r"clock_nanosleep\(.*<([0-9.]+)>", trace.read_text()))
            longest, runs = max(longest, slept * 1000), runs + 1
    return longest, runs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pyro", default="target/release/pyro")
    parser.add_argument("--paths", type=int, default=10_000)
    parser.add_argument("--alive", type=int, default=100)
    options = parser.parse_args()
    program = str(pathlib.Path(options.pyro).resolve())
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as folder:
        work = pathlib.Path(folder)
        environment = {**os.environ, "HOME": str(work), "CI": "true", "PYRO_STORE": str(work / "store")}
        folders(work, options.paths)
        pyro = [program]
        pyro_store(pyro, work, options.paths, options.alive, environment)
        copy = work / "copy"
        copy.mkdir()
        doomed = subprocess.run([program, "gc", "--dry-run", "--json"], check=True, capture_output=True, env=environment)
        paths = [place["path"] for place in json.loads(doomed.stdout)["paths"]]
        for first in range(0, len(paths), 500):
            subprocess.run(["cp", "-a", *paths[first:first + 500], str(copy)], check=True)
        os.sync()
        rows = [("pyro gc", measured([program, "-q", "gc"], env=environment))]
        os.sync()
        rows.append(("rm -rf of the same trees", measured(["rm", "-rf", str(copy)])))
        found = nix(work, options.paths, options.alive)
        if found:
            rows.append(("nix-collect-garbage", found))
        print(f"| {options.paths} paths, {options.alive} alive | wall s | CPU s | wall / pyro | CPU / pyro |\n|---|---|---|---|---|")
        wall, cpu = rows[0][1]
        for name, (one_wall, one_cpu) in rows:
            print(f"| {name} | {one_wall:.2f} | {one_cpu:.2f} | {one_wall / wall:.1f} | {one_cpu / cpu:.1f} |")
        pyro_store(pyro, work, options.paths, options.alive, environment)
        longest, runs = waits(pyro, work, environment, options.alive, options.paths)
        print(f"\nlongest wait of {runs} realizes while a collection ran: {longest:.1f} ms")
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)


if __name__ == "__main__":
    main()
