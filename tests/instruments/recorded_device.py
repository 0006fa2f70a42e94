#!/usr/bin/env python3
"""A block device that records every write and every flush, so that power failures can be played back.

One image is served as a file over /dev/fuse, by the kernel's own protocol and without a library, and attached to a loop
device. The loop driver turns each write into a write of that file, and each flush or forced write into an fsync of it.
So the log holds just what a disk is told, in order, and every state is at hand that a power failure may leave: all that
was written before the last flush, and any part of what came after it. What was not synced is truly gone.

    recorded_device.py FOLDER BYTES      makes the device, with its files in FOLDER, and prints its name

Then it obeys lines on its standard input, and answers each with one line that begins with `ok` or `error`:

    record                               begin the log: what the image holds now is what was there before
    position                             how many entries the log has
    flushes                              the positions of all flushes
    state POSITION KIND SEED FILE        write to FILE what a power failure just before entry POSITION leaves of what
                                         came after the last flush: `none` of it, `all`, or by SEED a random `half`
    spoil [HEX]                          from now on a write with these bytes in it fails with EIO; or none does
    spoiled                              how many writes failed
    idle                                 nothing; an answer says that the device is served

At the end of its input it unmounts the device, and its states, wherever they are mounted, takes it apart and ends.
Needs root.
"""

import ctypes
import errno
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading

# Requests of the FUSE protocol that a file on its own meets.
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE = 1, 2, 3, 4, 14, 15, 16, 17, 18
FSYNC, FLUSH, INIT, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET, FALLOCATE = 20, 25, 26, 34, 36, 38, 42, 43

LARGEST = 128 * 1024  # of one read or write
PIECE = 4096  # what a disk writes whole, or not at all
ROOT_NODE = 1


class Device:
    """The image, the file it is served as, the loop device on that, and the log."""

    def __init__(self, folder, size):
        self.size = size
        self.image = os.path.join(folder, "image")
        self.base = os.path.join(folder, "base")
        self.served = os.path.join(folder, "served")
        self.log = []  # (offset, bytes) of a write, None for a flush
        self.recording = False
        self.spoils = None
        self.spoiled = 0
        self.states = set()
        self.rebuilt = None  # of the last state: the image of a prefix of the log, and its length
        # Stays open to the end: a late write must never reach another file under a number used again.
        self.file = os.open(self.image, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.ftruncate(self.file, size)
        os.close(os.open(self.served, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self.channel = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        mount(self.served, "fd=%d,rootmode=100000,user_id=0,group_id=0,max_read=%d" % (self.channel, LARGEST))
        threading.Thread(target=self.serve, daemon=True).start()
        self.name = output("losetup", "--show", "--find", self.served)

    # --- serving ---------------------------------------------------------------------------------

    def serve(self):
        """Answers the kernel, one request at a time, until the file is unmounted."""
        while True:
            try:
                request = os.read(self.channel, LARGEST + 65536)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return
            length, kind, unique = struct.unpack_from("<IIQ", request)
            if kind == DESTROY:
                return
            if kind in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            try:
                answer, failure = self.answer(kind, request[40:length]), 0
            except OSError as error:
                answer, failure = b"", error.errno
            try:
                os.write(self.channel, struct.pack("<IiQ", 16 + len(answer), -failure, unique) + answer)
            except OSError:
                pass  # whoever asked has gone

    def answer(self, kind, body):
        """The body of the answer to one request."""
        if kind == INIT:
            flags = 1 << 0 | 1 << 5 | 1 << 22  # several reads at once, big writes, as long as max_pages says
            pages = LARGEST // 4096
            return struct.pack("<IIIIHHIIHH32x", 7, 31, LARGEST, flags, 16, 12, LARGEST, 1, pages, 0)
        if kind in (GETATTR, SETATTR):
            blocks, mode, links, block_size = self.size // 512, 0o100600, 1, 4096
            valid_for = struct.pack("<Q8x", 1)
            times = bytes(3 * 8 + 3 * 4)
            what = struct.pack("<3Q", ROOT_NODE, self.size, blocks)
            return valid_for + what + times + struct.pack("<7I", mode, links, 0, 0, 0, block_size, 0)
        if kind == OPEN:
            return struct.pack("<QII", 1, 1, 0)  # past the page cache: each write of the loop driver comes here
        if kind == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return os.pread(self.file, size, offset)
        if kind == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            return struct.pack("<II", self.write(offset, body[40 : 40 + size]), 0)
        if kind == FSYNC:
            if self.recording:
                self.log.append(None)
            return b""
        if kind in (FLUSH, RELEASE, ACCESS):
            return b""
        if kind == STATFS:
            return struct.pack("<5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 10, 10, 4096, 255, 4096, 0)
        raise OSError(errno.EOPNOTSUPP if kind == FALLOCATE else errno.ENOSYS, "")

    def write(self, offset, data):
        if self.spoils is not None and self.spoils in data:
            self.spoiled += 1
            raise OSError(errno.EIO, "")
        os.pwrite(self.file, data, offset)
        if self.recording:
            self.log.append((offset, bytes(data)))
        return len(data)

    # --- what can be asked -----------------------------------------------------------------------

    def record(self):
        copy(self.image, self.base)
        self.log, self.recording = [], True
        return ""

    def position(self):
        return str(len(self.log))

    def flushes(self):
        return " ".join(str(at) for at, entry in enumerate(self.log) if entry is None)

    def state(self, position, kind, seed, file):
        position, chance = int(position), random.Random(int(seed))
        durable = max((at for at in range(position) if self.log[at] is None), default=0)
        self.states.add(file)
        copy(self.up_to(durable), file)
        image = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        for offset, data in filter(None, self.log[durable:position]):
            for start in range(0, len(data), PIECE):
                if kind == "all" or (kind == "half" and chance.random() < 0.5):
                    os.pwrite(image, data[start : start + PIECE], offset + start)
        os.close(image)
        return ""

    def up_to(self, end):
        """The image with the first `end` entries of the log, made out of the last one that was asked for if it can."""
        image, done = self.rebuilt or (None, None)
        if image is None or done > end:
            image, done = self.base + ".rebuilt", 0
            copy(self.base, image)
        file = os.open(image, os.O_WRONLY | os.O_CLOEXEC)
        for offset, data in filter(None, self.log[done:end]):
            os.pwrite(file, data, offset)
        os.close(file)
        self.rebuilt = image, end
        return image

    def spoil(self, text=""):
        self.spoils = bytes.fromhex(text) or None
        return ""

    def count_spoiled(self):
        return str(self.spoiled)

    def take_apart(self):
        """Unmounts and detaches; the file is served meanwhile, since a file system writes when it goes."""
        devices = {self.name}
        for state in self.states:
            devices.update(output("losetup", "--noheadings", "--output", "NAME", "--associated", state).split())
        for line in open("/proc/self/mounts").read().splitlines():
            source, place = line.split(" ")[:2]
            if source in devices:
                place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place)
                # Lazily where somebody still uses it: it goes with him.
                if subprocess.run(["umount", place], check=False).returncode != 0:
                    subprocess.run(["umount", "--lazy", place], check=False)
        subprocess.run(["losetup", "--detach", self.name], check=False)
        subprocess.run(["umount", "--lazy", self.served], check=False)


def mount(place, options):
    """Mounts a FUSE file: mount(8) would ask for a helper of the file system's name."""
    libc = ctypes.CDLL(None, use_errno=True)
    no_suid_no_devices = 2 | 4
    if libc.mount(b"recorded", os.fsencode(place), b"fuse", no_suid_no_devices, options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def copy(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


def main():
    folder, size = sys.argv[1:]
    # Who stops a whole group of processes ends the input too, and the device is taken apart then.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    device = Device(folder, int(size))
    commands = {
        "record": device.record,
        "position": device.position,
        "flushes": device.flushes,
        "state": device.state,
        "spoil": device.spoil,
        "spoiled": device.count_spoiled,
        "idle": lambda: "",
    }
    print(device.name, flush=True)
    try:
        for line in sys.stdin:
            word, *rest = line.rstrip("\n").split(" ")
            try:
                answer = "ok " + commands[word](*rest)
            except Exception as error:  # whatever it was: the one who asked stops, with this text
                answer = "error %s: %r" % (word, error)
            print(answer.strip(), flush=True)
    finally:
        device.take_apart()


if __name__ == "__main__":
    main()
