"""Heartbeats that fail: told three ways, and three in a row end the process."""

import inspect
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.odd_files import KINDS, as_a_ring
from tests.support.offices import Desk, open_desk
from worker.cli.commands import command_line
from worker.cli.console import DONE, TO_LOOK_AT
from worker.errors import (
    PortalAccessRefused,
    PortalError,
    Refused,
    UnreadableRecord,
    WorkerError,
    WrongUse,
)
from worker.service import heartbeat
from worker.service.bootstrap import open_verified
from worker.service.failures import FILE, last_failure
from worker.service.heartbeat import MOST_IN_A_ROW, Heartbeat


def all_kinds(kind: type[WorkerError]) -> Iterator[type[WorkerError]]:
    """An exception of ours, and every one below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from all_kinds(below)


def made(kind: type[WorkerError]) -> WorkerError:
    """One of a kind, whatever its own arguments are."""
    if "message" in inspect.signature(kind).parameters:
        return kind("Quelque chose.", "Faites-le.")
    error = kind.__new__(kind)
    WorkerError.__init__(error, "Quelque chose.", "Faites-le.")
    return error


WAITS = (PortalError, PortalAccessRefused, WrongUse, Refused, UnreadableRecord)
"""For the portal or for a person: a restart would not help, or would harm."""
FAILURES: list[Exception] = [
    *map(made, dict.fromkeys(all_kinds(WorkerError))),
    OSError(24, "Too many open files"),
    MemoryError(),
    KeyError("clé"),
]


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office on the Hélios channel: a heartbeat bills, and calls nothing."""
    folder = tmp_path_factory.mktemp("failures")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder)
    text = desk.config.read_text("utf-8").replace('channel = "api"', 'channel = "helios"')
    desk.config.write_text(text, "utf-8")
    desk.app = open_verified(desk.config, desk.clock)
    return desk


def typed(desk: Desk, *words: str) -> object:
    """A command, as it is typed."""
    line = [*words, "--config", str(desk.config)]
    return command_line().main(line, standalone_mode=False)


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_a_failed_heartbeat_is_told_three_ways_and_three_in_a_row_end_the_process(
    desk: Desk, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of log, and ``status --todo``; what waits for portal or person ends nothing."""
    broken = True

    def stop() -> bool:
        if broken:
            raise error
        return True

    gave_up: list[WorkerError] = []
    heart = Heartbeat(desk.app, stop, gave_up.append)
    with capture_logs() as lines:
        for _ in range(MOST_IN_A_ROW):
            heart.beat()
            desk.clock.advance(hours=13)
    failed = [line for line in lines if line["event"] == "heartbeat.failed"]
    assert [line["error"] for line in failed] == [type(error).__name__] * MOST_IN_A_ROW
    assert len(gave_up) == (not isinstance(error, WAITS))
    told = not isinstance(error, PortalError)
    assert (typed(desk, "status", "--todo") == TO_LOOK_AT) is told
    assert ("a échoué" in capsys.readouterr().out) is told
    typed(desk, "status", "--todo", "--json")
    assert (json.loads(capsys.readouterr().out)["service"] is not None) is told
    broken = False
    heart.beat()
    heart.close()

    assert typed(desk, "status", "--todo") == DONE


def test_a_process_without_any_descriptor_left_says_so(desk: Desk) -> None:
    """Nothing can be opened any more: what was opened before still tells."""
    gave_up: list[WorkerError] = []
    heart = Heartbeat(desk.app, lambda: True, gave_up.append)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        for _ in range(MOST_IN_A_ROW):
            heart.beat()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    heart.close()
    failure = last_failure(desk.app.configuration.data_folder)

    assert failure is not None
    assert failure.in_a_row == MOST_IN_A_ROW
    assert [failure.message] == [error.message for error in gave_up]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"at": 1}', b"null", b"\xff"])
def test_a_record_that_cannot_be_read_tells_nothing(tmp_path: Path, content: bytes) -> None:
    """Half written, or of another program: the next heartbeat writes it again."""
    (tmp_path / FILE).write_bytes(content)

    assert last_failure(tmp_path) is None


def test_a_record_that_cannot_be_written_stops_no_heartbeat(desk: Desk) -> None:
    """A link in its place is not followed."""
    target = desk.folder / "ailleurs"
    path = desk.app.configuration.data_folder / FILE
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    failure = Heartbeat(desk.app, lambda: True).beat()
    path.unlink()

    assert failure is None
    assert not target.exists()


def test_between_two_heartbeats_it_lives_only_while_none_is_late(desk: Desk) -> None:
    """At rest after one on time; not while one is under way, nor when the next does not come."""
    seen: list[bool] = []

    def stop() -> bool:
        """Look, then end the work."""
        seen.append(heart.is_at_rest(heartbeat.LATE))
        return True

    heart = Heartbeat(desk.app, stop)
    assert heart.is_at_rest(heartbeat.LATE)
    heart.beat()

    assert heart.is_at_rest(heartbeat.LATE)
    assert not heart.is_at_rest(-heartbeat.LATE)
    assert seen
    assert not any(seen)


@pytest.mark.parametrize("replaced", [*KINDS, as_a_ring])
def test_whatever_takes_the_place_of_the_record_is_no_failure(
    tmp_path: Path, replaced: Callable[[Path], None]
) -> None:
    """``status --todo`` and the service neither wait for it nor read it whole."""
    replaced(tmp_path / FILE)

    assert last_failure(tmp_path) is None
