"""The whole year on a real PostgreSQL, through the program: the database is its URL away."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.program import Said, run
from tests.support.postgresql_server import Server
from worker.service.demo import EXAMPLES, FILES, write_demo

Year = Mapping[str, Said]
"""What each command of the year answered."""
MEMBERS = 3


@pytest.fixture(name="year", scope="module")
def _year(
    postgresql: Server, postgresql_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:
    """Import, run, credit a part and the rest, bill again, verify."""
    folder = tmp_path_factory.mktemp("postgresql") / "demo"
    write_demo(folder, 2025, MEMBERS, 1)
    shutil.rmtree(folder / "donnees" / "archive")
    for database in (folder / "donnees").glob("*.sqlite*"):
        database.unlink()
    address = {
        "CHORUS_WORKER_DATA__DATABASE_URL": postgresql.create("whole_year", postgresql_template)
    }

    def typed(*arguments: str | Path) -> Said:
        return run(*arguments, config=folder / "worker.toml", env=address)

    said = {
        f"import {kind}": typed("import", kind, folder / EXAMPLES / f"{kind}.csv") for kind in FILES
    }
    said["open"] = typed("campaign", "open", "2025", "--yes")
    said["run"] = typed("run", "2025", "--json")
    number, siret = (said["run"].json["invoices"][0][key] for key in ("number", "member_siret"))
    said["part"] = typed("credit", number, "--reason", "dix de trop", "--line", "1=10", "--yes")
    said["rest"] = typed("credit", number, "--reason", "le reste", "--json", "--yes")
    said["unpark"] = typed("unpark", siret, "2025", "--reason", "corrigé")
    sirets = [one["member_siret"] for one in said["run"].json["invoices"][:2]]
    merger = ("--from", "2025-12-15", "--reason", "fusion", "--yes", "--json")
    said["succeed"] = typed("succeed", *sirets, *merger)
    said["import again"] = typed("import", "usage", folder / EXAMPLES / "usage.csv")
    said["run again"] = typed("run", "2025", "--json")
    said["verify"] = typed("journal", "verify")
    yield said
    postgresql.drop("whole_year")


@pytest.mark.parametrize("words", [*(f"import {kind}" for kind in FILES), "import again"])
def test_files_go_in_as_on_sqlite(year: Year, words: str) -> None:
    """The second time too."""
    assert year[words].code == 0, year[words].err


def test_a_member_succeeds_another_as_on_sqlite(year: Year) -> None:
    """From the first whole month on, beside billed years; imports go by it."""
    assert year["succeed"].code == 0, year["succeed"].err
    assert year["succeed"].json["first_month"] == "2026-01"


def test_a_year_runs_as_on_sqlite(year: Year) -> None:
    """Every invoice is integrated."""
    assert [year[words].code for words in ("open", "run")] == [0, 0], year["run"].err
    assert [one["status"] for one in year["run"].json["invoices"]] == ["integrated"] * MEMBERS


def test_an_invoice_is_taken_back_as_on_sqlite(year: Year) -> None:
    """A part of it, then the rest: it is cancelled, and its member waits."""
    assert year["part"].code == 0, year["part"].err
    assert year["rest"].code == 1, year["rest"].err
    assert [one["status"] for one in year["rest"].json["invoices"]] == [
        "cancelled",
        "integrated",
        "integrated",
        "parked",
    ]


def test_a_member_is_billed_again_as_on_sqlite(year: Year) -> None:
    """Let go, it gets the next number."""
    assert year["unpark"].code == 0, year["unpark"].err
    assert year["run again"].code == 0, year["run again"].err
    assert "BSN-2026-00004" in {one["number"] for one in year["run again"].json["invoices"]}


def test_the_journal_is_sound_as_on_sqlite(year: Year) -> None:
    """From the first import to the last invoice."""
    assert year["verify"].code == 0, year["verify"].err
