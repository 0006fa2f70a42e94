#!/usr/bin/env python3
"""Measures collecting: pyro against nix-collect-garbage and rm -rf, alone and one for each processor, on as many small paths;
and who waits for it.

    cargo build --release && python3 benches/gc.py [--plots docs/plots] [--paths 10000] [--alive 100] [--runs 1]

Each store has the same folders of three small files. Nix is Debian's package nix-bin, with a store of its own that
nothing else is in; rm deletes copies of the trees that pyro deletes. Each run makes all of it anew, so it takes
minutes. Needs nix-store (left out without it) and strace.
"""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

from measure import measured, options, programs, report
from nix import nix_store


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
    """A store of Nix's with as many: the environment to use it in."""
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
    return environment


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


def collected(work, pyro, paths, alive, environment):
    """Each contender once, each on a store that was made for it; all that is measured, by name."""
    folders(work, paths)
    pyro_store([pyro], work, paths, alive, environment)
    copies = work / "copy", work / "copy-of-all-processors"
    doomed = subprocess.run([pyro, "gc", "--dry-run", "--json"], check=True, capture_output=True, env=environment)
    trees = [place["path"] for place in json.loads(doomed.stdout)["paths"]]
    for copy in copies:
        copy.mkdir()
        for first in range(0, len(trees), 500):
            subprocess.run(["cp", "-a", *trees[first:first + 500], str(copy)], check=True)
    of_nix = nix(work, paths, alive)
    os.sync()
    seen = {"pyro gc": measured([pyro, "-q", "gc"], work / "peak", env=environment)}
    os.sync()
    seen["rm -rf of the same trees"] = measured(["rm", "-rf", str(copies[0])], work / "peak")
    os.sync()
    by_all = f"find {copies[1]} -mindepth 1 -maxdepth 1 -print0 | xargs -0 -n 500 -P {os.cpu_count()} rm -rf"
    seen["as many rm -rf as processors"] = measured(["sh", "-c", by_all], work / "peak")
    os.sync()
    if of_nix:
        seen["nix-collect-garbage"] = measured(["nix-collect-garbage"], work / "peak", env=of_nix)
    return seen


def main():
    found = options(__doc__, 1, paths=10_000, alive=100)
    seen = {}
    for _ in range(found.runs):
        with tempfile.TemporaryDirectory(prefix="pyro-bench-") as folder:
            work = pathlib.Path(folder)
            programs(work)
            environment = {**os.environ, "HOME": str(work), "CI": "true", "PYRO_STORE": str(work / "store")}
            for name, row in collected(work, found.pyro, found.paths, found.alive, environment).items():
                seen.setdefault(name, []).append(row)
            if len(seen["pyro gc"]) == found.runs:
                report(found.plots, "gc", f"Collecting {found.paths:,} paths of three small files", seen)
                pyro_store([found.pyro], work, found.paths, found.alive, environment)
                longest, runs = waits([found.pyro], work, environment, found.alive, found.paths)
                print(f"\nlongest wait of {runs} realizes while a collection ran: {longest:.1f} ms")
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)


if __name__ == "__main__":
    main()
