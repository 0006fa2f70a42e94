#!/usr/bin/env python3
"""The life of an environment, through `pyro --json`: pull, inspect, use, prune, run.

    examples/lifecycle.py [--pyro PROGRAM] [--store FOLDER] [--file DECLARATION] [--environment NAME] [--run NAME]

The rule, in one sentence:
  `run` always cleans up after itself, with success or failure; what was pulled stays until `env prune` or `gc`.

What is cleaned up by itself:
  - A virtual machine: nothing of it is on disk, and it is gone when its command has ended.
  - A command that fails removes what it had begun. Of one that is killed, a staging tree may stay; nobody sees it as
    installed, and the next prune removes it.
  - A download is removed once it has been unpacked.
  - Pulling another version from the same declaration lets go of the version before.

What is not:
  - Store paths. One that nothing holds any more stays, and is found again at no cost, until `pyro env prune`.
  - A pulled environment whose declaration still has it at that version. To let go of it, change or remove the entry
    in the declaration, then prune.
  - A pulled environment whose declaration is gone together with its folder: the folder could be a disk that is not
    mounted. `pyro profile delete pulled` lets go of everything that was pulled.
  - What `pyro realize` shows: each generation of a profile holds its paths until `pyro profile delete`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


class PyroError(Exception):
    """A command that failed, as pyro's own JSON error says it."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.kind = error["kind"]
        self.exit_code = error["exit_code"]
        self.hint = error.get("hint")


class Pyro:
    """One program and one store."""

    def __init__(self, program, store=None):
        self.command = [program, "--json"] + (["--store", store] if store else [])

    def __call__(self, *words):
        """Runs a command; stdout is exactly one JSON document, also when it fails."""
        done = subprocess.run([*self.command, *map(str, words)], stdout=subprocess.PIPE, check=False)
        document = json.loads(done.stdout)
        if "error" in document:
            raise PyroError(document["error"])
        return document


def use(environment):
    """Looks into an installed environment: its paths are plain files and can be read by anything."""
    folder = Path(environment["install_dir"])
    manifest = json.loads(Path(environment["install_manifest"]).read_text(encoding="utf-8"))
    files = [entry for entry in manifest["entries"] if entry["type"] == "file"]
    print(f"  {len(files)} files in {folder}")
    for role in ["kernel_image", "rootfs_image"]:
        if role in environment:
            print(f"  {role}: {environment[role]}")


def walk(pyro, declaration, name=None):
    """List, inspect, pull and use what a declaration has; the built-in catalog is left out."""
    where = ["--file", declaration]
    known = pyro("env", "list", *where)["environments"]
    environments = [environment for environment in known if not environment["catalog_version"]]
    for environment in environments:
        state = "installed" if environment["installed"] else "not installed"
        print(f"{environment['name']} {environment['version']}: {state}")
    for chosen in [name] if name else [environment["name"] for environment in environments]:
        before = pyro("env", "inspect", chosen, *where)
        print(f"pull {before['name']} from {before['source']}")
        use(pyro("env", "pull", chosen, *where))
        assert pyro("env", "inspect", chosen, *where)["installed"]


def let_go(pyro):
    """Pulls an environment of a declaration of its own, changes the declaration, and prunes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        (folder / "tree").mkdir()
        (folder / "tree" / "note.txt").write_text(f"made for {folder}\n", encoding="utf-8")
        declaration = folder / "envs.toml"

        def pull(version):
            source = '[[environments.scratch.sources]]\nlocal = "tree"\n'
            text = f'schema = 1\n[environments.scratch]\nversion = "{version}"\n{source}'
            declaration.write_text(text, encoding="utf-8")
            return pyro("env", "pull", "scratch", "--file", declaration)["install_dir"]

        first = pull("1.0.0")
        assert first not in pyro("env", "prune")["deleted_environment_dirs"]
        print(f"scratch 1.0.0 is declared, so prune keeps {first}")

        second = pull("2.0.0")
        assert first in pyro("env", "prune")["deleted_environment_dirs"] and Path(second).is_dir()
        print("scratch 2.0.0 was pulled in its place, so prune removes 1.0.0")

        declaration.write_text("schema = 1\n", encoding="utf-8")
        assert second in pyro("env", "prune")["deleted_environment_dirs"] and not Path(second).exists()
        print("scratch is no longer declared, so prune removes it")


def run(pyro, declaration, name):
    """Runs a command in a virtual machine of an environment that can boot; the machine is gone afterwards."""
    done = pyro("run", name, "--file", declaration, "--", "uname", "-s")
    print(f"{name} runs {done['stdout'].strip()}, by {done['execution_mode']}; it came up in {done['boot_ms']} ms")
    assert done["exit_code"] == 0 and done["cleanup"] == {"deleted": True, "reason": "post_exec_cleanup"}
    assert Path(done["install_dir"]).is_dir()
    print(f"the machine is gone, and {done['install_dir']} stays until it is pruned")


def main():
    parser = argparse.ArgumentParser(description="Pull, inspect, use, prune and run environments through pyro --json.")
    parser.add_argument("--pyro", default="pyro", help="the program (default: pyro)")
    parser.add_argument("--store", help="the store (default: pyro's own)")
    parser.add_argument("--file", default=Path(__file__).with_name("envs.toml"), help="the declaration")
    parser.add_argument("--environment", help="only this one (default: all of the declaration)")
    parser.add_argument("--run", metavar="NAME", help="at the end, run a command in this one, which must be able to boot")
    options = parser.parse_args()
    pyro = Pyro(options.pyro, options.store)
    try:
        walk(pyro, options.file, options.environment)
        let_go(pyro)
        if options.run:
            run(pyro, options.file, options.run)
    except PyroError as error:
        print(f"{error.kind}: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
