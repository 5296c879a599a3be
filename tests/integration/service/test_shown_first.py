"""What leaves is shown first, and asked; what a person decided is shown afterwards."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.e2e.program import Said, run
from tests.support.memory_portal import Condition
from tests.support.offices import YEAR, Desk, number, open_desk
from worker.billing.journal import EventTag
from worker.billing.money import french
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.corrections.credit import CreditDraft, Request
from worker.errors import PortalDown, Refused, WrongUse
from worker.imports import ImportKind
from worker.issuing.acceptances import accept_outside
from worker.issuing.confirmations import confirm
from worker.issuing.preview import preview
from worker.service import decisions
from worker.service.campaign import Progress

S = InvoiceStatus
ONE = number(1)
LOCAL = "Destination : le Chorus Pro local, pour essai"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=1)


def deposited(desk: Desk, *, refused: bool = False) -> TrackedInvoice:
    """The first invoice, which the portal took in, or refused."""
    if refused:
        desk.portal.refused_recipients.add(desk.one(ONE).siret)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert desk.one(ONE).status is (S.REFUSED if refused else S.INTEGRATED)
    return desk.one(ONE)


def typed(desk: Desk, *words: str | Path) -> Said:
    """A command without a terminal, in its own process; the books are as they were."""
    before = desk.invoices(), len(desk.events())
    said = run(*words, config=desk.config)
    assert (desk.invoices(), len(desk.events())) == before
    return said


def told(text: str) -> str:
    """A text with spaces of one kind."""
    return re.sub(r"[\u202f\xa0]", " ", text)


def require_told(said: Said, facts: Iterable[str]) -> None:
    """Each fact is shown on standard error, above the refusal that names ``--yes``."""
    shown, _, refusal = told(said.err).partition("Erreur :")
    assert (said.code, said.out) == (4, "")
    assert "--yes" in refusal
    for fact in facts:
        assert fact in shown


def amount(invoice: TrackedInvoice) -> str:
    """What it comes to, as people read it."""
    return told(french(invoice.total))


def test_resend_shows_a_correction(desk: Desk) -> None:
    """Number, member, amount, where it goes, each reference before and after, what is drawn."""
    invoice = deposited(desk, refused=True)
    words = ("resend", ONE, "--reason", "essai", "--engagement", "2025-NUM-0099")
    said = typed(desk, *words)

    require_told(
        said,
        [
            f"{ONE} — {invoice.member_name} ({invoice.siret})",
            f"{amount(invoice)} TTC",
            LOCAL,
            "la facture refaite en PDF (Factur-X), version 2",
            "Engagement : 2025-NUM-0099 (avant : 2025-NUM-0042)",
        ],
    )


def test_resend_shows_what_leaves_as_it_is(desk: Desk) -> None:
    """The name of the file that left before, and that a search comes first."""
    invoice = deposited(desk)
    desk.clock.advance(days=2)
    with desk.app.transaction() as tx:
        tx.connection().exec_driver_sql("UPDATE invoice SET status = 'unknown'")
    said = run("resend", ONE, "--reason", "essai", "--absent", ONE, config=desk.config)
    [attempt] = desk.attempts(ONE)

    require_told(
        said,
        [f"{invoice.member_name} ({invoice.siret})", LOCAL, f"Fichier : {attempt.file_name}"],
    )


def test_complete_shows_the_files_and_the_comment(desk: Desk, tmp_path: Path) -> None:
    """Under the names that the portal takes, and how large they are."""
    deposited(desk)
    desk.portal.decide(ONE, "SUSPENDUE", "il manque le bon de livraison")
    desk.clock.advance(hours=12)
    desk.follow()
    slip = tmp_path / "bon n°1 été.pdf"
    slip.write_bytes(b"%PDF-1.7 bon")
    said = typed(desk, "complete", ONE, slip, "--comment", "le bon")
    invoice = desk.one(ONE)

    require_told(
        said,
        [
            f"{ONE} — {invoice.member_name} ({invoice.siret}) — suspendue",
            f"{amount(invoice)} TTC",
            LOCAL,
            "Commentaire : le bon",
            "(« bon n°1 été.pdf » renommé), 12 octets",
        ],
    )


def draft_of(desk: Desk, *, internal: bool = False) -> tuple[list[CreditDraft], list[str]]:
    """What ``credit`` shows before it is agreed to, and what it asked the portal; not agreed."""
    shown: list[CreditDraft] = []

    def refuses(drafted: CreditDraft) -> bool:
        shown.append(drafted)
        return False

    desk.portal.asked.clear()
    request = Request(number=ONE, reason="essai", internal=internal)
    done = decisions.credit(desk.app, desk.portal, request, lambda _: None, refuses)
    assert done is None
    return shown, list(desk.portal.asked)


def test_credit_asks_the_portal_once_and_issues_nothing_without_agreement(desk: Desk) -> None:
    """The state is read before the note is shown, and never again for the same command."""
    deposited(desk)
    before = desk.invoices()
    shown, asked = draft_of(desk)
    issued = desk.events(EventTag.CREDIT_NOTE_ISSUED)

    assert [one.invoice.number for one in shown] == [ONE]
    assert len(asked) == len(set(asked))
    assert (desk.invoices(), issued) == (before, [])


def test_credit_shows_the_note(desk: Desk) -> None:
    """Number, member, amount, where it goes, each line; in JSON the same, once it is issued."""
    demo = desk.config
    refused = run("credit", ONE, "--reason", "secret", config=demo)
    done = run("credit", ONE, "--reason", "secret", "--yes", "--json", config=demo)
    invoice = desk.one(ONE)
    draft = done.json["draft"]

    require_told(
        refused,
        [
            f"Avoir sur la facture {ONE} — {invoice.member_name} ({invoice.siret})",
            "cet avoir interne reste dans nos livres",
            "Ligne 1, ",
            "utilisateurs × mois, ",
            f"Total : {amount(invoice)}",
            "La facture sera annulée",
        ],
    )

    assert "secret" not in refused.err.partition("Erreur")[0]
    assert (draft["corrects"], draft["covers_the_invoice"], draft["internal"]) == (ONE, True, True)
    assert draft["total_ttc"] == str(invoice.total)
    assert "Total" in told(done.err)


def test_follow_asks_now_though_nothing_is_due(desk: Desk) -> None:
    """What its buyer decided a moment ago is known."""
    deposited(desk)
    desk.portal.decide(ONE, "MANDATEE", "")
    steps: list[Progress] = []
    late = desk.follow()
    found = decisions.ask_now(desk.app, desk.portal, ONE, steps.append)

    assert late == []
    assert found.portal_status == "MANDATEE"
    assert [step.invoice for step in steps] == [found]


def test_follow_refuses_an_unknown_number_and_what_never_left(desk: Desk) -> None:
    """A sentence, and the portal is not called."""
    with pytest.raises(WrongUse, match="BSN-2026-99999"):
        decisions.ask_now(desk.app, desk.portal, "BSN-2026-99999", lambda _: None)
    with pytest.raises(Refused, match="n'est pas suivie"):
        decisions.ask_now(desk.app, desk.portal, ONE, lambda _: None)

    assert desk.portal.asked == []


def test_follow_says_that_the_portal_is_down(desk: Desk) -> None:
    """Nothing is changed."""
    before = deposited(desk)
    desk.portal.condition = Condition.DOWN
    with pytest.raises(PortalDown):
        decisions.ask_now(desk.app, desk.portal, ONE, lambda _: None)

    assert desk.one(ONE) == before


def test_show_has_what_a_person_decided(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Who, when, why and on what: ``confirm``, ``accept``, ``settle``; in JSON too."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path)
    first = preview(desk.app, YEAR).compared.members[0]
    siret = first.siret
    desk.write(ImportKind.PREVIOUS, "siret;annee;montant_ttc;nom", f"{siret};{YEAR - 1};1,00;")
    usage = "siret;service;palier;mois;utilisateurs"
    desk.write(ImportKind.USAGE, usage, f"{siret};stockage;5;{YEAR}-03;4")
    accept_outside(desk.app, siret, YEAR, "comptes fermés en retard")
    confirm(desk.app, siret, YEAR, "dix agents de plus")
    for other in preview(desk.app, YEAR).compared.members:
        if other.siret != siret and other.findings:
            confirm(desk.app, other.siret, YEAR, "nouveau")
    desk.issue()
    invoice = next(one for one in desk.invoices() if one.siret == siret)
    paid = ("--on", "2026-02-02", "--amount", "100,00", "--reference", "virement 12")
    assert run("settle", invoice.number, *paid, config=desk.config).code == 0
    shown = run("show", invoice.number, config=desk.config)
    kept = run("show", invoice.number, "--json", config=desk.config).json
    page = told(shown.out)

    assert shown.code == 0, shown.err
    for fact in ("montant confirmé", "dix agents de plus", f"{amount(invoice)} TTC"):
        assert fact in page
    for fact in ("hors abonnement accepté", "comptes fermés en retard", "05/01/2026"):
        assert fact in page
    assert re.search(r"n° 1 .*02/02/2026.*100,00 €.*virement 12", page)
    [confirmed], [accepted], [settled] = (
        kept[name] for name in ("confirmations", "acceptances", "settlements")
    )

    assert (confirmed["reason"], confirmed["in_force"]) == ("dix agents de plus", True)
    assert confirmed["total_ttc"] == kept["invoice"]["total_ttc"]
    assert confirmed["confirmed_by"] == accepted["accepted_by"] == desk.app.actor
    assert accepted["accepted"][0]["users"] == 4
    assert (settled["amount"], settled["paid_on"]) == ("100.00", "2026-02-02")
    assert settled["recorded_by"] in page
