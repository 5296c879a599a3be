"""Starts the program in processes that need not import it again.

A server process imports the program once and never runs it; each command line is a process forked
from it: real, with its own environment, folder, files and end, in milliseconds.
"""

import gc
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import worker
from chaos import pace

HANGS = 120
"""Seconds that no command takes on an idle machine."""
_LAZY = ("alembic.command", "tests.e2e.disasters")
"""What the program imports when it needs it, beside its commands; what is called before it."""
Main = Callable[[Sequence[str]], None]
"""What a process is: it is given the words of its command line."""
_SERVER = multiprocessing.get_context("forkserver")


def program(words: Sequence[str]) -> None:
    """The program of this repository."""
    sys.argv = [str(Path(worker.__file__).with_name("__main__.py")), *words]
    import_module("worker.cli").main()


def preload() -> None:
    """Import the program; in the server only, which says so by importing this module."""
    import_module("worker.cli").commands()
    for name in _LAZY:
        import_module(name)
    # What is never looked at again is never copied into the processes that are forked.
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class Started:
    """A command line under way in its own process.

    Attributes:
        words: what was typed.
        out: the file that holds its standard output; it comes with its first steps.
        err: the same of its standard error.
    """

    words: Sequence[str]
    out: Path
    err: Path
    _process: ForkServerProcess

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process.pid is not None
        return self._process.pid

    def is_over(self, seconds: float = 0) -> bool:
        """Whether it ends within so many seconds."""
        self._process.join(seconds)
        return self._process.exitcode is not None

    def lines(self) -> int:
        """How many lines its standard error holds by now."""
        return self.err.read_text("utf-8").count("\n") if self.err.exists() else 0

    def ended(self, seconds: float = HANGS) -> tuple[int, str, str]:
        """Wait for its end: exit code, standard output and error. Killed when it hangs."""
        if not pace.until(self.is_over, seconds):
            self._process.kill()
            self._process.join()
            raise pace.TooLong(" ".join(self.words))
        assert self._process.exitcode is not None
        return self._process.exitcode, self.out.read_text("utf-8"), self.err.read_text("utf-8")


@contextmanager
def started(
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    main: Main = program,
) -> Iterator[Started]:
    """Start a command line of the program; it is killed if it still runs after the block.

    ``main`` is what is called in its process; it must be found by its name.
    """
    _SERVER.set_forkserver_preload(["tests.e2e.preloaded"])
    with tempfile.TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = _SERVER.Process(
            target=_become,
            args=(main, list(words), dict(environment), folder or Path.cwd(), out, err),
        )
        process.start()
        try:
            yield Started(words, out, err, process)
        finally:
            process.kill()
            process.join()


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    main: Main = program,
) -> tuple[int, str, str]:
    """The same to its end: exit code, standard output and error."""
    with started(words, environment, folder, main) as command:
        return command.ended()


def _become(
    main: Main, words: list[str], environment: dict[str, str], folder: Path, out: Path, err: Path
) -> None:
    """Be the program; never returns."""
    code = 70
    try:
        _redirect(out, err)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        warnings.simplefilter("error")
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else bool(end.code)
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(out: Path, err: Path) -> None:
    for number, path in ((0, Path(os.devnull)), (1, out), (2, err)):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
