"""Each command that prints a table, at 80 columns without colour, on the demonstration."""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.program import Said, run
from worker.cli.commands import DRAWS, WRITES
from worker.service.demo import STORY

NARROW = {"COLUMNS": "80"}
NUMBER = "BSN-2026-00001"
REASON = ("--reason", "essai")
GIVEN: Mapping[str, tuple[str, ...]] = {
    "import show": ("usage.csv",),
    "check": ("2025",),
    "contacts show": (STORY[0].siret,),
    "mail references": ("2026", "--dry-run", "messages"),
    "mail statements": ("2025", "--dry-run", "messages"),
    "preview": ("2025",),
    "campaign open": ("2024", *REASON),
    "credit": (NUMBER, *REASON, "--dry-run"),
    "run": ("2025",),
    "resend": (NUMBER, *REASON),
    "complete": (NUMBER, "piece.pdf", "--comment", "voici"),
    "show": (NUMBER,),
    "tariff show": ("2025",),
}
ALIVE = {"check", "credit", "run", "deposit", "follow", "reconcile", "resend", "complete"}
"""Those that ask the portal: it is not there, and what they say of it fits as well."""


def signs(text: str) -> Counter[str]:
    """The signs of a text, spaces, rules and continued lines apart."""
    return Counter("".join(text.split()).replace("─", "").replace("\\", "").replace("\xa0", ""))


def typed(words: str, config: Path, *options: str) -> Said:
    """The command on the demonstration, at 80 columns."""
    given = (*words.split(), *GIVEN.get(words, ()), *options)
    return run(*given, config=config, cwd=config.parent, env=NARROW)


@pytest.mark.parametrize("words", sorted(DRAWS))
def test_nothing_is_wider_than_the_terminal_or_cut_without_a_sign(words: str, demo: Path) -> None:
    """No line over 80 columns; each sign that --wide shows is there, or « … » says that more is."""
    narrow, wide = typed(words, demo), typed(words, demo, "--wide")

    assert "Traceback" not in narrow.err
    assert [line for line in (narrow.out + narrow.err).splitlines() if len(line) > 80] == []
    if words not in ALIVE:
        assert narrow.out
        assert not signs(wide.out) - signs(narrow.out) or "…" in narrow.out


@pytest.mark.parametrize("words", sorted(WRITES))
def test_each_table_is_written_to_a_file(words: str, demo: Path, tmp_path: Path) -> None:
    """A row of the file for each row that is shown, under the same captions."""
    to = tmp_path / "table.csv"
    said = typed(words, demo, "--to", str(to))
    rows = list(csv.reader(to.read_text("utf-8-sig").splitlines(), delimiter=";"))

    assert str(to) in "".join(said.out.split())
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
