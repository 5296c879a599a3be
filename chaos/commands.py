"""A command line of the program, in a process of its own.

Each is forked from this process, which has imported the program already: a real process that can
be killed, started in a few milliseconds.
"""

import gc
import json
import os
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from lxml import etree

from chaos import pace
from chaos.clock import Clock
from chaos.killing import AtInstant, Kill, arm, count_passages
from chorus_sandbox.integration import schemas
from worker.cli import commands, main

HANGS = 120.0
"""Seconds that no command takes on an idle machine."""
_LAZY = ("pypdf",)
"""What the program imports when it needs it, beside its commands."""
_QUIET = {"NO_COLOR": "1", "PYTHONWARNINGS": "error"}


class Hanging(Exception):
    """A command that does not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run.

    Attributes:
        words: the command line, without the program's name.
        offset: from the real time to the time it is there.
        environment: variables it has beside ours.
        log: where its output goes.
        counts: where the passages of the named places go, when they are to be counted.
    """

    words: tuple[str, ...]
    offset: timedelta
    environment: Mapping[str, str]
    log: Path
    kill: Kill | None = None
    counts: Path | None = None


@dataclass(slots=True)
class Running:
    """A command under way, in its process."""

    command: Command
    pid: int
    started: float

    def is_under_way(self) -> bool:
        """Whether it has not ended yet."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def ended(self) -> int | None:
        """Its exit code, once it has ended; None when it was killed. Raises Hanging."""
        kill = self.command.kill
        if isinstance(kill, AtInstant):
            in_time = self._wait(self.started + kill.seconds - time.monotonic())
        else:
            in_time = pace.until(self._wait, HANGS)
        if not in_time:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        if not in_time and not isinstance(kill, AtInstant):
            raise Hanging(f"{' '.join(self.command.words)} still runs after {HANGS:.0f} s")
        return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)

    def _wait(self, seconds: float) -> bool:
        descriptor = os.pidfd_open(self.pid)
        try:
            return bool(select.select([descriptor], [], [], max(seconds, 0))[0])
        finally:
            os.close(descriptor)


def warm_up() -> None:
    """Import the whole program, once and for all the processes to come."""
    commands()
    for name in _LAZY:
        import_module(name)
    # The sandbox compiles its schema when it first reads an invoice; each would do it again.
    schemas.violations(etree.ElementTree(etree.Element("warm-up")), schemas.FACTUR_X)
    gc.freeze()  # what stays is shared with the children as long as no collection touches it


def start(command: Command) -> Running:
    """Run it in a new process."""
    sys.stdout.flush()
    sys.stderr.flush()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(command)
    return Running(command=command, pid=pid, started=started)


def redirect(log: Path) -> None:
    """Give this new process no input, and a file for its output."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)


def settle(environment: Mapping[str, str]) -> None:
    """Give this new process an environment without the settings somebody may have in theirs."""
    for name in [name for name in os.environ if name.startswith("CHORUS_")]:
        del os.environ[name]
    os.environ.update(_QUIET | dict(environment))
    time.tzset()


def _become(command: Command) -> NoReturn:
    code = 70
    try:
        redirect(command.log)
        settle(command.environment)
        Clock(command.offset)
        sys.argv = ["chorus-worker", *command.words]
        passages: Counter[str] = Counter()
        if command.counts is not None:
            passages = count_passages()
        arm(command.kill)
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        sys.setprofile(None)
        if command.counts is not None:
            command.counts.write_text(json.dumps(passages), "utf-8")
    except BaseException:  # noqa: BLE001 - this process ends here, and must say why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
