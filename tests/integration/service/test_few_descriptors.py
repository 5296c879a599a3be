"""No file can be opened any more: each command says so, with the limit and what to type."""

import errno
import os
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e import warm
from tests.e2e.program import run
from tests.integration.service.test_rights import ARGUMENTS
from tests.support.offices import Desk, open_desk
from worker.cli.console import DONE, TO_LOOK_AT
from worker.errors import StorageUnavailable
from worker.settings.rights import descriptor_limit

LEFT = "DESCRIPTORS_LEFT"
MANY = ("run", "check", "serve", "journal verify")
"""Commands that open files, connections and children at different times."""


def starved(words: Sequence[str]) -> None:
    """The program, which may open so many files beside those that are open already."""
    left = int(os.environ.pop(LEFT))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = {int(one.name) for one in Path("/proc/self/fd").iterdir()}
    free = [number for number in range(max(opened) + left + 2) if number not in opened]
    # The first numbers that are free are given: the limit is above that of the last one.
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[left], hard))
    warm.program(words)


@pytest.fixture(scope="module", name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("few"), issued=2)


@pytest.mark.parametrize(
    "words,left",
    [
        *((words, 1) for words in sorted(ARGUMENTS)),
        *((words, left) for words in MANY for left in (0, 4, 7, 10)),
    ],
)
def test_a_limit_that_is_reached_is_told_as_such(desk: Desk, words: str, left: int) -> None:
    """Wherever it is reached; a command that needs no more than it has goes on."""
    said = run(
        *words.split(),
        *ARGUMENTS[words],
        config=desk.config,
        cwd=desk.folder,
        env={LEFT: str(left)},
        main=starved,
    )

    assert "Défaut" not in said.err
    assert "Traceback" not in said.err
    assert said.code in {DONE, TO_LOOK_AT, StorageUnavailable.exit_code}
    assert said.code != StorageUnavailable.exit_code or "ulimit -n" in said.err


def test_the_limit_is_told_whatever_met_it() -> None:
    """Under any error that it caused; no other error is told so."""
    limit = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    below, other = StorageUnavailable("La base n'est pas disponible."), OSError(errno.ENOENT, "x")
    below.__cause__ = limit

    assert descriptor_limit(limit) == descriptor_limit(below)
    assert "ulimit -n" in (descriptor_limit(below) or ("", ""))[1]
    assert descriptor_limit(OSError(errno.ENFILE, "x")) != descriptor_limit(limit)
    assert (descriptor_limit(other), descriptor_limit(ValueError())) == (None, None)
