"""A reader that fails as its document says: the last frame, or the name of the file it holds."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from worker.isolation.frames import read_frame, write_frame
from worker.validation import Report, RuleSet
from worker.validation.official.answers import encode_answer


def prepare(*arguments: str) -> Callable[[BinaryIO, BinaryIO], None]:
    """With arguments it is asked as official validation is: by two frames, again and again."""
    # What a killed process would leave behind.
    Path(tempfile.mkdtemp(), "left").write_bytes(b"x")

    def serve(source: BinaryIO, target: BinaryIO) -> None:
        while True:
            frames = [read_frame(source) for _ in range(2 if arguments else 1)]
            if frames[-1] is None:
                return
            if fault := FAULTS.get(Path(os.fsdecode(frames[-1])).stem):
                fault(target)
            rule_set = RuleSet(name="fake", version="1", sha256="0")
            write_frame(target, encode_answer(Report(rule_set=rule_set, valid=True)))

    return serve


def _memory(_target: BinaryIO) -> None:
    bytearray(10**11)


def _abort(_target: BinaryIO) -> None:
    """As a library in Rust ends for lack of memory."""
    sys.stderr.write("memory allocation of 9 bytes failed\n")
    sys.stderr.flush()
    os.abort()


def _spin(_target: BinaryIO) -> None:
    while True:
        pass


def _sleep(_target: BinaryIO) -> None:
    signal.pause()


def _crash(_target: BinaryIO) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _exit(_target: BinaryIO) -> None:
    os._exit(3)


def _killed(_target: BinaryIO) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _words(target: BinaryIO) -> None:
    write_frame(target, b"\xff no answer")


def _shape(target: BinaryIO) -> None:
    write_frame(target, b'{"report": [["rows"], 1]}')


def _nested(target: BinaryIO) -> None:
    write_frame(target, b"[" * 100_000)


def _endless(target: BinaryIO) -> None:
    target.write(b"\xff" * 10_000)
    target.flush()
    signal.pause()


def _cut(target: BinaryIO) -> None:
    target.write(b"\x00\x00\x00\x09half")
    target.flush()
    os._exit(0)


FAULTS: dict[str, Callable[[BinaryIO], None]] = {
    "memory": _memory,
    "abort": _abort,
    "spin": _spin,
    "sleep": _sleep,
    "crash": _crash,
    "exit": _exit,
    "killed": _killed,
    "words": _words,
    "shape": _shape,
    "nested": _nested,
    "endless": _endless,
    "cut": _cut,
}
