#!/usr/bin/env python3
"""Measures what `pyro run` adds to a virtual machine: processor time of a boot beside the bare QEMU, memory, bytes written.

    cargo build --release && examples/machines/build.sh busybox
    python3 benches/boot-cpu.py [--pyro target/release/pyro] [--file examples/machines/envs.toml] [--runs 9]
                                [--folder DIR] [ENV]

The bare QEMU is started with the words that pyro gave it, the same kernel and image, and the bytes of the initrd that pyro
made, all taken from a machine that runs. What pyro does then is done by this script (docs/run-protocol.md): it waits for
the agent's hello, has it start `true`, waits for its exit, and kills QEMU. The two run in turn. CPU is user and system time,
for pyro that of itself and of its QEMU, for the other that of QEMU alone. The engine is QEMU without KVM. The store stands in
a temporary folder below --folder, which should be on a disk, not in memory: else no bytes that are written would count.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HELLO, EXEC, EXIT = 1, 2, 13
MIB = 1 << 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pyro", default="target/release/pyro")
    parser.add_argument("--file", default="examples/machines/envs.toml")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--folder")
    parser.add_argument("environment", metavar="ENV", nargs="?", default="busybox")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pyro-bench-", dir=options.folder) as folder:
        work = pathlib.Path(folder)
        bench = Bench(work, options)
        try:
            bench.boot()  # brings the environment in
            size, memory, written = bench.much_output(100)
            qemu = bench.qemu()
            seen = {"pyro": [], "QEMU": []}
            for _ in range(options.runs):
                seen["pyro"].append(bench.boot())
                seen["QEMU"].append(qemu.boot())
        finally:
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)
    print(f"\n### A boot of `{options.environment}`, and `true` in it, {options.runs} runs in turn\n")
    print("| contender | wall s | CPU s | of that its own |\n|---|---|---|---|")
    for name, runs in seen.items():
        wall, cpu, own = (statistics.median(column) for column in zip(*runs))
        print(f"| {name} | {wall:.3f} | {cpu:.3f} | {own:.2f} |")
    ratios = sorted(ours[1] / bare[1] for ours, bare in zip(seen["pyro"], seen["QEMU"]))
    print(f"\nCPU of pyro to CPU of QEMU, run by run: median {statistics.median(ratios):.3f}, "
          f"from {ratios[0]:.3f} to {ratios[-1]:.3f}")
    print(f"\n{size / MIB:.0f} MiB of output: pyro held {memory} KiB at most; "
          f"pyro wrote {written[0]} bytes to disks, its QEMU {written[1]}")


class Bench:
    """A store with the environment in it, and pyro that runs there."""

    def __init__(self, work, options):
        self.work = work
        self.words = [str(pathlib.Path(options.pyro).resolve()), "--store", str(work / "store"), "-q", "run",
                      "--file", options.file, "--engine", "qemu-tcg", options.environment, "--"]
        self.environment = {**os.environ, "HOME": str(work), "CI": "true"}

    def start(self, *command):
        return subprocess.Popen([*self.words, *command], env=self.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def boot(self):
        """Wall and CPU seconds of one run, and the CPU seconds of pyro itself."""
        start = time.perf_counter()
        run = subprocess.Popen([*self.words, "true"], env=self.environment, stdin=subprocess.DEVNULL)
        return ended(run, start, "pyro")

    def qemu(self):
        """QEMU as pyro starts it."""
        run = self.start("sh", "-c", "echo ready; read end")
        expect(run.stdout.readline(), b"ready\n")
        machine = child_of(run.pid)
        words = pathlib.Path(f"/proc/{machine}/cmdline").read_bytes().decode().split("\0")[:-1]
        files = {}  # pyro has them open under the same numbers
        for option in ("kernel", "initrd"):
            number = words[words.index(f"-{option}") + 1].rsplit("/", 1)[1]
            files[option] = self.kept(run.pid, number, option)
        number = re.search(r"fd=(\d+)", words[words.index("-add-fd") + 1])[1]
        files["image"] = self.kept(run.pid, number, "image")
        finish(run)
        return Qemu(words, files)

    def kept(self, process, number, name):
        """What a process has open under that number, as it is on disk, or as a copy of what is only in memory."""
        place = pathlib.Path(f"/proc/{process}/fd/{number}")
        target = pathlib.Path(os.readlink(place))
        if target.exists():
            return target
        copy = self.work / name
        with open(place, "rb") as source, open(copy, "wb") as sink:
            shutil.copyfileobj(source, sink)
        return copy

    def much_output(self, mebibytes):
        """How much came, the most memory that pyro had, in KiB, and what it and QEMU wrote to disks."""
        run = self.start("sh", "-c", f"dd if=/dev/zero bs=1M count={mebibytes} 2>/dev/null; echo all >&2; read end")
        size = 0
        while size < mebibytes * MIB:
            size += len(run.stdout.read(MIB)) or sys.exit("the output ended too soon")
        expect(run.stderr.readline(), b"all\n")
        processes = (run.pid, child_of(run.pid))
        status = pathlib.Path(f"/proc/{run.pid}/status").read_text()
        memory = int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])
        written = [int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{process}/io").read_text(), re.M)[1])
                   for process in processes]
        finish(run)
        return size, memory, written


class Qemu:
    """The bare program with the words of pyro, and this script in pyro's place."""

    def __init__(self, words, files):
        self.words, self.files = words, files

    def boot(self):
        """The same from its start to the end of a command."""
        start = time.perf_counter()
        opened = {name: os.open(path, os.O_RDONLY) for name, path in self.files.items()}
        agent, port = socket.socketpair()
        console, speaker = socket.socketpair()
        numbers = {**opened, "agent": port.fileno(), "console": speaker.fileno()}
        machine = subprocess.Popen(self.words_with(numbers), pass_fds=list(numbers.values()), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        for number in opened.values():
            os.close(number)
        port.close()
        speaker.close()
        threading.Thread(target=hear, args=(console,), daemon=True).start()
        run_true(agent)
        machine.kill()
        figures = ended(machine, start, "QEMU", -signal.SIGKILL)
        agent.close()
        return figures

    def words_with(self, numbers):
        """The words with the numbers of our own descriptors."""
        before, words = "", []
        for word in self.words:
            if before in ("-kernel", "-initrd"):
                word = f"/proc/self/fd/{numbers[before[1:]]}"
            elif before == "-add-fd":
                word = re.sub(r"\bfd=\d+", f"fd={numbers['image']}", word)
            elif before == "-chardev":
                name = re.search(r"\bid=(\w+)", word)[1]
                word = re.sub(r"\bfd=\d+", f"fd={numbers[name]}", word)
            words.append(word)
            before = word
        return words


def run_true(agent):
    """The host's side of the protocol."""
    expect(frame(agent), (HELLO, b"pyro" + struct.pack("<I", 1)))
    text = lambda data: struct.pack("<I", len(data)) + data
    payload = struct.pack("<IIBHH", 0, 0, 0, 0, 0) + text(b"/")
    payload += struct.pack("<I", 1) + text(b"true")
    payload += struct.pack("<I", 1) + text(b"PATH") + text(b"/usr/sbin:/usr/bin:/sbin:/bin")
    agent.sendall(struct.pack("<BI", EXEC, len(payload)) + payload)
    while True:
        kind, payload = frame(agent)
        if kind == EXIT:
            return expect(payload, b"\0\0")


def frame(agent):
    kind, length = struct.unpack("<BI", exactly(agent, 5))
    return kind, exactly(agent, length)


def exactly(agent, count):
    data = agent.recv(count, socket.MSG_WAITALL) if count else b""
    if len(data) < count:
        sys.exit("the machine went away")
    return data


def hear(console):
    """What the machine says is read, as pyro does, and left."""
    while console.recv(4096):
        pass


def ended(process, start, name, expected=0):
    """Waits for its end: wall seconds since `start`, CPU seconds of it with all that it waited for, and without."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    own = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        sys.exit(f"{name} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, own


def finish(run):
    run.stdin.close()
    expect(run.wait(), 1)  # of `read`, at the end of its input


def child_of(process):
    """The one child of a process, whichever thread made it."""
    threads = pathlib.Path(f"/proc/{process}/task").iterdir()
    children = [child for thread in threads for child in (thread / "children").read_text().split()]
    expect(len(children), 1)
    return int(children[0])


def expect(found, wanted):
    if found != wanted:
        sys.exit(f"{found!r} instead of {wanted!r}")


if __name__ == "__main__":
    main()
