#!/usr/bin/env python3
"""Measures what durability costs: first realizations into a new store, durable and with --durability fast.

    cargo build --release && python3 benches/durability.py [--runs 9] [--plots docs/plots] [--folder DIR]

The store stands in a temporary folder below --folder, which should be on a disk, not in memory. Needs gcc.
"""
import io
import itertools
import os
import pathlib
import subprocess
import tarfile
import tempfile

from measure import in_turn, measured, options, programs, report

NUMBERS = itertools.count()


def archive(path, files, size):
    with tarfile.open(path, "w") as tar:
        for n in range(files):
            info = tarfile.TarInfo(f"d{n % 20}/{n}")
            info.size = size
            tar.addfile(info, io.BytesIO(os.urandom(size)))


def main():
    found = options(__doc__, 9, folder=None)
    with tempfile.TemporaryDirectory(prefix="pyro-bench-", dir=found.folder) as folder:
        work = pathlib.Path(folder)
        try:
            programs(work)
            compare(work, found, "environments", "20 environments of 10 files of 4 KiB", 20, 10, 4096)
            compare(work, found, "files", "one environment of 6,000 files of 4 KiB", 1, 6000, 4096)
            compare(work, found, "bytes", "one environment of 8 files of 32 MiB", 1, 8, 32 << 20)
        finally:
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)


def compare(work, found, job, title, environments, files, size):
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
        words = [found.pyro, "--store", str(store), "-q", "--durability", durability, "realize", str(file)]
        return measured(words, work / "peak", env=environment)

    seen = in_turn({
        "pyro": lambda: realized("durable"),
        "pyro --durability fast": lambda: realized("fast"),
    }, found.runs)
    report(found.plots, f"durability-{job}", f"First realization, {title}", seen)


if __name__ == "__main__":
    main()
