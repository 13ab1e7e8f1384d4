"""A mount with the rules of a Space's bucket, served through /dev/fuse: only root can have one.

A file is written once, from its start to its end, and is there when it is closed. Nothing is renamed, changed
or locked. With ``keep`` nothing is deleted either. The files lie in a folder of the disk.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOKUP, FORGET, GETATTR, SETATTR, MKDIR, UNLINK = 1, 2, 3, 4, 9, 10
OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = 14, 15, 16, 17, 18, 20, 25, 26
OPENDIR, READDIR, RELEASEDIR, CREATE, INTERRUPT, BATCH_FORGET = 27, 28, 29, 35, 36, 42
FORBIDDEN = {6, 8, 11, 12, 13, 45}
"""Links, nodes, renames, and to remove folders."""
SIZE_IS_SET = 1 << 3
DETACH = 2


def can_mount() -> bool:
    """Whether this machine lets us mount something."""
    return sys.platform == "linux" and os.geteuid() == 0 and os.access("/dev/fuse", os.R_OK | os.W_OK)


@contextmanager
def bucket_mount(files: Path, mount: Path, *rules: str) -> Iterator[Path]:
    """Mounts a bucket whose files lie in a folder, and unmounts it again."""
    files.mkdir(parents=True, exist_ok=True)
    mount.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, str(files), str(mount), *rules]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert serving.stdout is not None
    try:
        assert serving.stdout.readline() == b"mounted\n"
        yield mount
    finally:
        ctypes.CDLL(None).umount2(os.fsencode(mount), DETACH)
        serving.kill()
        serving.communicate()


class Bucket:
    def __init__(self, device: int, files: Path, keeps: bool) -> None:
        self._device, self._files, self._keeps = device, files, keeps
        self._paths = {1: files}
        self._writing: dict[int, bytearray] = {}
        self._next = 2
        self._handle = 0

    def serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, 1 << 21)
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                continue
            length, operation, unique, node, *_ = struct.unpack_from("=IIQQIIII", request)
            if operation in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            try:
                answer, failed = self._answer(operation, node, request[40:length]), 0
            except OSError as error:
                answer, failed = b"", -(error.errno or errno.EIO)
            os.write(self._device, struct.pack("=IiQ", 16 + len(answer), failed, unique) + answer)

    def _answer(self, operation: int, node: int, body: bytes) -> bytes:
        path = self._paths.get(node, self._files)
        if operation == INIT:
            most = 1 << 17
            return struct.pack("=IIIIHHIIHHI7I", 7, 31, most, 0, 16, 12, most, 1, 0, 0, 0, *[0] * 7)
        if operation == LOOKUP:
            return self._entry(path / _name(body))
        if operation in (GETATTR, SETATTR):
            if operation == SETATTR and struct.unpack_from("=I", body)[0] & SIZE_IS_SET:
                raise OSError(errno.EPERM, "a file cannot be cut")
            return struct.pack("=QII", 0, 0, 0) + self._attributes(node)
        if operation == MKDIR:
            (path / _name(body[8:])).mkdir()
            return self._entry(path / _name(body[8:]))
        if operation == UNLINK:
            if self._keeps:
                raise OSError(errno.EPERM, "nothing can be deleted")
            (path / _name(body)).unlink()
            return b""
        if operation == CREATE:
            new = path / _name(body[16:])
            new.touch(exist_ok=False)
            entry = self._entry(new)
            self._handle += 1
            self._writing[self._handle] = bytearray()
            return entry + struct.pack("=QII", self._handle, 0, 0)
        if operation in (OPEN, OPENDIR):
            if struct.unpack_from("=I", body)[0] & (os.O_WRONLY | os.O_RDWR):
                raise OSError(errno.EPERM, "a file is written once")
            return struct.pack("=QII", 0, 0, 0)
        if operation == READ:
            _, offset, size = struct.unpack_from("=QQI", body)
            return path.read_bytes()[offset : offset + size]
        if operation == WRITE:
            handle, offset, size = struct.unpack_from("=QQI", body)
            if offset != len(self._writing[handle]):
                raise OSError(errno.EINVAL, "a file is written from its start to its end")
            self._writing[handle] += body[40 : 40 + size]
            return struct.pack("=II", size, 0)
        if operation == FLUSH:
            if (written := self._writing.get(struct.unpack_from("=Q", body)[0])) is not None:
                path.write_bytes(written)
            return b""
        if operation == READDIR:
            return self._list(path, *struct.unpack_from("=QQI", body)[1:])
        if operation == RELEASE:
            self._writing.pop(struct.unpack_from("=Q", body)[0], None)
            return b""
        if operation == STATFS:
            return struct.pack("=QQQQQIIII6I", *[1 << 20] * 5, 4096, 255, 4096, 0, *[0] * 6)
        if operation in (RELEASEDIR, FSYNC):
            return b""
        raise OSError(errno.EPERM if operation in FORBIDDEN else errno.ENOSYS, "not in a bucket")

    def _entry(self, path: Path) -> bytes:
        path.stat()
        node = next((node for node, known in self._paths.items() if known == path), self._next)
        self._next += node == self._next
        self._paths[node] = path
        return struct.pack("=QQQQII", node, 0, 0, 0, 0, 0) + self._attributes(node)

    def _attributes(self, node: int) -> bytes:
        about = self._paths[node].stat()
        kind = stat.S_IFDIR | 0o777 if stat.S_ISDIR(about.st_mode) else stat.S_IFREG | 0o666
        times = [int(about.st_mtime)] * 3
        return struct.pack("=6Q10I", node, about.st_size, 8, *times, 0, 0, 0, kind, 1, 0, 0, 0, 4096, 0)

    def _list(self, path: Path, offset: int, most: int) -> bytes:
        listed = b""
        for place, name in enumerate(sorted(os.listdir(path)), 1):
            if place > offset:
                encoded = os.fsencode(name)
                entry = struct.pack("=QQII", place + 1000, place, len(encoded), 0) + encoded
                entry += b"\0" * (-len(entry) % 8)
                if len(listed) + len(entry) > most:
                    break
                listed += entry
        return listed


def _name(body: bytes) -> str:
    return os.fsdecode(body.partition(b"\0")[0])


def main(files: str, mount: str, *rules: str) -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(1, signal.SIGKILL)  # ends with the process that started it
    if libc.mount(b"bucket", os.fsencode(mount), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), "the bucket cannot be mounted")
    print("mounted", flush=True)
    Bucket(device, Path(files), "keep" in rules).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
