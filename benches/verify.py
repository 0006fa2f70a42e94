#!/usr/bin/env python3
"""Measures a full check of 2 GiB against b3sum and nix-store --verify, warm, and prints a table for docs/performance.md.

    cargo build --release && python3 benches/verify.py [--pyro target/release/pyro] [--runs 9]

Once as one file and once as two thousand. Contenders run in turn, so a busy machine hits all alike. Needs b3sum, gcc, and
nix-store, which is left out without it.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import tempfile

from measure import HERE, measured, median_of, table
from nix import nix_store

MIB = 1 << 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pyro", default="target/release/pyro")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    pyro = str(pathlib.Path(options.pyro).resolve())
    with tempfile.TemporaryDirectory(prefix="pyro-bench-") as folder:
        work = pathlib.Path(folder)
        try:
            subprocess.run(["gcc", "-O2", "-o", f"{work}/peak", str(HERE / "peak.c")], check=True)
            for name, files in (("one", 1), ("many", 2000)):
                of_size(work, pyro, name, files, options.runs)
        finally:
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)


def of_size(work, pyro, name, files, runs):
    """One environment of 2 GiB in so many files."""
    size = 2048 * MIB // files
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
    words = [pyro, "--store", str(work / "store"), "-q"]
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
    table(f"Full verify of 2 GiB in {files} files", median_of({
        "pyro": lambda: measured(check, work / "peak", env=environment),
        "b3sum": lambda: measured(["b3sum", *content], work / "peak", env=environment),
        **contenders,
    }, runs))


if __name__ == "__main__":
    main()
