"""A whole year through the real program, and whether all its books agree."""

import json
import sqlite3
from decimal import Decimal
from pathlib import Path

from lxml import etree

from chorus_sandbox.ledger.ledger import read_fluxes, read_invoices
from tests.e2e.program import Said, run

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
DEPOSITABLE = {"cii.xml", "ubl.xml", "facturx.pdf"}


def totals_of_documents(folder: Path) -> dict[str, Decimal]:
    """BT-112 of each exported CII, by number."""
    found = {}
    for path in sorted(folder.glob("*/*_cii.xml")):
        amount = etree.parse(path).find(f".//{RAM}GrandTotalAmount")
        assert amount is not None
        assert amount.text is not None
        found[path.parent.name.partition("_")[0]] = Decimal(amount.text)
    return found


def test_the_demonstration_ends_with_everything_integrated_but_one(
    played: tuple[Path, Said],
) -> None:
    """Eleven invoices are integrated, one member is parked, and the program says what to type."""
    folder, said = played
    status = run("status", "2025", "--json", config=folder / "worker.toml").json
    states = [invoice["status"] for invoice in status["invoices"]]

    assert states == ["integrated"] * 11 + ["parked"]
    assert [i["number"] for i in status["invoices"][:11]] == [
        f"BSN-{status['invoices'][0]['issued_on'][:4]}-{n:05d}" for n in range(1, 12)
    ]
    assert all(i["cpp_id"] and i["flux_number"] for i in status["invoices"][:11])
    assert "import references" in said.out
    assert "run 2025" in said.out
    assert "Traceback" not in said.err


def test_all_books_agree_to_the_cent(demo: Path, tmp_path: Path) -> None:
    """Statements, invoices, documents, sandbox ledger and journal hold the same amounts."""
    exported = tmp_path / "factures"
    assert run("documents", "export", "2025", "--to", exported, config=demo).code == 0
    status = run("status", "2025", "--json", config=demo).json
    issued = {i["number"]: Decimal(i["total_ttc"]) for i in status["invoices"] if i["number"]}
    portal = {
        invoice.number: invoice.gross
        for invoice in read_invoices(demo.parent / "donnees" / "chorus-local.sqlite")
    }
    with sqlite3.connect(demo.parent / "donnees" / "worker.sqlite") as database:
        statements = dict(
            database.execute(
                "SELECT i.number, s.total_cents FROM statement s "
                "JOIN invoice i ON i.statement_id = s.id"
            )
        )
        journal = {
            subject: Decimal(json.loads(payload)["total_ttc"])
            for subject, payload in database.execute(
                "SELECT subject, payload FROM journal_event WHERE tag = 'invoice.issued'"
            )
        }

    assert issued == totals_of_documents(exported)
    assert issued == {number: Decimal(str(gross)) for number, gross in portal.items()}
    assert issued == {number: Decimal(cents) / 100 for number, cents in statements.items()}
    assert issued == journal
    assert sum(issued.values()) == Decimal("102293.64")


def test_exported_documents_pass_every_schema(demo: Path, tmp_path: Path) -> None:
    """What leaves is what the validation command accepts, Chorus Pro's rules included."""
    exported = tmp_path / "factures"
    run("documents", "export", "2025", "--to", exported, config=demo)
    files = [
        path for path in sorted(exported.glob("*/*")) if path.name.rpartition("_")[2] in DEPOSITABLE
    ]
    assert len(files) == 33

    said = run("validate", *files, "--profile", "chorus", "--json")

    assert said.code == 0, said.out
    assert {file["verdict"] for file in said.json["files"]} == {"valid"}


def test_what_was_deposited_is_what_was_frozen(demo: Path) -> None:
    """The portal holds the very bytes recorded for each invoice."""
    with sqlite3.connect(demo.parent / "donnees" / "worker.sqlite") as database:
        frozen = {
            sha256
            for (sha256,) in database.execute(
                "SELECT sha256 FROM document WHERE kind = 'facturx.pdf'"
            )
        }
    fluxes = read_fluxes(demo.parent / "donnees" / "chorus-local.sqlite")

    assert {flux.sha256 for flux in fluxes} == frozen
    assert len(fluxes) == 11


def test_running_again_changes_nothing(demo: Path) -> None:
    """A second run issues nothing, deposits nothing, and still reports the parked member."""
    before = run("status", "--json", config=demo).json
    said = run("run", "2025", "--json", config=demo)
    assert said.code == 1
    assert said.json["invoices"] == before["invoices"]
    fluxes = read_fluxes(demo.parent / "donnees" / "chorus-local.sqlite")

    assert len(fluxes) == 11


def test_the_commands_suggested_at_the_end_work_when_typed(
    demo: Path, played: tuple[Path, Said]
) -> None:
    """The complement is imported, the parked member gets the next number, and all is settled."""
    complement = demo.parent / "exemples" / "references-complement.csv"
    assert str(played[0] / "exemples" / complement.name) in played[1].out

    assert run("import", "references", complement, config=demo).code == 0
    said = run("run", "2025", "--json", config=demo)

    assert said.code == 0
    last = said.json["invoices"][-1]

    assert (last["status"], last["number"][-5:]) == ("integrated", "00012")
    assert run("status", "--todo", config=demo).out.strip() == "Rien n'attend une personne."
    assert run("journal", "verify", config=demo).code == 0


def test_an_altered_journal_is_detected(demo: Path) -> None:
    """Somebody who edits the database, triggers removed, is found out."""
    with sqlite3.connect(demo.parent / "donnees" / "worker.sqlite") as database:
        database.execute("DROP TRIGGER journal_event_no_update")
        database.execute(
            "UPDATE journal_event SET payload = replace(payload, '3196.80', '3196.90')"
        )
    said = run("journal", "verify", config=demo)

    assert said.code == 1
    assert "le contenu a été modifié" in said.err


def test_a_shortened_journal_is_detected_with_a_noted_head(demo: Path) -> None:
    """An auditor's noted head shows that the end was cut off, even if the head was rewritten."""
    head = run("journal", "verify", "--json", config=demo).json["head"]
    with sqlite3.connect(demo.parent / "donnees" / "worker.sqlite") as database:
        database.execute("DROP TRIGGER journal_event_no_delete")
        database.execute(
            "DELETE FROM journal_event WHERE seq = (SELECT max(seq) FROM journal_event)"
        )
        database.execute(
            "UPDATE journal_head SET (seq, hash) = "
            "(SELECT seq, hash FROM journal_event ORDER BY seq DESC LIMIT 1)"
        )
    said = run("journal", "verify", "--head", head[:16], config=demo)

    assert said.code == 1
    assert "n'est plus dans le journal" in said.err


def test_a_head_that_is_no_head_is_refused(demo: Path) -> None:
    """An empty variable in a script must not make the check pass."""
    for head in ("", "00", "zz"):
        said = run("journal", "verify", "--head", head, config=demo)
        assert said.code == 2
        assert "--head" in said.err


def test_an_empty_database_beside_a_full_archive_is_not_a_fresh_start(demo: Path) -> None:
    """Numbers would start again at one: the program stops and asks for the backup."""
    for path in (demo.parent / "donnees").glob("worker.sqlite*"):
        path.unlink()
    (demo.parent / "donnees" / "worker.sqlite").touch(mode=0o600)
    said = run("status", config=demo)

    assert said.code == 70
    assert "sauvegarde" in said.err
    assert "Traceback" not in said.err
