"""The catalogue through the real program: a grid of every shape, its inputs, its next year."""

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.program import run
from tests.support.catalogue import EXAMPLE
from worker.service.demo import STORY, write_demo

SIRET = STORY[0].siret
INPUTS = {
    "subscriptions": (
        "siret;service;palier;categorie;debut;fin",
        *(
            f"{SIRET};{service};;1;01/01/2025;"
            for service in ("achats", "formation", "collaboratif", "sig", "ged", "consultation")
        ),
    ),
    "usage": (
        "siret;service;palier;mois;utilisateurs",
        *(f"{SIRET};ged;;2025-{month:02d};100" for month in range(1, 13)),
    ),
    "units": (
        "siret;service;date;quantite;reference",
        f"{SIRET};formation;12/03/2025;0,5;FORM-12",
    ),
    "population": ("siret;annee;habitants", f"{SIRET};2025;3421"),
}


@pytest.fixture(scope="module", name="office")
def _office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration with the example grid, whose first member has every service."""
    folder = tmp_path_factory.mktemp("catalogue") / "bureau"
    config = write_demo(folder, 2025, 2, 1)
    shutil.copy(EXAMPLE, folder / "tarifs" / EXAMPLE.name)
    examples = folder / "exemples"
    for kind in ("members", "subscriptions", "usage", "references"):
        assert run("import", kind, examples / f"{kind}.csv", config=config).code == 0
    for kind, lines in INPUTS.items():
        path = write(examples / f"{kind}-bouquet.csv", lines)
        assert run("import", kind, path, config=config).code == 0
    return config


def write(path: Path, lines: Sequence[str]) -> Path:
    """A file to import."""
    path.write_text("\n".join((*lines, "")), "utf-8")
    return path


def test_the_year_is_billed_with_true_documents(office: Path, tmp_path: Path) -> None:
    """Validated documents leave, the amount is explained, and half a day can be taken back."""
    opened = run("campaign", "open", "2025", "--reason", "essai", "--yes", config=office)
    assert opened.code == 0, opened.err
    shown = run("preview", "2025", "--json", config=office).json
    billed = run("run", "2025", config=office)
    lines = {
        line["service"]: line
        for member in shown["members"]
        if member["member_siret"] == SIRET
        for line in member["lines"]
    }
    exported = tmp_path / "documents"

    assert billed.code in {0, 1}, billed.err
    assert run("documents", "export", "2025", "--to", exported, config=office).code == 0
    assert lines["formation"]["quantity"] == "0.5"
    assert lines["formation"]["total_ttc"] == "227.50"
    assert lines["sig"]["price_units"] == 12
    (statement,) = [
        path
        for path in exported.rglob("*_statement.csv")
        if SIRET[:3] in path.read_text("utf-8-sig") and "FORM-12" in path.read_text("utf-8-sig")
    ]
    rows = list(csv.DictReader(statement.read_text("utf-8-sig").splitlines(), delimiter=";"))

    assert {row["Unité"] for row in rows} >= {"jour", "mois", "document", "utilisateur × mois"}


def test_the_next_grid_is_written_once(office: Path) -> None:
    """Each price is beside the old one; the same command again is refused, nothing changes."""
    asked = ("tariff", "new", "--from", "2025", "--coefficient", "1,032", "--source", "Indice")
    first = run(*asked, config=office)
    path = office.parent / "tarifs" / "2026.toml"
    written = path.read_text("utf-8")
    again = run(*asked, config=office)
    elsewhere = run(
        *asked, "--version", "2026-bis", "--valid-from", "2026-07-01", "--to", path, config=office
    )

    assert (first.code, again.code, elsewhere.code) == (0, 4, 4)
    assert "455,00" in first.out.replace("\u202f", "")
    assert "469,56" in first.out
    assert "+3,20 %" in first.out
    assert path.read_text("utf-8") == written
    assert 'source = "Indice"' in written


def test_the_prices_are_read_at_eighty_columns(office: Path) -> None:
    """The decision, each service and its prices, no line longer than a terminal."""
    shown = run("tariff", "show", "2025", config=office, env={"COLUMNS": "80"})

    assert "Délibération fictive n° 2024-99 du 10/12/2024" in shown.out
    assert "Formation" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


@pytest.mark.parametrize("coefficient", ["0", "-1", "abc", "10", "1e3"])
def test_a_coefficient_that_is_none_is_refused(office: Path, coefficient: str) -> None:
    """Nothing is written for what no revision is."""
    said = run(
        *("tariff", "new", "--from", "2025", f"--coefficient={coefficient}", "--source", "x"),
        *("--version", "essai", "--valid-from", "2030-01-01"),
        config=office,
    )

    assert said.code == 2
    assert not (office.parent / "tarifs" / "essai.toml").exists()
