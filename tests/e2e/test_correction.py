"""What a finance officer types to take an invoice back, and what then happens."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from chorus_sandbox.ledger.ledger import read_invoices
from tests.e2e.program import Said, run
from tests.support.shared import copied, made_once
from worker.billing.credit_note import NEUTRAL_REASON
from worker.service.local_portal import LEDGER

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


def statuses(config: Path) -> dict[str, str]:
    """Each number and its status."""
    said = run("status", "2025", "--json", config=config).json
    return {one["number"]: one["status"] for one in said["invoices"] if one["number"]}


def first(config: Path) -> tuple[str, str]:
    """Number and SIRET of the first invoice."""
    invoice = run("status", "2025", "--json", config=config).json["invoices"][0]
    return invoice["number"], invoice["member_siret"]


@dataclass(frozen=True, slots=True)
class Story:
    """What commands did in a folder ``demo``, and what some of them said."""

    folder: Path

    @property
    def config(self) -> Path:
        """The configuration of the demonstration."""
        return self.folder / "demo" / "worker.toml"

    def said(self, name: str) -> Said:
        """What a command answered."""
        return Said.kept(self.folder / f"{name}.json")

    @property
    def credited(self) -> list[dict[str, Any]]:
        """What ``credit`` tells of the invoice, of its credit note, and of what waits."""
        told: list[dict[str, Any]] = self.said("credit").json["invoices"]
        return told


class TakenBack(Story):
    """An invoice taken back as a whole, its member billed again, the ``factures`` exported."""

    def exported(self, number: str) -> Path:
        """The folder of an exported document."""
        return next((self.folder / "factures").glob(f"{number}_*"))

    @property
    def new(self) -> str:
        """The number of the invoice that was issued last."""
        found = (self.folder / "factures").glob("BSN*")
        return max(path.name.partition("_")[0] for path in found)


@pytest.fixture(name="taken_back", scope="module")
def _taken_back(played: tuple[Path, Said], tmp_path_factory: pytest.TempPathFactory) -> TakenBack:
    """credit, run (nothing happens), unpark, run with more dialects, export. Read only."""

    def take_back(folder: Path) -> None:
        copied(played[0], folder / "demo")
        config = folder / "demo" / "worker.toml"
        number, siret = first(config)
        credited = run(
            "credit", number, "--reason", "code service erroné", "--yes", "--json", config=config
        )
        credited.keep(folder / "credit.json")
        run("run", "2025", config=config).keep(folder / "run.json")
        let_go = run("unpark", siret, "2025", "--reason", "corrigé", config=config)
        let_go.keep(folder / "unpark.json")
        text = config.read_text("utf-8")
        config.write_text(text.replace("also = []", 'also = ["ctc-fr", "chorus-e1-ubl"]'), "utf-8")
        run("run", "2025", config=config)
        to = ("--to", folder / "factures")
        assert run("documents", "export", "2025", *to, config=config).code == 0

    return TakenBack(made_once(tmp_path_factory.getbasetemp(), "taken-back", take_back))


def test_a_member_let_go_on_is_told_in_two_lines(taken_back: TakenBack) -> None:
    """The portal is asked what it holds; its answers are no matter for a person."""
    said = taken_back.said("unpark")

    assert (said.code, said.err) == (0, "")
    assert [line.split()[0] for line in said.out.splitlines()] == ["Le", "Pour"]


def test_an_invoice_is_taken_back_by_a_credit_note(taken_back: TakenBack) -> None:
    """Of the same amount, for the portal too; the invoice is cancelled, its member parked."""
    said = taken_back.said("credit")
    invoice, note, waiting = taken_back.credited

    assert said.code == 1, said.err
    assert (waiting["status"], waiting["number"]) == ("parked", None)
    assert (invoice["status"], note["kind"], note["status"]) == (
        "cancelled",
        "credit_note",
        "integrated",
    )
    assert note["total_ttc"] == f"-{invoice['total_ttc']}"


def test_a_member_that_was_credited_waits_for_a_person(taken_back: TakenBack) -> None:
    """``run`` bills nothing, and says what to type."""
    said = taken_back.said("run")

    assert said.code == 1
    assert f"unpark {taken_back.credited[0]['member_siret']} 2025" in said.out


def test_a_member_is_billed_again_under_a_new_number(taken_back: TakenBack) -> None:
    """One number more than before, beside the credit note; the journal is sound."""
    known = statuses(taken_back.config)
    note = taken_back.credited[1]["number"]

    assert known[taken_back.new] == "integrated"
    assert sorted(known) == [note, *(f"{taken_back.new[:-5]}{n:05d}" for n in range(1, 13))]
    assert run("journal", "verify", config=taken_back.config).code == 0


def test_a_credit_note_names_its_invoice_and_asks_no_payment(taken_back: TakenBack) -> None:
    """It is exported with what it passed and what the portal answered."""
    invoice, note, _ = taken_back.credited
    exported = taken_back.exported(note["number"])
    kinds = {path.name.rpartition("_")[2] for path in exported.iterdir()}
    receipts = {name for name in kinds if name.startswith("compte-rendu-CPP")}
    cii = etree.parse(exported / f"{exported.name}_cii.xml")
    named = cii.findtext(f".//{RAM}InvoiceReferencedDocument/{RAM}IssuerAssignedID")

    assert len(receipts) == 1
    assert kinds - receipts == {"facturx.pdf", "cii.xml", "ubl.xml", "validation.json"}
    assert named == invoice["number"]
    assert cii.find(f".//{RAM}SpecifiedTradeSettlementPaymentMeans") is None


def test_the_portal_holds_the_credit_note_and_the_new_invoice(taken_back: TakenBack) -> None:
    """Each as what it is."""
    ledger = taken_back.config.parent / "donnees" / LEDGER
    kinds = {kept.number: kept.kind for kept in read_invoices(ledger)}

    assert kinds[taken_back.credited[1]["number"]] == "AVOIR"
    assert kinds[taken_back.new] == "FACTURE"


def test_extra_dialects_are_made_on_demand(taken_back: TakenBack) -> None:
    """``[documents] also``: the reform's dialect and the native UBL are kept and exported too."""
    report = json.loads((taken_back.exported(taken_back.new) / "validation.json").read_text())

    assert {document["profile"] for document in report["documents"]} == {
        "",
        "facturx-direct",
        "en16931-ubl",
        "chorus-e1-ubl",
        "ctc-fr",
    }


def test_what_was_exported_is_valid(taken_back: TakenBack) -> None:
    """Of each PDF, and only of those, it is said what no check here looks at."""
    note, new = map(taken_back.exported, (taken_back.credited[1]["number"], taken_back.new))
    names = ("ctc-fr.facturx.pdf", "ctc-fr.ubl.xml", "facturx.pdf", "ubl.xml")
    paths = [new / f"{new.name}_{name}" for name in names]
    paths += [note / f"{note.name}_{name}" for name in names[2:]]
    said = run("validate", *paths)

    assert said.code == 0, said.out + said.err
    assert said.out.count("non contrôlé ici : la conformité à PDF/A-3") == 3


class Part(Story):
    """Ten units of the first line of an invoice taken back."""

    @property
    def line(self) -> dict[str, Any]:
        """The line, before."""
        line: dict[str, Any] = self.said("before").json["invoice"]["lines"][0]
        return line

    @property
    def cents(self) -> int:
        """Of ten units at the invoice's price."""
        quantity: int = self.line["quantity"]
        return int(self.line["total_ttc"].replace(".", "")) // quantity * 10


@pytest.fixture(name="part", scope="module")
def _part(played: tuple[Path, Said], tmp_path_factory: pytest.TempPathFactory) -> Part:
    """``--line 1=10``, tried, then done. Read only."""

    def take_back(folder: Path) -> None:
        copied(played[0], folder / "demo")
        config = folder / "demo" / "worker.toml"
        number, _ = first(config)
        words = ("credit", number, "--reason", "trop", "--line", "1=10")
        run(*words, "--dry-run", config=config).keep(folder / "dry.json")
        run("show", number, "--json", config=config).keep(folder / "before.json")
        run(*words, "--yes", "--json", config=config).keep(folder / "credit.json")

    return Part(made_once(tmp_path_factory.getbasetemp(), "part", take_back))


def test_a_credit_is_tried_without_issuing_anything(part: Part) -> None:
    """``--dry-run`` says so, and what is left of the line is all of it."""
    said = part.said("dry")

    assert said.code == 0, said.err
    assert "Rien n'est émis" in said.out
    assert "annulée" not in said.out
    assert part.line["quantity_left"] == part.line["quantity"]


def test_a_part_of_an_invoice_is_taken_back(part: Part) -> None:
    """Ten units at the invoice's price; the invoice stands."""
    said = part.said("credit")
    invoice, note = part.credited

    assert said.code == 0, said.err
    assert invoice["status"] == "integrated"
    assert int(note["total_ttc"].replace(".", "")) == -part.cents


def test_what_was_credited_is_not_last_years_amount(part: Part) -> None:
    """``preview`` compares with what the member really owed."""
    invoice, _ = part.credited
    told = run("preview", "2026", "--json", config=part.config).json["members"]
    before = {one["member_siret"]: one["previous_year_total_ttc"] for one in told}
    kept = int(invoice["total_ttc"].replace(".", "")) - part.cents

    assert int(before[invoice["member_siret"]].replace(".", "")) == kept


def test_an_invoice_shows_its_credit_notes(part: Part) -> None:
    """And what is left of each line; every date of the page is of Paris."""
    invoice, note = part.credited
    shown = run("show", invoice["number"], config=part.config).out
    left = part.line["quantity"] - 10

    assert re.search(r"recherche [0-3]\d/[01]\d/20\d\d ", shown)
    assert f"avoir {note['number']}" in shown
    assert f"Crédité : 10 ; il en reste {left}." in shown


def test_a_credit_note_shows_its_invoice(part: Part) -> None:
    """And why it was issued."""
    invoice, note = part.credited
    shown = run("show", note["number"], config=part.config).out

    assert f"Avoir sur la facture n° {invoice['number']}" in shown
    assert f"Motif : {NEUTRAL_REASON}." in shown


def test_the_closing_table_of_a_credit_note_adds_up(part: Part, tmp_path: Path) -> None:
    """With its earlier credit notes and what waits for a person: a cancelled invoice makes zero."""
    copied(part.folder / "demo", tmp_path / "demo")
    config = tmp_path / "demo" / "worker.toml"
    number, siret = first(config)
    said = run("credit", number, "--reason", "le reste", "--yes", config=config)

    assert said.code == 1
    assert (
        "1 facture émise et 2 avoirs, 0,00\u00a0€ TTC ; 1 à traiter par une personne." in said.out
    )
    assert said.out.splitlines()[-1].endswith(f'unpark {siret} 2025 --reason "…" --config {config}')


def test_an_impossible_credit_is_refused(demo: Path) -> None:
    """Too much, no such line, nothing said: a sentence, and nothing is issued."""
    number, _ = first(demo)
    for arguments, words in (
        (("--line", "1=9999"), "il en reste"),
        (("--line", "1"), "LIGNE=QUANTITÉ"),
        (("--line", "1=1,5"), "un nombre entier"),
        (("--line", "1=0"), "supérieure à zéro"),
        (("--line", "1=2", "--line", "1=3"), "une seconde fois"),
        (("--line", "7=1"), "pas de ligne 7"),
        (("--reason", " "), "motif est vide"),
    ):
        said = run("credit", number, "--reason", "essai", "--yes", *arguments, config=demo)
        assert (said.code, words in said.err, "Traceback" in said.err) == (2, True, False)

    assert not [name for name in statuses(demo) if name.startswith("AVOIR")]


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


@pytest.mark.parametrize(
    "words",
    [
        ("credit", "--reason", "secret"),
        ("credit", "--reason", "secret", "--json"),
    ],
)
def test_nothing_leaves_without_an_agreement(demo: Path, words: tuple[str, ...]) -> None:
    """Without a terminal and without --yes: refused, and the books are as they were."""
    number, _ = first(demo)
    name, *options = words
    before = statuses(demo)
    said = run(name, number, *options, config=demo)

    assert (said.code, "--yes" in said.err) == (4, True)
    assert statuses(demo) == before
