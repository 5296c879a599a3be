"""A merger through the real program, from what a person types to what the member reads."""

import csv
import sys
from pathlib import Path

from tests.e2e.program import environment, run, run_to_the_end
from worker.service.demo import STORY, write_demo

OLD, GONE, NEW = STORY[:3]
MERGER = ("--from", "15/03/2025", "--reason", "absorption, arrêté du 1er mars")


def test_a_merger_is_billed_once_and_proved(tmp_path: Path) -> None:
    """Shown and asked, previewed, billed with true documents, verified here and elsewhere."""
    config = write_demo(tmp_path / "bureau", 2025, 3, 1)
    for kind in ("members", "subscriptions", "usage", "references"):
        path = config.parent / "exemples" / f"{kind}.csv"
        assert run("import", kind, path, config=config).code == 0
    before = run("preview", "2025", "--json", config=config).json
    unasked = run("succeed", OLD.siret, NEW.siret, *MERGER, config=config)
    given = run("succeed", OLD.siret, NEW.siret, *MERGER, "--yes", config=config)
    other = ("--from", "2025-01-01", "--reason", "commune nouvelle", "--yes")
    whole = run("succeed", GONE.siret, NEW.siret, *other, "--json", config=config)
    again = run("succeed", OLD.siret, NEW.siret, *MERGER, config=config)
    shown = run("preview", "2025", "--json", config=config).json
    read = run("preview", "2025", config=config)
    opened = run("campaign", "open", "2025", "--reason", "essai", "--yes", config=config)
    billed = run("run", "2025", config=config)
    late = run("succeed", OLD.siret, NEW.siret, "--withdraw", "--reason", "non", config=config)
    verified = run("journal", "verify", config=config)
    exported, dossier = tmp_path / "documents", tmp_path / "dossier"
    run("documents", "export", "2025", "--to", exported, config=config)
    run("audit", "dossier", "2025", "--to", dossier, config=config)
    elsewhere = run_to_the_end([sys.executable, str(dossier / "verify.py")], env=environment())
    groups = {one["member_siret"]: one["group"] for one in shown["members"]}

    assert (unasked.code, given.code, whole.code, again.code) == (4, 0, 0, 0), given.err
    assert "dès avril 2025" in unasked.out
    assert "rien n'a changé" in again.out
    assert (whole.json["first_month"], whole.json["already"]) == ("2025-01", False)
    assert groups == {OLD.siret: "to_bill", GONE.siret: "ended", NEW.siret: "to_bill"}
    assert shown["total_ttc"] == before["total_ttc"]
    assert f"repris par {NEW.name}" in read.err
    assert (opened.code, billed.code) == (0, 0), billed.err
    assert late.code == 4
    assert verified.code == 0, verified.err
    assert elsewhere.code == 0, elsewhere.out + elsewhere.err
    assert parts(exported) == {
        (OLD.siret, ""): "03/2025",
        (NEW.siret, ""): "12/2025",
        (NEW.siret, OLD.siret): "12/2025",
        (NEW.siret, GONE.siret): "12/2025",
    }


def parts(exported: Path) -> dict[tuple[str, str], str]:
    """The last month of each part of the statements: who is billed, whose use it was."""
    found: dict[tuple[str, str], str] = {}
    for path in exported.rglob("*_statement.csv"):
        lines = path.read_text("utf-8-sig").splitlines()
        for row in csv.DictReader(lines, delimiter=";"):
            _, _, origin = row["Désignation"].partition("(SIRET ")
            key = ("".join(row["SIRET"].split()), origin.rstrip(")"))
            found[key] = max(found.get(key, ""), row["Mois"])
    return found
