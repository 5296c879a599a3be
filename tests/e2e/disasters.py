"""What the machine does to the program: another date, a death, a disk with no room left."""

import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from chaos import books, pace
from chaos.clock import Clock
from chaos.installation import Installation, Secrets
from chaos.invariants import at_the_end
from chaos.killing import AtPlace, arm
from chaos.laws import Breach
from chorus_sandbox import SandboxCredentials
from tests.e2e import warm
from tests.e2e.program import HANGS, Said, command, environment, run, started
from worker.service.local_portal import STRUCTURES

IN_PARIS = {"TZ": "Europe/Paris"}
PUBLIC = SandboxCredentials()
SECRETS = Secrets(
    client_secret=PUBLIC.client_secret, account=PUBLIC.account, password=PUBLIC.password
)
MOUNT, UMOUNT = (shutil.which(name) or "/bin/false" for name in ("mount", "umount"))


def at(
    instant: datetime,
    *arguments: str | Path,
    config: Path,
    env: Mapping[str, str] | None = None,
    dies: str = "",
) -> Said:
    """Run a command at another date, on a machine in Paris; ``dies``: the place where."""
    offset = instant - datetime.now(UTC)
    _, _, _, *words = command(*arguments, config=config)
    surroundings = environment() | IN_PARIS | dict(env or {})
    return Said(*warm.run(words, surroundings, None, partial(_moved, offset, dies)))


def _moved(offset: timedelta, dies: str, words: Sequence[str]) -> None:
    """The program by a clock that is moved for good; dies in a place, if any is named."""
    Clock(offset)
    arm(AtPlace(dies, 1) if dies else None)
    warm.program(words)


def broken_laws(
    folder: Path, ledger: Path, to: Path, *said: str, sealed: Mapping[str, str]
) -> list[Breach]:
    """What the laws of ``chaos`` find wrong once all is over, in a copy of both sides' books.

    Args:
        folder: ours.
        ledger: the portal's.
        to: where the copy goes.
        said: what the processes said, which may hold no secret.
        sealed: what was issued before the disaster.
    """
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("filler", "portail.sqlite*"))
    for part in ledger.parent.glob(f"{ledger.name}*"):
        shutil.copy(part, to)
    place = Installation(to)
    place.logs.mkdir()
    for rank, text in enumerate(said):
        (place.logs / f"{rank}.txt").write_text(text, "utf-8")
    assert books.invoices(place.database)
    return list(at_the_end(place, SECRETS, sealed))


@contextmanager
def portal(folder: Path, *options: str, ledger: Path | None = None) -> Iterator[dict[str, str]]:
    """A sandbox in its own process, its ledger beside the data: the setting that names it."""
    data = ("--data", ledger or folder / "portail.sqlite")
    directory = ("--directory", folder / "donnees" / STRUCTURES)
    with started("sandbox", "--port", "0", *data, *directory, *options) as process:
        assert pace.becomes_true(lambda: says_a_line(process), seconds=HANGS)
        url = json.loads(process.out.read_text("utf-8"))["url"]
        yield {"CHORUS_WORKER_PORTAL__LOCAL_URL": url}


def says_a_line(process: warm.Started) -> bool:
    """Whether a line of its output is there; its files come with its first steps."""
    return process.out.exists() and process.out.read_text("utf-8").endswith("\n")


@dataclass(slots=True)
class Disk:
    """A small disk; where none may be mounted, a bound on the size of each file."""

    folder: Path
    mounted: bool
    bound: int = resource.RLIM_INFINITY

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        if not self.mounted:
            self.bound = left // 8  # no file has more than a part of what a run writes
            return
        room = os.statvfs(self.folder)
        (self.folder / "filler").write_bytes(bytes(room.f_bavail * room.f_bsize - left))

    def make_room(self) -> None:
        """Somebody cleans up."""
        (self.folder / "filler").unlink(missing_ok=True)
        self.bound = resource.RLIM_INFINITY

    def run(self, *arguments: str | Path, config: Path, env: Mapping[str, str]) -> Said:
        """Run a command on it."""
        return run(*arguments, config=config, env=env, main=partial(bounded, self.bound))


def bounded(size: int, words: Sequence[str]) -> None:
    """The program in a process that may write no larger file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    warm.program(words)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A tmpfs of this size mounted on a folder, if this machine lets us."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=0700"
    mount = [MOUNT, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder, mounted)
    finally:
        if mounted:
            subprocess.run([UMOUNT, str(folder)], check=True)
