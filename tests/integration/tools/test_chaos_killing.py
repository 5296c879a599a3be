"""A process dies exactly where it is told to: what was committed before is kept, nothing else."""

import signal
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread

import pytest

from chaos.killing import AtCall, AtPlace, Kill, arm
from tests.e2e import warm
from tests.e2e.program import environment
from tests.support.storage_samples import UPGRADE, writing
from worker.billing.journal import EventTag
from worker.storage import create_store

KILLS: Mapping[str, Kill] = {
    str(kill): kill
    for kill in (
        AtPlace("event appended", 3),
        AtPlace("before a commit", 3),
        AtPlace("after a commit", 3),
        AtPlace("after a commit", 2),
        AtPlace("before the deposit", 1),
        AtCall(3000),
    )
}


def _events(words: Sequence[str]) -> None:
    """Six events in a new database, in another thread if the last word says so."""
    folder, kill, *thread = words
    store = create_store(f"sqlite:///{Path(folder, 'worker.sqlite')}", Path(folder), UPGRADE)

    def work() -> None:
        for rank in range(6):
            with writing(store) as tx:
                tx.journal(EventTag.RUN_STARTED, str(rank))

    arm(KILLS[kill])
    if thread:
        other = Thread(target=work)
        other.start()
        other.join()
    else:
        work()


def kept(folder: Path, kill: str, *more: str) -> tuple[int, int]:
    """How the process ended, and how many of its six events were kept."""
    code, _, _ = warm.run((str(folder), kill, *more), environment(), None, _events)
    with sqlite3.connect(folder / "worker.sqlite") as database:
        (count,) = database.execute(
            "SELECT count(*) FROM journal_event WHERE tag = 'run.started'"
        ).fetchone()
    return code, count


@pytest.mark.parametrize(
    "kill, events",
    [
        ("event appended, passage 3", 2),
        ("before a commit, passage 3", 2),
        ("after a commit, passage 3", 3),
    ],
)
def test_a_named_place_kills_on_the_right_side_of_the_commit(
    tmp_path: Path, kill: str, events: int
) -> None:
    """At the third passage: before the commit two events are kept, after it three."""
    assert kept(tmp_path, kill) == (-signal.SIGKILL, events)


def test_a_place_is_watched_in_every_thread(tmp_path: Path) -> None:
    """The pages and the checks of an invoice are not made by the main thread."""
    assert kept(tmp_path, "after a commit, passage 2", "thread") == (-signal.SIGKILL, 2)


def test_a_place_that_is_never_passed_kills_nobody(tmp_path: Path) -> None:
    """The program is undisturbed by being watched."""
    assert kept(tmp_path, "before the deposit, passage 1") == (0, 6)


def test_a_count_of_calls_falls_at_the_same_place_again(tmp_path: Path) -> None:
    """So that a round can be replayed."""
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    ended, events = kept(first, "call 3000")

    assert ended == -signal.SIGKILL
    assert 0 <= events < 6
    assert kept(second, "call 3000") == (ended, events)
