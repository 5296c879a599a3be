"""The whole year on a real PostgreSQL, through the program: the database is its URL away."""

import shutil
from pathlib import Path

from tests.e2e.program import Said, run
from tests.integration.conftest import Place


def test_a_year_runs_on_postgresql_as_on_sqlite(postgresql_place: Place, tmp_path: Path) -> None:
    """Import, run, correct, run again, verify: the same answers from the other database."""
    folder = tmp_path / "demo"
    assert run("demo", "--dir", folder).code == 0
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
