"""Processes that a test has started, seen from outside; the rights of this one."""

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chaos import pace

CAN_BE_ANYBODY = bool(os.geteuid()) or bool(Path("/").stat().st_mode & stat.S_IXUSR)
"""Whether one may go through the root of this machine without root's rights."""


def children() -> set[int]:
    """The processes that this one has started and that still run."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found.update(map(int, (task / "children").read_text().split()))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def signal_thread(pid: int, number: int, rank: int) -> None:
    """Send a signal to one thread of a process, the main one first."""
    threads = sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
    assert ctypes.CDLL(None).tgkill(pid, threads[rank], number) == 0


def is_gone(pid: int) -> bool:
    """Whether a process ends soon."""
    return pace.becomes_true(lambda: not is_alive(pid), seconds=60)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


@contextmanager
def as_anybody() -> Iterator[None]:
    """Without root's right to read and write everything, in this thread."""
    if os.geteuid():
        yield
        return
    libc, header = ctypes.CDLL(None), _Header(0x20080522, 0)
    kept, less = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    for data in (kept, less):
        assert libc.capget(ctypes.byref(header), data) == 0
    less[0] &= ~(0b110 if CAN_BE_ANYBODY else 0b010)
    assert libc.capset(ctypes.byref(header), less) == 0
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), kept) == 0


def give_up_rights() -> None:
    """The same for good, in this process: access(2) asks what it might take back."""
    if os.geteuid():
        return
    libc, header, data = ctypes.CDLL(None), _Header(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(ctypes.byref(header), data) == 0
    for rank in (0, 1):  # the effective ones, the permitted ones
        data[rank] &= ~0b010
    assert libc.capset(ctypes.byref(header), data) == 0
