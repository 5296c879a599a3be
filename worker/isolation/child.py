"""One child process: started, asked, waited for within its bounds, and gone with its folder."""

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from threading import Lock, Timer
from typing import BinaryIO, Self, TypeVar

from worker.errors import WorkerError
from worker.isolation.files import open_regular
from worker.isolation.frames import READY, STARVED, read_frame, write_frame
from worker.isolation.limits import Bounds, Program

START_SECONDS = 30
DETAIL = 500
SAID = 50_000
"""Bytes of the beginning and of the end of its complaints that are read."""
ALARM_GRACE = 1
"""Seconds left to the alarm of the child itself, before it is killed from outside."""
_PREFIX = "chorus-worker-"
_WORDS = "stderr"
_YOUNG = 60
"""Seconds in which a folder may not have its lock yet."""
_NO_MEMORY = re.compile(
    "memory allocation of|capacity overflow|bad_alloc|OutOfMemory|MemoryError|annot allocate memory"
)
"""Last words of the libraries that end the process when they lack memory."""

T = TypeVar("T")


class Ending(StrEnum):
    """Why a child gave no answer."""

    MEMORY = "memory"
    PROCESSOR = "processor"
    WALL = "wall"
    CRASH = "crash"
    GARBAGE = "garbage"
    KILLED = "killed"
    """By the system or a person: most often the machine lacks memory."""
    START = "start"
    """Before it was given anything."""


class ChildFailed(WorkerError):
    """A child process gave no answer.

    Attributes:
        ending: why.
        reason: the same in French, a part of a sentence.
        detail: its last words, for the logs.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        ending: Ending = Ending.KILLED,
        reason: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(message, remedy)
        self.ending = ending
        self.reason = reason
        self.detail = detail

    @property
    def by_document(self) -> bool:
        """Whether another document could have been read."""
        return self.ending not in {Ending.KILLED, Ending.START}


class Child:
    """A process that runs one reader; the end of the block ends it.

    Args:
        program: the reader and its bounds.
        arguments: passed on to its ``prepare``.
        subject: what messages call the document, such as ``ce PDF``.
    """

    def __init__(self, program: Program, *arguments: str, subject: str) -> None:
        self._subject = subject
        limits = program.bounds.limits()
        self._bounds = replace(program.bounds, memory=limits[program.bounds.memory_limit])
        self._left: float = self._bounds.wall
        self._ready = self._overdue = False
        self._ending = Lock()
        # -P: never import a module from the current folder.
        command = [sys.executable, "-P", "-m", "worker.isolation", program.module]
        try:
            with ExitStack() as opened:
                remove_left_behind(Path(tempfile.gettempdir()))
                folder = opened.enter_context(
                    tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
                )
                self._words = opened.enter_context(Path(folder, _WORDS).open("w+b"))
                # Shared with the process, and so held as long as either of both lives.
                fcntl.flock(self._words, fcntl.LOCK_EX)
                self._process = subprocess.Popen(  # noqa: S603 - our own modules
                    [*command, json.dumps(limits), *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._words,
                    # Saxon needs a folder that it can name; the program's may be gone.
                    cwd=folder,
                    env={"PYTHONPATH": _modules(), "TMPDIR": folder},
                    # Ctrl-C is for the program, which ends the process in its own time.
                    start_new_session=True,
                )
                self._opened = opened.pop_all()
        except OSError as error:
            raise _failure(subject, self._bounds, Ending.START, str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def is_alive(self) -> bool:
        """Whether it may be asked more."""
        return self._process.poll() is None

    def request(self, *frames: bytes) -> None:
        """Send one request, whose answers are then waited for within the bound.

        Raises:
            ChildFailed: it does not start, or ended.
        """
        if not self._ready:
            self._left = START_SECONDS
            self._ready = self._read() == READY
            if not self._ready:
                raise self.failure()
        self._left = self._bounds.wall
        with self._bounded() as (source, _target):
            try:
                for frame in frames:
                    write_frame(source, frame)
            except BrokenPipeError:
                self._process.wait()
                raise self.failure() from None

    def receive(self, decode: Callable[[bytes], T]) -> T:
        """The next frame of the answer, decoded.

        Raises:
            ChildFailed: it ended without it, or ``decode`` could not make sense of it.
        """
        content = self._read()
        if content is None:
            raise self.failure()
        try:
            return decode(content)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise self.failure(Ending.GARBAGE) from None

    def kill(self) -> None:
        """Stop it at once, from any thread; what waits for its answer hears of it."""
        self._process.kill()

    def end(self) -> str:
        """Make sure that it is gone, and its folder; what it complained of."""
        with self._ending:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                with suppress(BrokenPipeError):
                    if stream is not None:
                        stream.close()
            if self._words.closed:
                return ""
            with self._opened:
                # The reason comes first, or last before a dump of the process.
                size = self._words.seek(0, os.SEEK_END)
                self._words.seek(0)
                said = self._words.read(SAID)
                self._words.seek(max(len(said), size - SAID))
                return (said + self._words.read()).decode(errors="replace").strip()

    def failure(self, ending: Ending | None = None) -> ChildFailed:
        """Why there is no answer, told by how the process ended; it is gone afterwards."""
        status = self._process.poll()
        said = self.end()
        if not self._ready:
            ending = Ending.START
        elif ending is None:
            ending = self._told(status, said)
        if status is not None:
            said = f"{said} (exit status {status})"
        failed = _failure(self._subject, self._bounds, ending, said[-DETAIL:].strip())
        if f"[Errno {errno.EMFILE}]" in said:
            # It has the program's limit of open files, and met it.
            failed.__cause__ = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return failed

    def _told(self, status: int | None, said: str) -> Ending:
        if self._overdue or status == -signal.SIGALRM:
            return Ending.WALL
        if status == -signal.SIGXCPU:
            return Ending.PROCESSOR
        if status == STARVED or _NO_MEMORY.search(said):
            return Ending.MEMORY
        if status == -signal.SIGKILL:
            return Ending.KILLED
        return Ending.CRASH if status else Ending.GARBAGE

    def _read(self) -> bytes | None:
        with self._bounded() as (_source, target):
            try:
                content = read_frame(target, self._bounds.answer)
            except ValueError:
                raise self.failure(Ending.GARBAGE) from None
            if content is None:
                # How it ended is known once it has: the bound holds for that too.
                self._process.wait()
            return content

    @contextmanager
    def _bounded(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """The two pipes, while killing the process is what unblocks either of them."""
        source, target = self._process.stdin, self._process.stdout
        assert source is not None and target is not None  # noqa: S101, PT018 - both are pipes
        deadline = Timer(max(0, self._left) + ALARM_GRACE, self._expire)
        deadline.daemon = True
        began = time.monotonic()
        deadline.start()
        try:
            yield source, target  # type: ignore[misc]  # IO[bytes] is what they are
        finally:
            deadline.cancel()
            self._left -= time.monotonic() - began

    def _expire(self) -> None:
        self._overdue = True
        self._process.kill()


def remove_left_behind(temporary: Path) -> None:
    """Remove the folders of children that died with their program, both killed.

    Those of ours alone whose file of complaints no process holds, a minute after they were made.
    """
    for folder in temporary.glob(f"{_PREFIX}*"):
        # Another program may remove it at the same time.
        with suppress(OSError):
            state = folder.lstat()
            is_ours = stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()
            if is_ours and time.time() - state.st_mtime > _YOUNG:
                with open_regular(folder / _WORDS, sys.maxsize) as words:
                    fcntl.flock(words, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)


def _failure(subject: str, bounds: Bounds, ending: Ending, detail: str) -> ChildFailed:
    remedy = "Vérifiez l'origine et la taille du fichier."
    if ending in {Ending.KILLED, Ending.START}:
        remedy = "Libérez de la mémoire et de la place sur la machine, puis réessayez."
    reason = _reason(bounds, ending, detail)
    whole = f"{subject[:1].upper()}{subject[1:]} n'a pas été lu : {reason}."
    return ChildFailed(whole, remedy, ending=ending, reason=reason, detail=detail)


def _reason(bounds: Bounds, ending: Ending, detail: str) -> str:
    match ending:
        case Ending.MEMORY:
            size = f"{bounds.memory / 10**9:.3g}".replace(".", ",")
            reason = f"sa lecture demande trop de mémoire, plus de {size} Go"
        case Ending.PROCESSOR:
            reason = (
                f"sa lecture demande trop de calcul, plus de {bounds.processor} s de processeur"
            )
        case Ending.WALL:
            reason = f"sa lecture dure trop longtemps, plus de {bounds.wall} s"
        case Ending.CRASH:
            reason = "sa lecture s'est interrompue sans résultat"
        case Ending.GARBAGE:
            reason = "sa lecture a donné un résultat incompréhensible"
        case Ending.KILLED:
            reason = "le système a arrêté sa lecture, sans doute faute de mémoire sur la machine"
        case Ending.START:
            reason = f"le programme de lecture ne démarre pas (détail technique : {detail})"
    return reason


def _modules() -> str:
    """Where to look for modules, from any folder: with its TMPDIR, all that a child is told."""
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(str(Path(folder).absolute()) for folder in named if folder)
