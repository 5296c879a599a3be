"""The whole year on a real PostgreSQL, through the program: the database is its URL away."""

import shutil
from pathlib import Path

from tests.e2e.program import Said, run
from tests.integration.conftest import Place
from worker.service.demo import STORY, write_demo


def test_a_year_runs_on_postgresql_as_on_sqlite(postgresql_place: Place, tmp_path: Path) -> None:
    """Import, run, correct, credit, bill again, verify: the other database answers the same."""
    folder = tmp_path / "demo"
    write_demo(folder, 2025, len(STORY), 1)
    shutil.rmtree(folder / "donnees" / "archive")
    for database in (folder / "donnees").glob("*.sqlite*"):
        database.unlink()

    def typed(*arguments: str | Path) -> Said:
        address = {"CHORUS_WORKER_DATA__DATABASE_URL": str(postgresql_place.url)}
        return run(*arguments, config=folder / "worker.toml", env=address)

    for kind in ("members", "subscriptions", "usage", "references"):
        assert typed("import", kind, folder / "exemples" / f"{kind}.csv").code == 0
    first = typed("run", "2025", "--json")
    assert first.code == 1, first.err
    assert [i["status"] for i in first.json["invoices"]] == ["integrated"] * 11 + ["parked"]

    complement = folder / "exemples" / "references-complement.csv"
    assert typed("import", "references", complement).code == 0
    second = typed("run", "2025", "--json")
    assert second.code == 0, second.err
    assert second.json["invoices"][-1]["number"][-5:] == "00012"
    assert typed("journal", "verify").code == 0

    number, siret = (second.json["invoices"][0][key] for key in ("number", "member_siret"))
    assert typed("credit", number, "--reason", "dix de trop", "--line", "1=10").code == 0
    whole = typed("credit", number, "--reason", "le reste", "--json")
    assert whole.code == 1, whole.err
    assert [i["status"] for i in whole.json["invoices"]] == [
        "cancelled",
        "integrated",
        "integrated",
        "parked",
    ]
    assert typed("unpark", siret, "2025", "--reason", "corrigé").code == 0
    assert typed("import", "usage", folder / "exemples" / "usage.csv").code == 0
    third = typed("run", "2025", "--json")

    assert third.code == 0, third.err
    assert "BSN-2026-00013" in {i["number"] for i in third.json["invoices"]}
    assert typed("journal", "verify").code == 0
