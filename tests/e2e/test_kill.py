"""Killing ``run`` at any moment and running it again ends as if nothing had happened."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from chaos import pace
from chorus_sandbox.ledger.ledger import read_fluxes, read_invoices
from tests.e2e.program import HANGS, run, started


@pytest.fixture(name="ready", scope="module")
def _ready(played: tuple[Path, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration folder with everything imported and nothing billed yet."""
    folder = tmp_path_factory.mktemp("ready") / "demo"
    shutil.copytree(played[0], folder)
    shutil.rmtree(folder / "donnees" / "archive")
    for database in (folder / "donnees").glob("*.sqlite*"):
        database.unlink()
    (folder / "donnees" / "checkpoints.jsonl").unlink()
    config = folder / "worker.toml"
    assert run("init", folder).code == 0
    for kind in ("members", "subscriptions", "usage", "references"):
        said = run("import", kind, folder / "exemples" / f"{kind}.csv", config=config)
        assert said.code == 0, said.err
    assert run("campaign", "open", "2025", "--yes", config=config).code == 0
    return folder


def books(folder: Path) -> list[tuple[str, str, int]]:
    """Number, buyer and cents of every invoice, as our database holds them."""
    with sqlite3.connect(folder / "donnees" / "worker.sqlite") as database:
        return database.execute(
            "SELECT number, siret, total_cents FROM invoice WHERE number IS NOT NULL "
            "ORDER BY number"
        ).fetchall()


def run_killed(config: Path, lines: int, seconds: float) -> bool:
    """Start ``run``, kill it some time after so many lines of progress; False if it had ended."""
    with started("run", "2025", config=config) as process:
        assert pace.becomes_true(lambda: process.is_over() or process.lines() >= lines, HANGS)
        return not process.is_over(seconds)  # and it is killed


def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(
    ready: Path, played: tuple[Path, object], tmp_path: Path
) -> None:
    """After random kills: same invoices, no gap, nothing twice at the portal, journal sound."""
    folder = tmp_path / "demo"
    shutil.copytree(ready, folder)
    config = folder / "worker.toml"
    chance = random.Random(1)  # noqa: S311 - instants, not secrets
    kills = sum(
        run_killed(config, chance.randint(0, 12), chance.uniform(0, 0.15)) for _ in range(3)
    )
    assert kills >= 2

    said = run("run", "2025", "--json", config=config)

    assert said.code == 1, said.err
    assert [i["status"] for i in said.json["invoices"]] == ["integrated"] * 11 + ["parked"]
    assert books(folder) == books(played[0])
    ledger = folder / "donnees" / "chorus-local.sqlite"
    integrated = [(i.number, i.buyer_siret) for i in read_invoices(ledger)]

    assert sorted(integrated) == [(number, siret) for number, siret, _ in books(folder)]
    assert len({flux.sha256 for flux in read_fluxes(ledger)}) == 11
    assert run("journal", "verify", config=config).code == 0
