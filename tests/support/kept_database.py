"""Keeps a small database of the present schema for the tests of those to come.

``python -m tests.support.kept_database`` writes ``tests/data/databases/<schema>.tar.xz``: to be
typed before a migration is added, so that the release it follows stays readable. All is made up.
"""

import io
import shutil
import sys
import tarfile
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect

from tests.support.offices import YEAR, Desk, MovableClock, number
from tests.support.stage_portal import StagePortal
from worker import __version__
from worker.billing.journal import EventTag
from worker.imports import ImportKind
from worker.issuing.holds import place_hold
from worker.service.bootstrap import open_verified
from worker.service.demo import FILES, STORY, write_demo
from worker.service.installation import DATA
from worker.storage import Upgrade, create_store
from worker.storage.migration import SCHEMA

KEPT = Path(__file__).parents[1] / "data" / "databases"
ACTOR = "agent@exemple:1"
PAID, REJECTED, SUSPENDED = "MISE_EN_PAIEMENT", "REJETEE", "SUSPENDUE"


def unpack(schema: str, folder: Path) -> Path:
    """Put a kept database and its archive into a folder; returns it."""
    with tarfile.open(KEPT / f"{schema}.tar.xz") as kept:
        kept.extractall(folder, filter="data")
    return folder


def schemas() -> list[str]:
    """Those that are kept, the oldest first."""
    return sorted(path.name.removesuffix(".tar.xz") for path in KEPT.glob("*.tar.xz"))


def _make(folder: Path) -> Path:
    """A year with an invoice in each state that a buyer gives; the folder of its data."""
    config, clock = write_demo(folder, YEAR, len(STORY), 1), MovableClock()
    data = folder / DATA
    shutil.rmtree(data)
    url = f"sqlite:///{data / 'worker.sqlite'}"
    store = create_store(url, data, Upgrade(actor=ACTOR, now=clock()))
    with store.transaction(ACTOR, clock) as tx:
        tx.journal(EventTag.DATABASE_CREATED, "journal", schema=SCHEMA, program=__version__)
    store.engine.dispose()
    app = replace(open_verified(config, clock), actor=ACTOR)
    desk = Desk(config=config, clock=clock, portal=StagePortal(clock), app=app, real=False)
    for name in FILES:
        desk.bring(f"{name}.csv", ImportKind(name))
    _play(desk)
    desk.app.store.engine.dispose()
    return data


def _play(desk: Desk) -> None:
    desk.issue()
    desk.deposit()
    desk.portal.integrate()
    desk.clock.advance(minutes=2)
    desk.follow()
    for rank, word in enumerate((PAID, REJECTED, SUSPENDED), start=1):
        desk.portal.decide(number(rank), word, "un mot de l'acheteur")
    desk.clock.advance(hours=13)
    desk.follow()
    desk.credit(number(2))
    desk.credit(number(4), quantities={"1": 1})
    with desk.app.transaction() as tx:
        place_hold(tx, STORY[0].siret, YEAR + 1, "essai", never_billed=True)


def _pack(data: Path, target: Path) -> None:
    """One file, the same for the same content: no owner, no time, in the order of names."""
    with closing(connect(data / "worker.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
    with tarfile.open(target, "w:xz", preset=9) as kept:
        for path in sorted(data.rglob("*")):
            name = path.relative_to(data)
            if path.is_file() and (name.parts[0] == "archive" or name.name == "worker.sqlite"):
                entry = tarfile.TarInfo(str(name))
                content = path.read_bytes()
                entry.size, entry.mode = len(content), 0o600
                kept.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        kept_file = KEPT / f"{SCHEMA}.tar.xz"
        _pack(_make(Path(made, "demonstration")), kept_file)
    sys.stdout.write(f"{kept_file.name}: {kept_file.stat().st_size} bytes\n")
