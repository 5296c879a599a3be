"""Starts the program in processes that need not import it again.

A server process imports the program once and never runs it; each command line is a process forked
from it: real, with its own environment, folder, files and end, in milliseconds.
"""

import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import worker
from chaos import pace

HANGS = 120
"""Seconds that no command takes on an idle machine."""
_LAZY = ("alembic.command", "worker.cli.drawing", "tests.e2e.disasters")
"""What the program imports when it needs it, beside its commands; what is called before it."""
_SERVER = multiprocessing.get_context("forkserver")


def preload() -> None:
    """Import the program; in the server only, which says so by importing this module."""
    import_module("worker.cli").commands()
    for name in _LAZY:
        import_module(name)


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    first: Callable[[], None] | None = None,
) -> tuple[int, str, str]:
    """Run a command line of the program to its end: exit code, standard output and error.

    ``first`` is called in its process before the program; it must be found by its name.
    """
    _SERVER.set_forkserver_preload(["tests.e2e.preloaded"])
    with tempfile.TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = _SERVER.Process(
            target=_become,
            args=(list(words), dict(environment), folder or Path.cwd(), out, err, first),
        )
        process.start()

        def is_over(step: float) -> bool:
            process.join(step)
            return process.exitcode is not None

        if not pace.until(is_over, HANGS):
            process.kill()
            process.join()
            raise pace.TooLong(" ".join(words))
        assert process.exitcode is not None
        return process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")


def _become(
    words: list[str],
    environment: dict[str, str],
    folder: Path,
    out: Path,
    err: Path,
    first: Callable[[], None] | None,
) -> None:
    """Be the program; never returns."""
    code = 70
    try:
        _redirect(out, err)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        if first is not None:
            first()
        warnings.simplefilter("error")
        sys.argv = [str(Path(worker.__file__).with_name("__main__.py")), *words]
        try:
            import_module("worker.cli").main()
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
