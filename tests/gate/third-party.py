#!/usr/bin/env python3
"""Prints THIRD-PARTY.md: every package that is linked into or runs while building pyro, with its licence.

Usage: third-party.py TARGET-TRIPLE. Packages that only the tests use are left out, and so are those of other platforms.
A package that names no licence is an error.
"""

import json
import subprocess
import sys


def main():
    (target,) = sys.argv[1:]
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]

    # Walk from pyro along normal and build dependencies. Only the root's dev-dependencies are in the graph at all.
    found, waiting = {root}, [root]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            shipped = any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
            if shipped and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    found.remove(root)

    rows, nameless = [], []
    for package in sorted((packages[key] for key in found), key=lambda p: (p["name"], p["version"])):
        licence = package["license"]
        if not licence and package["license_file"]:
            licence = f"see {package['license_file']} in its source"
        if not licence:
            nameless.append(f"{package['name']} {package['version']}")
        rows.append(f"| {package['name']} | {package['version']} | {licence} |")
    if nameless:
        sys.exit("third-party.py: no licence is named by: " + ", ".join(nameless))

    print("# Third-party packages\n")
    print(f"pyro for {target} is built from these packages, each under its own licence (SPDX expressions).\n")
    print("| Package | Version | Licence |\n|---|---|---|")
    print("\n".join(rows))


main()
