#!/usr/bin/env python3
"""An independent reader of the store, written from store-schema/README.md alone.

It shares no code with pyro: Python's standard library makes the manifests, and `b3sum` hashes.
Where it and pyro disagree, one of them, or the text, is wrong.

    check.py vectors DIR         recompute every vector in DIR from its input
    check.py store STORE         check every store path below STORE/store, in full
    check.py tree DIR --name N --version V --platform P --layout L [--artifact ROLE=PATH]...
                                 print the manifest that a local folder must give
    check.py selftest            check this program against facts worked out by hand

Exit code: 0 agreed, 1 disagreed (reasons on stdout), 2 wrong usage or no b3sum. Letters and
numbers in comments (M16, C2) are rules of the text.
"""

import argparse
import difflib
import errno
import json
import os
import re
import resource
import stat
import subprocess
import sys
import tempfile

NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*(?:[:/][a-z0-9][a-z0-9._+-]*)*")  # N1
VERSION = re.compile(r"[A-Za-z0-9._+-]{1,64}")  # N2
PLATFORM = re.compile(r"[a-z0-9][a-z0-9._]{0,31}(?:/[a-z0-9][a-z0-9._]{0,31}){1,2}")  # N3
ROLE = re.compile(r"[a-z][a-z0-9-]{0,31}")  # N4
DIGEST = re.compile(r"[0-9a-f]{64}")
LARGEST = 2**53 - 1
SEALED_NS = 1_000_000_000  # S2
MANIFEST = b"environment.json"


class Refused(Exception):
    """A source that gives no manifest; `kind` is "integrity" or "unusable"."""

    def __init__(self, kind, why):
        super().__init__(why)
        self.kind = kind


class Wrong(Exception):
    """Something that contradicts the text, said for a reader."""


# --- hashing -------------------------------------------------------------------------------------


class Hasher:
    """Hashes open files with b3sum, many to a process.

    b3sum is handed descriptors (/dev/fd/N), never names: a name may hold a newline or be no text.
    """

    BATCH = 256

    def __init__(self):
        self.waiting = []

    def add(self, fd, then):
        """Takes ownership of `fd`; calls `then(hex)` at the latest in `flush`."""
        self.waiting.append((fd, then))
        if len(self.waiting) >= self.BATCH:
            self.flush()

    def flush(self):
        batch, self.waiting = self.waiting, []
        if not batch:
            return
        fds = [fd for fd, _ in batch]
        try:
            answer = subprocess.run(
                ["b3sum", "--no-names"] + ["/dev/fd/%d" % fd for fd in fds],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                check=True,
            )
        except FileNotFoundError:
            print("check.py needs b3sum (Debian: apt-get install b3sum)", file=sys.stderr)
            sys.exit(2)
        finally:
            for fd in fds:
                os.close(fd)
        lines = answer.stdout.decode("ascii").split()
        if len(lines) != len(batch) or not all(DIGEST.fullmatch(line) for line in lines):
            raise SystemExit("b3sum gave %d hashes for %d files" % (len(lines), len(batch)))
        for (_, then), line in zip(batch, lines):
            then(line)


def b3(data):
    """The BLAKE3 of some bytes."""
    answer = subprocess.run(["b3sum", "--no-names"], input=data, stdout=subprocess.PIPE, check=True)
    return answer.stdout.decode("ascii").strip()


# --- canonical JSON (J1-J3) ----------------------------------------------------------------------

SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def quoted(text):
    out = []
    for char in text:
        if char in SHORT:
            out.append(SHORT[char])
        elif char < " ":
            out.append("\\u%04x" % ord(char))
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def canonical_text(value):
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        if not 0 <= value <= LARGEST:
            raise Wrong("the number %d is not from 0 to 2^53-1" % value)
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical_text, value)) + "]"
    if isinstance(value, dict):
        # RFC 8785 orders by UTF-16 code units, not by code points.
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(quoted(n) + ":" + canonical_text(value[n]) for n in names) + "}"
    raise Wrong("%r has no place in canonical JSON" % (value,))


def canonical(value):
    return canonical_text(value).encode("utf-8")


def parse_canonical(data):
    """Reads canonical JSON, and nothing that merely means the same."""
    try:
        value = json.loads(data.decode("utf-8"))
        again = canonical(value)
    except (ValueError, RecursionError) as error:  # includes every Unicode error
        raise Wrong("is not JSON in UTF-8: %s" % error)
    if again != data:
        at = next((i for i, (a, b) in enumerate(zip(again, data)) if a != b), min(len(again), len(data)))
        raise Wrong("is not canonical: byte %d, at %r" % (at, data[max(0, at - 20) : at + 20]))
    return value


# --- the manifest, from a tree -------------------------------------------------------------------


class Node:
    """One thing in a source's tree. `digest` is filled in once the content was hashed."""

    def __init__(self, kind, mode=0, size=0, digest=None, target=None, head=b""):
        self.kind = kind  # "directory", "file", "symlink", "fifo", ... as M22 needs them
        self.mode = mode
        self.size = size
        self.digest = digest
        self.target = target
        self.head = head  # the content, of a file that may be an install record


def bytes_member(name, data):
    """M9: `name` with text, or `name_hex`."""
    try:
        return name, data.decode("utf-8")
    except UnicodeDecodeError:
        return name + "_hex", data.hex()


def last(path):
    return path.rsplit(b"/", 1)[-1]


def is_install_record(node):
    if node.kind != "file" or node.size > 1 << 20:
        return False
    try:
        value = json.loads(node.head.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "catalog_version" in value and "installed_at" in value


def check_declared(path):
    """M10, for a path that a declaration gives."""
    for part in path.split(b"/"):
        if part in (b"", b".", b"..") or len(part) > 255 or b"\0" in part:
            raise Wrong("the path %r breaks M10" % path)


def check_identity(name, version, platform, layout, artifacts):
    if not NAME.fullmatch(name) or len(name) > 80:
        raise Wrong("the name %r breaks N1" % name)
    if not VERSION.fullmatch(version):
        raise Wrong("the version %r breaks N2" % version)
    if not PLATFORM.fullmatch(platform):
        raise Wrong("the platform %r breaks N3" % platform)
    if layout not in ("files", "rootfs"):
        raise Wrong("the layout %r breaks M5" % layout)
    for role in artifacts:
        if not ROLE.fullmatch(role):
            raise Wrong("the role %r breaks N4" % role)


def find_artifact(role, declared, nodes):
    """M27-M29: the path, in the source's tree, of an artifact."""
    kind = "directory" if role == "modules" else "file"
    if declared in nodes and nodes[declared].kind == kind:
        found = declared
    else:
        every = [p for p, node in nodes.items() if node.kind == kind and last(p) == last(declared)]
        if len(every) > 1:
            raise Refused("integrity", "artifact %s: %d candidates, %r" % (role, len(every), sorted(every)))
        if not every:
            raise Refused("unusable", "artifact %s: nothing is named %r" % (role, last(declared)))
        found = every[0]
    try:
        found.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("integrity", "artifact %s: the path %r is not UTF-8" % (role, found))
    return found


def manifest_of(name, version, platform, layout, artifacts, nodes):
    """The manifest (a value, not yet text) of a tree: a dict from path (bytes) to Node."""
    check_identity(name, version, platform, layout, artifacts)
    nodes = dict(nodes)
    for path in list(nodes):  # folders that are only implied (M7)
        while b"/" in path:
            path = path.rsplit(b"/", 1)[0]
            if nodes.setdefault(path, Node("directory")).kind != "directory":
                raise Wrong("%r is a %s and has something below it" % (path, nodes[path].kind))

    # The tree (M19-M22) comes before what it lacks (M30).
    if layout == "files" and MANIFEST in nodes:
        if not is_install_record(nodes[MANIFEST]):
            raise Refused("integrity", "the source has its own environment.json")
        del nodes[MANIFEST]
    for path in list(nodes):
        node = nodes[path]
        if any(part.startswith(b".wh.") for part in path.split(b"/")):
            raise Refused("integrity", "%r is the name of a whiteout" % path)
        if node.kind == "file" and node.size > LARGEST:
            raise Refused("integrity", "%r is too large" % path)
        if node.kind not in ("directory", "file", "symlink"):
            if layout == "files" or node.kind == "whiteout device":
                raise Refused("integrity", "%r is a %s" % (path, node.kind))
            del nodes[path]

    found, lacking = {}, None
    for role, declared in sorted(artifacts.items()):
        declared = declared.encode("utf-8")
        check_declared(declared)
        try:
            found[role] = find_artifact(role, declared, nodes)
        except Refused as refused:
            if refused.kind == "integrity":
                raise
            lacking = lacking or refused
    if not nodes:
        raise Refused("unusable", "the tree is empty")
    if lacking:
        raise lacking

    top = b""
    if layout == "rootfs":
        top = b"rootfs/"
    entries = {}
    for path, node in nodes.items():
        where = top + path
        entry = dict([bytes_member("path", where)], type=node.kind)
        if node.kind == "file":
            entry["blake3"] = node.digest
            entry["size"] = node.size
            entry["executable"] = bool(node.mode & 0o100) and path not in found.values()
        elif node.kind == "symlink":
            entry.update([bytes_member("target", node.target)])
        entries[where] = entry
    if layout == "rootfs":
        entries[b"rootfs"] = {"path": "rootfs", "type": "directory"}
    return {
        "artifacts": {role: (top + path).decode("utf-8") for role, path in found.items()},
        "entries": [entries[path] for path in sorted(entries)],
        "layout": layout,
        "name": name,
        "platform": platform,
        "schema": 1,
        "version": version,
    }


def store_path_name(manifest, digest):
    """N5."""
    return "%s-%s-%s" % (digest, re.sub("[:/]", "_", manifest["name"]), manifest["version"])


# --- the manifest, from bytes --------------------------------------------------------------------


def only_members(what, value, *allowed):
    if not isinstance(value, dict):
        raise Wrong("%s is not an object" % what)
    if set(value) not in [set(names) for names in allowed]:
        raise Wrong("%s has the members %s" % (what, ", ".join(sorted(value)) or "(none)"))


def bytes_of(entry, name):
    """The bytes of `path` or `target`, whichever way they are written (M9)."""
    if name in entry:
        if not isinstance(entry[name], str):
            raise Wrong("%s is not text: %r" % (name, entry))
        return entry[name].encode("utf-8")
    text = entry[name + "_hex"]
    if not isinstance(text, str) or not re.fullmatch("(?:[0-9a-f]{2})+", text):
        raise Wrong("%s_hex is not lower-case hex: %r" % (name, text))
    data = bytes.fromhex(text)
    if bytes_member(name, data)[0] == name:
        raise Wrong("%s_hex holds valid UTF-8: %r" % (name, data))
    return data


def read_entry(entry):
    """One entry, as (path, Node)."""
    kind = entry.get("type") if isinstance(entry, dict) else None
    what = "an entry of type %r" % kind
    node = Node(kind)
    if kind == "file":
        rest = ["blake3", "executable", "size", "type"]
        only_members(what, entry, ["path"] + rest, ["path_hex"] + rest)
        if type(entry["executable"]) is not bool:
            raise Wrong("executable is not a boolean: %r" % entry)
        if type(entry["size"]) is not int:
            raise Wrong("size is not a number: %r" % entry)
        if not isinstance(entry["blake3"], str) or not DIGEST.fullmatch(entry["blake3"]):
            raise Wrong("blake3 is not a digest: %r" % entry)
        node.mode = 0o555 if entry["executable"] else 0o444
        node.size, node.digest = entry["size"], entry["blake3"]
    elif kind == "symlink":
        only_members(what, entry, *([p, t, "type"] for p in ("path", "path_hex") for t in ("target", "target_hex")))
        node.target = bytes_of(entry, "target")
        if not 1 <= len(node.target) <= 4095 or b"\0" in node.target:
            raise Wrong("the target %r breaks M15" % node.target)
    elif kind == "directory":
        only_members(what, entry, ["path", "type"], ["path_hex", "type"])
        node.mode = 0o555
    else:
        raise Wrong("%s: %r" % (what, entry))
    path = bytes_of(entry, "path")
    check_declared(path)
    return path, node


def read_manifest(data):
    """The manifest in some bytes, as (value, dict from path to Node); Wrong where it breaks a rule."""
    value = parse_canonical(data)
    members = ["artifacts", "entries", "layout", "name", "platform", "schema", "version"]
    if isinstance(value, dict) and value.get("schema") != 1:
        raise Wrong("found schema %r, this program reads 1" % value.get("schema"))
    only_members("the manifest", value, members)
    for member in ("layout", "name", "platform", "version"):
        if not isinstance(value[member], str):
            raise Wrong("%s is not text" % member)
    if type(value["schema"]) is not int or not isinstance(value["entries"], list) or not isinstance(value["artifacts"], dict):
        raise Wrong("schema, entries or artifacts is of the wrong type")
    check_identity(value["name"], value["version"], value["platform"], value["layout"], value["artifacts"])

    nodes, before = {}, b""
    for entry in value["entries"]:
        path, node = read_entry(entry)
        if path <= before:
            raise Wrong("%r stands after %r" % (path, before))
        before = path
        if b"/" in path:
            parent = nodes.get(path.rsplit(b"/", 1)[0])
            if parent is None or parent.kind != "directory":
                raise Wrong("%r has no folder" % path)
        if any(part.startswith(b".wh.") for part in path.split(b"/")):
            raise Wrong("%r is the name of a whiteout" % path)
        if path == MANIFEST:
            raise Wrong("environment.json at the top is an entry")
        if value["layout"] == "rootfs" and path.split(b"/", 1)[0] != b"rootfs":
            raise Wrong("%r is not below rootfs" % path)
        nodes[path] = node
    if value["layout"] == "rootfs" and (b"rootfs" not in nodes or nodes[b"rootfs"].kind != "directory"):
        raise Wrong("rootfs is not a folder entry")

    for role, path in value["artifacts"].items():
        node = nodes.get(path.encode("utf-8")) if isinstance(path, str) else None
        kind = "directory" if role == "modules" else "file"
        if node is None or node.kind != kind:
            raise Wrong("artifact %s: %r is no entry of type %s" % (role, path, kind))
        if kind == "file" and node.mode & 0o100:
            raise Wrong("artifact %s: %r is executable" % (role, path))
        if value["layout"] == "rootfs" and path == "rootfs":
            raise Wrong("artifact %s: rootfs is not in the source's tree" % role)
    return value, nodes


# --- folders on disk -----------------------------------------------------------------------------


def walk(top, prefix=b""):
    """Everything below an open folder: (path, name, lstat, descriptor of its folder). Follows nothing."""
    for name in sorted(os.fsencode(n) for n in os.listdir(top)):
        status = os.stat(name, dir_fd=top, follow_symlinks=False)
        yield prefix + name, name, status, top
        if stat.S_ISDIR(status.st_mode):
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                yield from walk(below, prefix + name + b"/")
            finally:
                os.close(below)


def open_file(name, folder):
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)


def kind_of(status):
    mode = status.st_mode
    if stat.S_ISCHR(mode) and status.st_rdev == 0:
        return "whiteout device"
    kinds = [
        (stat.S_ISDIR, "directory"),
        (stat.S_ISREG, "file"),
        (stat.S_ISLNK, "symlink"),
        (stat.S_ISFIFO, "fifo"),
        (stat.S_ISSOCK, "socket"),
    ]
    return next((kind for test, kind in kinds if test(mode)), "device")


def folder_nodes(folder):
    """The tree of a local folder, hashed."""
    nodes, hasher = {}, Hasher()
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path, name, status, parent in walk(top):
            node = Node(kind_of(status), stat.S_IMODE(status.st_mode))
            if node.kind == "file":
                node.size = status.st_size
                fd = open_file(name, parent)
                if path == MANIFEST:
                    node.head = os.read(fd, 1 << 26)
                hasher.add(fd, lambda digest, node=node: setattr(node, "digest", digest))
            elif node.kind == "symlink":
                node.target = os.readlink(name, dir_fd=parent)
            nodes[path] = node
        hasher.flush()
    finally:
        os.close(top)
    return nodes


# --- `store` -------------------------------------------------------------------------------------


def foreign_attributes(fd):
    """Extended attributes that S1 forbids. Labels that the system itself puts on files do not count."""
    if not hasattr(os, "listxattr"):
        return []
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EACCES):
            return []
        raise
    return [n for n in names if n.startswith(("user.", "system.posix_acl_")) or n == "security.capability"]


def check_sealed(say, where, status, mode, fd=None):
    """S1 and S2 of one thing."""
    if status.st_mtime_ns != SEALED_NS:
        say(where, "its mtime is %d.%09d" % divmod(status.st_mtime_ns, 10**9))
    if mode is not None and stat.S_IMODE(status.st_mode) != mode:
        say(where, "its mode is %04o, not %04o" % (stat.S_IMODE(status.st_mode), mode))
    if fd is not None and foreign_attributes(fd):
        say(where, "it has the attributes %s" % ", ".join(foreign_attributes(fd)))


def check_store_path(store_fd, folder):
    """Everything that is wrong with one store path, as a list of sentences."""
    reasons = []

    def say(where, what):
        reasons.append("%s: %s" % (ascii(where)[1:] if where else "(top)", what))

    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=store_fd)
    try:
        check_sealed(say, b"", os.fstat(top), 0o555, top)
        try:
            with open(open_file(MANIFEST, top), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise Wrong("is not an ordinary file")
                check_sealed(say, MANIFEST, status, 0o444, file.fileno())
                data = file.read()
            digest = b3(data)
            if digest != folder[:64].decode("ascii"):
                say(MANIFEST, "hashes to %s" % digest)
            manifest, nodes = read_manifest(data)
        except (Wrong, OSError) as error:
            say(MANIFEST, str(error))
            return reasons
        if store_path_name(manifest, folder[:64].decode("ascii")) != os.fsdecode(folder):
            say(MANIFEST, "has the name %r and version %r" % (manifest["name"], manifest["version"]))

        hasher, missing = Hasher(), set(nodes)

        def compare(path, expected, got):
            if got != expected:
                say(path, "its content hashes to %s, not %s" % (got, expected))

        for path, name, status, parent in walk(top):
            if path == MANIFEST:
                continue
            if path not in nodes:
                say(path, "is extra")
                continue
            missing.discard(path)
            node, kind = nodes[path], kind_of(status)
            if kind != node.kind:
                say(path, "is a %s, not a %s" % (kind, node.kind))
            elif kind == "symlink":
                check_sealed(say, path, status, None)
                target = os.readlink(name, dir_fd=parent)
                if target != node.target:
                    say(path, "its target is %r, not %r" % (target, node.target))
            else:
                flags = os.O_RDONLY | os.O_NOFOLLOW
                fd = os.open(name, flags, dir_fd=parent)
                check_sealed(say, path, status, node.mode, fd)
                if kind == "directory":
                    os.close(fd)
                    continue
                if status.st_size != node.size:
                    say(path, "its size is %d, not %d" % (status.st_size, node.size))
                hasher.add(fd, lambda got, path=path, node=node: compare(path, node.digest, got))
        hasher.flush()
        for path in sorted(missing):
            say(path, "is missing")
    finally:
        os.close(top)
    return reasons


def store_command(root):
    failed = agreed = 0
    try:
        with open(os.path.join(root, "layout.json"), "rb") as file:
            if json.loads(file.read().decode("utf-8")) != {"layout": 1}:  # L1
                raise ValueError("is not {\"layout\": 1}")
    except (OSError, ValueError) as error:
        print("layout.json: %s" % error)
        failed += 1
    store_fd = os.open(os.path.join(root, "store"), os.O_RDONLY | os.O_DIRECTORY)
    for folder in sorted(os.fsencode(n) for n in os.listdir(store_fd)):
        if not re.fullmatch(rb"[0-9a-f]{64}-.+", folder, re.DOTALL):  # L5
            if not folder.startswith(b"."):
                print("note: %s is no store path" % ascii(folder)[1:], file=sys.stderr)
            continue
        try:
            reasons = check_store_path(store_fd, folder)
        except OSError as error:
            reasons = [str(error)]
        if not reasons:
            agreed += 1
            continue
        failed += 1
        print(ascii(folder)[2:-1])
        for reason in reasons[:50]:
            print("    " + reason)
        if len(reasons) > 50:
            print("    ... and %d more" % (len(reasons) - 50))
    os.close(store_fd)
    print("%d store paths agree" % agreed + (", %d problems" % failed if failed else ""))
    return 1 if failed else 0


# --- `vectors` -----------------------------------------------------------------------------------


def node_bytes(value, name):
    """`path` or `path_hex` of a node in a vector."""
    if (name in value) == (name + "_hex" in value):
        raise Wrong("needs one of %s and %s_hex: %r" % (name, name, value))
    return value[name].encode("utf-8") if name in value else bytes.fromhex(value[name + "_hex"])


def vector_content(value):
    """An open file with the content that a vector describes, holes included; and its size."""
    file = tempfile.TemporaryFile()
    if "extents" in value:
        file.truncate(value["size"])
        for extent in value["extents"]:
            text = extent["text"].encode("utf-8")
            if extent["at"] + len(text) > value["size"]:
                raise Wrong("an extent ends after the file: %r" % value)
            file.seek(extent["at"])
            file.write(text)
    else:
        file.write(node_bytes(value, "content"))
    file.flush()
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return file, size


NODE_MEMBERS = {
    "directory": {"mode"},
    "file": {"mode", "content", "content_hex", "extents", "size"},
    "symlink": {"target", "target_hex"},
    "hardlink": {"target", "target_hex"},
}


def vector_nodes(tree, hasher):
    """The tree of a vector; digests are there once `hasher` was flushed."""
    nodes, links = {}, {}
    for value in tree:
        path, kind = node_bytes(value, "path"), value["type"]
        extra = set(value) - NODE_MEMBERS[kind] - {"path", "path_hex", "type"}
        if extra or path in nodes or path in links:
            raise Wrong("is there twice, or has strange members: %r" % value)
        check_declared(path)
        if kind == "hardlink":
            links[path] = node_bytes(value, "target")
            continue
        node = nodes[path] = Node(kind)
        if kind == "symlink":
            node.target = node_bytes(value, "target")
            continue
        if not re.fullmatch("[0-7]{4}", value["mode"]):
            raise Wrong("strange mode: %r" % value)
        node.mode = int(value["mode"], 8)
        if kind == "file":
            file, node.size = vector_content(value)
            if path == MANIFEST:
                node.head = file.read()
            hasher.add(os.dup(file.fileno()), lambda digest, node=node: setattr(node, "digest", digest))
            file.close()
    for path, target in links.items():
        if target not in nodes or nodes[target].kind != "file":
            raise Wrong("%r is a hard link to nothing" % path)
        nodes[path] = nodes[target]
    return nodes


def answer_of(given, nodes):
    """What `expect` must be."""
    try:
        manifest = manifest_of(
            given["name"], given["version"], given["platform"], given["layout"], given["artifacts"], nodes
        )
    except Refused as refused:
        return {"error": refused.kind}, str(refused)
    data = canonical(manifest)
    if not read_manifest(data)[1]:  # both halves of this program read the text alike
        raise Wrong("the manifest has no entries")
    return {"manifest": data.decode("utf-8"), "store_path": store_path_name(manifest, b3(data))}, ""


def lines_of(answer, why):
    """An answer, for a reader's eyes: an entry to a line."""
    if "error" in answer:
        return ["error: %s%s" % (answer["error"], " (%s)" % why if why else "")]
    text = answer.get("manifest", "(no manifest)").replace("},{", "},\n{").replace("[{", "[\n{")
    return [ascii(line)[1:-1] for line in text.split("\n")] + ["store path: %s" % answer.get("store_path")]


def check_vector(vector, rules=None):
    """The differences of one vector, as lines; none if it agrees."""
    if set(vector) != {"about", "cites", "input", "expect"} or not vector["about"]:
        return ["has the members %s" % ", ".join(sorted(vector))]
    wanted = {"name", "version", "platform", "layout", "artifacts", "tree"}
    if set(vector["input"]) != wanted:
        return ["its input has the members %s" % ", ".join(sorted(vector["input"]))]
    strange = [rule for rule in vector["cites"] if rules is not None and rule not in rules]
    if strange or not vector["cites"]:
        return ["cites no rule of the text: %s" % ", ".join(strange)]
    hasher = Hasher()
    try:
        nodes = vector_nodes(vector["input"]["tree"], hasher)
        hasher.flush()
        answer, why = answer_of(vector["input"], nodes)
    except Wrong as wrong:
        return ["cannot be worked out: %s" % wrong]
    if answer == vector["expect"]:
        return []
    old, new = lines_of(vector["expect"], ""), lines_of(answer, why)
    return list(difflib.unified_diff(old, new, "in the vector", "worked out here", lineterm="", n=1))


def rules_of_text(folder):
    """The rules M1, M2, ... of the README beside the vectors, or None if there is none."""
    try:
        with open(os.path.join(folder, "..", "README.md"), encoding="utf-8") as file:
            return set(re.findall(r"^- \*\*(M\d+)\*\*", file.read(), re.MULTILINE))
    except FileNotFoundError:
        return None


def vectors_command(folder):
    names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    rules, failed = rules_of_text(folder), 0
    for name in names:
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            vector = json.loads(text)
            difference = check_vector(vector, rules)
            if text != vector_text(vector):
                difference.append("is not laid out with two spaces, in ASCII, with a newline at the end")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            difference = ["cannot be read: %s: %s" % (type(error).__name__, error)]
        if difference:
            failed += 1
            print(name)
            print("\n".join("    " + line for line in difference))
    if not names:
        print("no vectors in %s" % folder)
        return 1
    print("%d vectors agree" % (len(names) - failed) + (", %d do not" % failed if failed else ""))
    return 1 if failed else 0


def vector_text(vector):
    """The text of a vector's file: ASCII, so that no editor can fold two names into one."""
    return json.dumps(vector, indent=2) + "\n"


# --- `selftest` ----------------------------------------------------------------------------------

EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"  # BLAKE3 of nothing


def refuses(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as error:
        return error
    raise AssertionError("%s accepted %r" % (call.__name__, arguments))


def selftest_json():
    assert b3(b"") == EMPTY
    # From the published test vectors: 0, 1, 2 of the repeating input 0..250.
    assert b3(b"\0\1\2") == "e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f"
    assert canonical("\"\\\b\t\n\f\r\0\x1f\x7f/\u2028\U0001f600") == (
        b'"\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f\x7f/\xe2\x80\xa8\xf0\x9f\x98\x80"'
    )
    assert canonical({"b": [1, True], "a": {}, "a-": LARGEST}) == b'{"a":{},"a-":9007199254740991,"b":[1,true]}'
    refuses(Wrong, canonical, 2**53)
    refuses(Wrong, canonical, -1)
    refuses(Wrong, canonical, None)
    for bad in (b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a": 1}', b'{"a":1}\n', b'{"a":1.0}', b'{"a":1e2}', b"[-0]",
                b'["\\/"]', b'["\\u0009"]', b'["\\u001F"]', b'["\\ud800"]', b'["\xff"]', b"\xef\xbb\xbf{}", b"[NaN]",
                b"[null]", b"[9007199254740992]"):  # fmt: skip
        refuses(Wrong, parse_canonical, bad)


def selftest_manifest():
    good = (
        '{"artifacts":{"kernel":"b"},"entries":[{"path":"a","type":"directory"},'
        '{"path":"a-b","type":"directory"},{"path":"a/c","target":"x","type":"symlink"},'
        '{"blake3":"%s","executable":false,"path":"b","size":0,"type":"file"},'
        '{"path_hex":"ff","type":"directory"}],"layout":"files","name":"n:o","platform":"linux/amd64",'
        '"schema":1,"version":"1.0.0"}' % EMPTY
    )
    nodes = {
        b"\xff": Node("directory"),
        b"b": Node("file", 0o755, 0, EMPTY),
        b"a-b": Node("directory"),
        b"a/c": Node("symlink", target=b"x"),
    }
    manifest = manifest_of("n:o", "1.0.0", "linux/amd64", "files", {"kernel": "b"}, nodes)
    assert canonical(manifest) == good.encode("utf-8")
    assert store_path_name(manifest, EMPTY) == EMPTY + "-n_o-1.0.0"
    read_manifest(good.encode("utf-8"))
    for old, new in [
        ('"schema":1', '"schema":2'),
        ('"schema":1', '"schema":true'),
        ('"layout":"files"', '"layout":"other"'),
        ('"layout":"files"', '"layout":"rootfs"'),
        ('"name":"n:o"', '"name":"n::o"'),
        ('"name":"n:o"', '"name":"N"'),
        ('"platform":"linux/amd64"', '"platform":"linux"'),
        ('"version":"1.0.0"', '"version":""'),
        ('"executable":false', '"executable":true'),
        ('"executable":false', '"executable":0'),
        ('"executable":false', '"executable":false,"mode":1'),
        ('"size":0', '"size":9007199254740992'),
        ('"size":0', '"size":false'),
        ('"size":0,', ""),
        (EMPTY, EMPTY.upper()),
        ('"path":"a-b"', '"path":"a/d"'),
        ('"path":"a-b"', '"path":"a"'),
        ('"path":"a-b"', '"path":"a/"'),
        ('"path":"a/c"', '"path":"a/.."'),
        ('"path":"a/c"', '"path":"a/.wh.c"'),
        ('"path":"a/c"', '"path":"aa/c"'),
        ('"path":"a/c"', '"path":"a/%s"' % ("c" * 256)),
        ('"path":"b"', '"path":"environment.json"'),
        ('"target":"x"', '"target":""'),
        ('"target":"x"', '"target":"%s"' % ("x" * 4096)),
        ('"path_hex":"ff"', '"path_hex":"FF"'),
        ('"path_hex":"ff"', '"path_hex":"7a"'),
        ('"kernel":"b"', '"kernel":"a"'),
        ('"kernel":"b"', '"kernel":"z"'),
        ('"kernel":"b"', '"Kernel":"b"'),
        ('"kernel":"b"', '"modules":"b"'),
    ]:
        assert good.count(old), old
        refuses(Wrong, read_manifest, good.replace(old, new).encode("utf-8"))
    huge = {b"a": Node("file", 0o644, 2**53, EMPTY)}
    assert refuses(Refused, manifest_of, "n", "1", "a/b", "files", {}, huge).kind == "integrity"
    both = {b"x/k": Node("file"), b"y/k": Node("file")}
    wanted = {"initrd": "missing", "kernel": "k"}
    assert refuses(Refused, manifest_of, "n", "1", "a/b", "files", wanted, both).kind == "integrity"  # M30


def selftest_vectors():
    vector = {
        "about": "an empty file",
        "cites": ["M7"],
        "input": {"name": "n", "version": "1", "platform": "linux/amd64", "layout": "files", "artifacts": {},
                  "tree": [{"path": "a", "type": "file", "mode": "0644", "content": ""}]},
        "expect": {"manifest": '{"artifacts":{},"entries":[{"blake3":"%s","executable":false,"path":"a","size":0,'
                   '"type":"file"}],"layout":"files","name":"n","platform":"linux/amd64","schema":1,"version":"1"}' % EMPTY},
    }  # fmt: skip
    vector["expect"]["store_path"] = b3(vector["expect"]["manifest"].encode("ascii")) + "-n-1"
    assert check_vector(vector, {"M7"}) == []

    def damaged(change):
        copy = json.loads(json.dumps(vector))
        change(copy)
        assert check_vector(copy, {"M7"}), "a damaged vector went unnoticed"

    damaged(lambda v: v["input"]["tree"][0].update(content="x"))
    damaged(lambda v: v["input"]["tree"][0].update(mode="0755"))
    damaged(lambda v: v["input"]["tree"][0].update(path="b"))
    damaged(lambda v: v["input"]["tree"][0].update(conent=""))
    damaged(lambda v: v["input"]["tree"].append({"path": "d", "type": "directory", "mode": "0755"}))
    damaged(lambda v: v["input"].update(layout="rootfs"))
    damaged(lambda v: v["expect"].update(manifest=v["expect"]["manifest"] + "\n"))
    damaged(lambda v: v["expect"].update(store_path="0" + v["expect"]["store_path"][1:]))
    damaged(lambda v: v.update(expect={"error": "integrity"}))
    damaged(lambda v: v.update(cites=["M99"]))
    with tempfile.TemporaryDirectory() as folder:
        assert quiet(vectors_command, folder) == 1  # no vectors is no agreement
        for content, code in [(vector, 0), (dict(vector, expect={"error": "unusable"}), 1)]:
            with open(os.path.join(folder, "v.json"), "w", encoding="ascii") as file:
                file.write(vector_text(content))
            assert quiet(vectors_command, folder) == code


def quiet(command, *arguments):
    """The exit code of a command whose output nobody needs."""
    out, sys.stdout = sys.stdout, open(os.devnull, "w")
    try:
        return command(*arguments)
    finally:
        sys.stdout.close()
        sys.stdout = out


def seal(folder):
    for path, folders, files in os.walk(folder, topdown=False):
        for one in [os.path.join(path, name) for name in folders + files] + [path]:
            if not os.path.islink(one):
                os.chmod(one, 0o555 if os.stat(one).st_mode & 0o100 else 0o444)
            os.utime(one, (1, 1), follow_symlinks=False)


def unseal(folder):
    for path, _, _ in os.walk(folder):
        os.chmod(path, 0o755)


def write(path, data, mode=0o644):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def selftest_store():
    """Builds a store by hand, then breaks it in each way that the text knows."""
    with tempfile.TemporaryDirectory() as root:
        source, raw = root + "/source", os.fsencode(root)
        os.makedirs(source + "/d/empty")
        write(raw + b"/source/d/new\nline\xff", b"odd")
        write(source + "/tool", b"#!", 0o4755)
        os.symlink(b"to\xff/", raw + b"/source/link")
        nodes = folder_nodes(source)
        assert sorted(nodes) == [b"d", b"d/empty", b"d/new\nline\xff", b"link", b"tool"]
        data = canonical(manifest_of("n", "1", "linux/amd64", "files", {}, nodes))
        os.utime(source + "/tool", (5, 5))  # M6
        assert data == canonical(manifest_of("n", "1", "linux/amd64", "files", {}, folder_nodes(source)))
        os.mkfifo(source + "/fifo")  # M22
        nodes = folder_nodes(source)
        assert refuses(Refused, manifest_of, "n", "1", "a/b", "files", {}, nodes).kind == "integrity"
        entries = manifest_of("n", "1", "a/b", "rootfs", {}, nodes)["entries"]
        assert len(entries) == 6 and entries[0] == {"path": "rootfs", "type": "directory"}
        os.unlink(source + "/fifo")

        os.mkdir(root + "/store")
        write(root + "/layout.json", b'{"layout": 1}\n')
        path = "%s/store/%s-n-1" % (root, b3(data))
        os.rename(source, path)
        write(path + "/environment.json", data)
        seal(path)
        assert quiet(store_command, root) == 0

        def content(name, data, mode=0o644):
            os.unlink(os.path.join(path, name))
            write(os.path.join(path, name), data, mode)

        def link(target):
            os.unlink(path + "/link")
            os.symlink(target, raw + path[len(root) :].encode("ascii") + b"/link")

        faults = [  # what breaks the content, and what mends it
            (lambda: content("tool", b"#?", 0o755), lambda: content("tool", b"#!", 0o755)),
            (lambda: content("tool", b"#!x", 0o755), lambda: content("tool", b"#!", 0o755)),
            (lambda: content("tool", b"#!", 0o644), lambda: content("tool", b"#!", 0o755)),
            (lambda: content("link", b"to"), lambda: link(b"to\xff/")),
            (lambda: link(b"to\xff"), lambda: link(b"to\xff/")),
            (lambda: os.mkdir(path + "/d/extra"), lambda: os.rmdir(path + "/d/extra")),
            (lambda: os.rmdir(path + "/d/empty"), lambda: os.mkdir(path + "/d/empty")),
            (lambda: content(MANIFEST.decode(), data + b"\n"), lambda: content(MANIFEST.decode(), data)),
            (lambda: os.unlink(path + "/environment.json"), lambda: write(path + "/environment.json", data)),
        ]
        for number, (break_it, mend) in enumerate(faults):
            for change, code in ((break_it, 1), (mend, 0)):
                unseal(path)
                change()
                seal(path)
                assert quiet(store_command, root) == code, "fault %d, expected %d" % (number, code)
        unsealing = [
            lambda: os.utime(path + "/link", (1, 2), follow_symlinks=False),
            lambda: os.utime(path, ns=(SEALED_NS, SEALED_NS + 1)),
            lambda: os.utime(path + "/environment.json", (1, 2)),
            lambda: os.chmod(path + "/tool", 0o755),
            lambda: os.chmod(path + "/environment.json", 0o555),
            lambda: os.chmod(path, 0o755),
        ]
        for number, change in enumerate(unsealing):
            change()
            assert quiet(store_command, root) == 1, "unsealing %d went unnoticed" % number
            os.chmod(path + "/environment.json", 0o444)
            seal(path)
            assert quiet(store_command, root) == 0
        os.rename(path, path[:-1] + "2")  # the name of another version
        assert quiet(store_command, root) == 1
        os.rename(path[:-1] + "2", path)
        write(root + "/layout.json", b'{"layout": 2}\n')
        assert quiet(store_command, root) == 1
        unseal(path)


def selftest_command():
    for test in (selftest_json, selftest_manifest, selftest_vectors, selftest_store):
        test()
    print("selftest passed")
    return 0


# --- the command line ----------------------------------------------------------------------------


def tree_command(options):
    artifacts = {}
    for text in options.artifact:
        role, equals, path = text.partition("=")
        if not equals or role in artifacts:
            raise SystemExit("--artifact %s: want ROLE=PATH, each role once" % text)
        artifacts[role] = path
    try:
        nodes = folder_nodes(options.dir)
        manifest = manifest_of(options.name, options.version, options.platform, options.layout, artifacts, nodes)
    except (Refused, Wrong) as error:
        print("%s: %s" % (getattr(error, "kind", "wrong"), error), file=sys.stderr)
        return 1
    data = canonical(manifest)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    print("\n%s" % store_path_name(manifest, b3(data)), file=sys.stderr)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("vectors").add_argument("dir")
    commands.add_parser("store").add_argument("root")
    tree = commands.add_parser("tree")
    tree.add_argument("dir")
    for option in ("--name", "--version", "--platform"):
        tree.add_argument(option, required=True)
    tree.add_argument("--layout", default="files", choices=["files", "rootfs"])
    tree.add_argument("--artifact", action="append", default=[], metavar="ROLE=PATH")
    commands.add_parser("selftest")
    options = parser.parse_args()
    # A tree of a thousand levels is walked with a call and a descriptor for each.
    sys.setrecursionlimit(20_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    if options.command == "vectors":
        return vectors_command(options.dir)
    if options.command == "store":
        return store_command(options.root)
    if options.command == "tree":
        return tree_command(options)
    return selftest_command()


if __name__ == "__main__":
    sys.exit(main())
