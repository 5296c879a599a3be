"""What a finance officer types to take an invoice back, and what then happens."""

import json
import re
from pathlib import Path

from lxml import etree

from chorus_sandbox.ledger.ledger import read_invoices
from tests.e2e.program import run

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


def statuses(config: Path) -> dict[str, str]:
    """Each number and its status."""
    said = run("status", "2025", "--json", config=config).json
    return {invoice["number"]: invoice["status"] for invoice in said["invoices"]}


def first(config: Path) -> tuple[str, str]:
    """Number and SIRET of the first invoice."""
    invoice = run("status", "2025", "--json", config=config).json["invoices"][0]
    return invoice["number"], invoice["member_siret"]


def test_an_invoice_is_taken_back_then_billed_again(demo: Path, tmp_path: Path) -> None:
    """credit, run (nothing happens), unpark, run: one credit note, one new number, sound books."""
    number, siret = first(demo)
    credited = run("credit", number, "--reason", "code service erroné", "--json", config=demo)
    assert credited.code == 1, credited.err
    invoice, note, waiting = credited.json["invoices"]
    assert (waiting["status"], waiting["number"]) == ("parked", None)
    assert (invoice["status"], note["kind"], note["status"]) == (
        "cancelled",
        "credit_note",
        "integrated",
    )
    assert note["total_ttc"] == f"-{invoice['total_ttc']}"
    assert set(statuses(demo)) == {*statuses(demo)} | {number, note["number"]}

    held = run("run", "2025", config=demo)
    assert held.code == 1
    assert f"unpark {siret} 2025" in held.out
    before = set(statuses(demo))
    assert run("unpark", siret, "2025", "--reason", "corrigé", config=demo).code == 0
    run("run", "2025", config=demo)
    (new,) = set(statuses(demo)) - before
    assert statuses(demo)[new] == "integrated"

    exported = tmp_path / "factures"
    assert run("documents", "export", "2025", "--to", exported, config=demo).code == 0
    kinds = {path.name for path in (exported / note["number"]).iterdir()}
    receipts = {name for name in kinds if name.startswith("compte-rendu-CPP")}
    assert len(receipts) == 1
    assert kinds - receipts == {"facturx.pdf", "cii.xml", "ubl.xml", "validation.json"}
    cii = etree.parse(exported / note["number"] / "cii.xml")
    assert cii.findtext(f".//{RAM}InvoiceReferencedDocument/{RAM}IssuerAssignedID") == number
    assert cii.find(f".//{RAM}SpecifiedTradeSettlementPaymentMeans") is None
    papers = [exported / note["number"] / name for name in ("facturx.pdf", "ubl.xml")]
    assert run("validate", *papers).code == 0
    at_the_portal = {
        kept.number: kept.kind
        for kept in read_invoices(demo.parent / "donnees" / "chorus-local.sqlite")
    }

    assert at_the_portal[note["number"]] == "AVOIR"
    assert at_the_portal[new] == "FACTURE"
    assert run("journal", "verify", config=demo).code == 0


def test_a_part_of_an_invoice_is_taken_back(demo: Path) -> None:
    """``--line 1=10``: ten units at the invoice's price; the invoice stands, and shows it."""
    number, _ = first(demo)
    dry = run("credit", number, "--reason", "trop", "--line", "1=10", "--dry-run", config=demo)
    assert dry.code == 0, dry.err
    assert "rien n'est émis" in dry.out
    assert "annulée" not in dry.out
    line = run("show", number, "--json", config=demo).json["invoice"]["lines"][0]
    said = run("credit", number, "--reason", "trop", "--line", "1=10", "--json", config=demo)
    assert said.code == 0, said.err
    invoice, note = said.json["invoices"]
    assert invoice["status"] == "integrated"
    cents = int(line["total_ttc"].replace(".", "")) // line["quantity"] * 10
    assert int(note["total_ttc"].replace(".", "")) == -cents
    kept = int(invoice["total_ttc"].replace(".", "")) - cents
    (before,) = (
        member["previous_year_total_ttc"]
        for member in run("preview", "2026", "--json", config=demo).json["members"]
        if member["member_siret"] == invoice["member_siret"]
    )
    assert int(before.replace(".", "")) == kept
    shown = run("show", number, config=demo).out
    # Every date of the page is of Paris, those of the portal's searches too.
    assert re.search(r"recherche [0-3]\d/[01]\d/20\d\d ", shown)
    assert f"avoir {note['number']}" in shown
    assert f"Crédité : 10 ; il en reste {line['quantity'] - 10}." in shown
    assert line["quantity_left"] == line["quantity"]
    of_the_note = run("show", note["number"], config=demo).out

    assert f"Avoir sur la facture n° {number}" in of_the_note
    assert "Motif : trop." in of_the_note


def test_the_closing_table_of_a_credit_note_adds_up(demo: Path) -> None:
    """With its earlier credit notes and what waits for a person: a cancelled invoice makes zero."""
    number, siret = first(demo)
    run("credit", number, "--reason", "un", "--line", "1=1", config=demo)
    said = run("credit", number, "--reason", "le reste", config=demo)
    assert said.code == 1
    assert (
        "1 facture émise et 2 avoirs, 0,00\u00a0€ TTC ; 1 à traiter par une personne." in said.out
    )
    hint = said.out.splitlines()[-1]

    assert hint.endswith(f'unpark {siret} 2025 --reason "…" --config {demo}')


def test_an_impossible_credit_is_refused(demo: Path) -> None:
    """Too much, no such line, nothing said: a sentence, and nothing is issued."""
    number, _ = first(demo)
    for arguments, words in (
        (("--line", "1=9999"), "il en reste"),
        (("--line", "1"), "un nombre entier"),
        (("--line", "1=1,5"), "un nombre entier"),
        (("--line", "1=0"), "supérieure à zéro"),
        (("--line", "1=2", "--line", "1=3"), "une seconde fois"),
        (("--line", "7=1"), "pas de ligne 7"),
        (("--reason", " "), "motif est vide"),
    ):
        said = run("credit", number, "--reason", "essai", *arguments, config=demo)
        assert (said.code, words in said.err, "Traceback" in said.err) == (2, True, False)

    assert not [name for name in statuses(demo) if name and name.startswith("AVOIR")]


def test_a_member_is_parked_and_let_go(demo: Path) -> None:
    """``park`` on the waiting member, ``unpark``; on a billed one, the way out is given."""
    said = run("status", "2025", "--json", config=demo).json["invoices"]
    waiting = next(i["member_siret"] for i in said if not i["number"])
    assert run("park", waiting, "2025", "--reason", "litige", config=demo).code == 0
    assert "litige" in run("status", "--todo", config=demo).out
    (asked,) = run("status", "--todo", "--json", config=demo).json["invoices"]
    assert (asked["todo"]["code"], asked["todo"]["command"]) == ("correct", None)
    assert f"unpark {waiting} 2025" in asked["todo"]["sentence"]
    assert run("unpark", waiting, "2025", "--reason", "réglé", "--json", config=demo).json == {
        "ok": True,
        "member_siret": waiting,
        "year": 2025,
        "held": False,
    }
    number, siret = first(demo)
    late = run("park", siret, "2025", "--reason", "trop tard", config=demo)

    assert (late.code, f"credit {number}" in late.err) == (4, True)
    assert run("unpark", siret, "2025", "--reason", "rien", config=demo).code == 4


def test_extra_dialects_are_made_on_demand(demo: Path, tmp_path: Path) -> None:
    """``[documents] also``: the reform's dialect and the native UBL are kept and exported too."""
    text = demo.read_text("utf-8")
    demo.write_text(text.replace("also = []", 'also = ["ctc-fr", "chorus-e1-ubl"]'), "utf-8")
    number, siret = first(demo)
    run("credit", number, "--reason", "essai", config=demo)
    run("unpark", siret, "2025", "--reason", "essai", config=demo)
    run("run", "2025", config=demo)
    exported = tmp_path / "factures"
    run("documents", "export", "2025", "--to", exported, config=demo)
    new = max(path for path in exported.iterdir() if path.name.startswith("BSN"))
    report = json.loads((new / "validation.json").read_text("utf-8"))
    assert {document["profile"] for document in report["documents"]} == {
        "",
        "facturx-direct",
        "en16931-ubl",
        "chorus-e1-ubl",
        "ctc-fr",
    }
    names = ("ctc-fr.facturx.pdf", "ctc-fr.ubl.xml", "facturx.pdf", "ubl.xml")
    said = run("validate", *(new / name for name in names))

    assert said.code == 0, said.out + said.err
    # Of each PDF, and only of those, it says what no check here looks at.
    assert said.out.count("non contrôlé ici : la conformité à PDF/A-3") == 2
