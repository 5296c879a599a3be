"""``documents portal``: what Chorus Pro holds of an invoice, beside our books."""

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.program import run


@pytest.fixture(name="number")
def _number(demo: Path) -> str:
    """The first invoice of the demonstration, which the portal holds."""
    return str(run("status", "--json", config=demo).json["invoices"][0]["number"])


def change(database: Path, sql: str, number: str) -> None:
    """Have somebody change one invoice in a database."""
    with sqlite3.connect(database) as connection:
        connection.execute(f"UPDATE invoice SET {sql} WHERE number = ?", (number,))
    connection.close()


def test_the_copy_of_the_portal_is_compared_and_kept(demo: Path, number: str) -> None:
    """Exit 0, and the document is the very file that was deposited."""
    kept = demo.parent / "copie.pdf"
    said = run("documents", "portal", number, "--to", kept, "--json", config=demo)
    assert (said.code, said.json["findings"], said.json["file"]) == (0, [], str(kept)), said.err
    shown = run("show", number, "--json", config=demo).json
    (sha256,) = (one["sha256"] for one in shown["documents"] if one["kind"] == "facturx.pdf")
    archived = demo.parent / "donnees" / "archive" / sha256[:2] / sha256

    assert kept.read_bytes() == archived.read_bytes()


def test_news_that_were_not_read_yet_are_told(demo: Path, number: str) -> None:
    """The buyer suspended it since: nothing differs, and our books are said to be behind."""
    change(demo.parent / "donnees" / "chorus-local.sqlite", "status = 'SUSPENDUE'", number)
    said = run("documents", "portal", number, config=demo)

    assert said.code == 0
    assert "SUSPENDUE" in said.out
    assert "Nos livres en sont à MISE_A_DISPOSITION" in said.out


def test_another_amount_at_the_portal_is_a_difference(demo: Path, number: str) -> None:
    """Exit 1, both amounts, and what to do."""
    change(demo.parent / "donnees" / "chorus-local.sqlite", "gross = '1.00'", number)
    said = run("documents", "portal", number, config=demo)

    assert said.code == 1
    assert "Ne renvoyez rien" in said.err


def test_without_an_identifier_nothing_is_said_of_the_portal(demo: Path, number: str) -> None:
    """Nobody knows whether it holds an invoice whose deposit is uncertain: exit 4."""
    change(demo.parent / "donnees" / "worker.sqlite", "cpp_id = NULL, status = 'unknown'", number)
    said = run("documents", "portal", number, config=demo)

    assert said.code == 4
    assert "Aucun identifiant de Chorus Pro" in said.err
    assert "ne détient pas" not in said.err
