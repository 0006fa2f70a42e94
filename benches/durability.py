#!/usr/bin/env python3
"""Measures what durability costs: first realizations into a new store, durable and with --durability fast.

    cargo build --release && python3 benches/durability.py [--pyro target/release/pyro] [--runs 9] [--folder DIR]

The store stands in a temporary folder below --folder, which should be on a disk, not in memory. Needs gcc.
"""
import argparse
import io
import itertools
import os
import pathlib
import subprocess
import tarfile
import tempfile

from measure import HERE, measured, median_of, table

NUMBERS = itertools.count()


def archive(path, files, size):
    with tarfile.open(path, "w") as tar:
        for n in range(files):
            info = tarfile.TarInfo(f"d{n % 20}/{n}")
            info.size = size
            tar.addfile(info, io.BytesIO(os.urandom(size)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pyro", default="target/release/pyro")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--folder")
    options = parser.parse_args()
    pyro = str(pathlib.Path(options.pyro).resolve())
    with tempfile.TemporaryDirectory(prefix="pyro-bench-", dir=options.folder) as folder:
        work = pathlib.Path(folder)
        try:
            subprocess.run(["gcc", "-O2", "-o", f"{work}/peak", str(HERE / "peak.c")], check=True)
            compare(work, pyro, options.runs, "20 environments of 10 files of 4 KiB", 20, 10, 4096)
            compare(work, pyro, options.runs, "one environment of 6,000 files of 4 KiB", 1, 6000, 4096)
            compare(work, pyro, options.runs, "one environment of 8 files of 32 MiB", 1, 8, 32 << 20)
        finally:
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)


def compare(work, pyro, runs, title, environments, files, size):
    """Each contender realizes into a store that is not there."""
    lines = ["schema = 1", 'profile = "bench"']
    for n in range(environments):
        archive(work / f"e{n}.tar", files, size)
        lines.append(f'[environments.e{n}]\nversion = "1"\nsources = [{{ archive = "e{n}.tar" }}]')
    file = work / "envs.toml"
    file.write_text("\n".join(lines))
    (work / "envs.lock").unlink(missing_ok=True)
    environment = {**os.environ, "HOME": str(work), "CI": "true"}

    def realized(durability):
        # Old ones stay until the end: ext4 is slow to make files beside many that were just deleted.
        store = work / f"store-{next(NUMBERS)}"
        os.sync()
        words = [pyro, "--store", str(store), "-q", "--durability", durability, "realize", str(file)]
        return measured(words, work / "peak", env=environment)

    table(f"First realization, {title}", median_of({
        "pyro": lambda: realized("durable"),
        "pyro --durability fast": lambda: realized("fast"),
    }, runs))


if __name__ == "__main__":
    main()
