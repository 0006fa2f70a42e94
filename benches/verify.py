#!/usr/bin/env python3
"""Measures a full check of 2 GiB against b3sum and nix-store --verify, warm, and prints a table for docs/performance.md.

    cargo build --release && python3 benches/verify.py [--runs 9] [--plots docs/plots] [--mib 2048]

Once as one file and once as two thousand. Contenders run in turn, so a busy machine hits all alike. Needs b3sum, gcc, and
nix-store, which is left out without it.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

from measure import in_turn, measured, options, programs, report
from nix import nix_store

MIB = 1 << 20


def main():
    found = options(__doc__, 9, mib=2048)
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as folder:
        work = pathlib.Path(folder)
        try:
            programs(work)
            for name, files in (("one", 1), ("many", 2000)):
                of_size(work, found, name, files)
        finally:
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)


def of_size(work, found, name, files):
    """One environment in so many files."""
    size = found.mib * MIB // files
    for n in range(files):
        path = work / name / str(n % 100) / str(n)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            for at in range(0, size, MIB):
                file.write(os.urandom(min(MIB, size - at)))
    declaration = work / f"{name}.toml"
    declaration.write_text(f'schema = 1\nprofile = "{name}"\n[environments.{name}]\nversion = "1"\n'
                           f'sources = [{{ local = "{name}" }}]\n')
    environment = {**os.environ, "HOME": str(work), "CI": "true"}
    words = [found.pyro, "--store", str(work / "store"), "-q"]
    subprocess.run([*words, "realize", str(declaration)], check=True, stdout=subprocess.DEVNULL, env=environment)
    contenders = {}
    if shutil.which("nix-store"):
        _, of_nix = nix_store(work / f"of-{name}")
        subprocess.run(["nix-store", "--add", str(work / name)], check=True, stdout=subprocess.DEVNULL, env=of_nix)
        contenders["nix-store --verify --check-contents"] = lambda: measured(
            ["nix-store", "--verify", "--check-contents"], work / "peak", env=of_nix)
    subprocess.run(["rm", "-r", str(work / name)], check=True)
    path = subprocess.run([*words, "path", name, "--file", str(declaration)], check=True, text=True,
                          capture_output=True, env=environment).stdout.strip()
    content = sorted(str(file) for file in pathlib.Path(path).rglob("*") if file.is_file())
    check = [*words, "verify", "--full", name, "--file", str(declaration)]
    seen = in_turn({
        "pyro": lambda: measured(check, work / "peak", env=environment),
        "b3sum": lambda: measured(["b3sum", *content], work / "peak", env=environment),
        **contenders,
    }, found.runs)
    report(found.plots, f"verify-{name}", f"Full verify of {found.mib:,} MiB in {files:,} files", seen)


if __name__ == "__main__":
    main()
