"""Credit notes in the books: the right kind for each state, never twice, never by accident."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.memory_portal import Mishap
from tests.support.offices import PARKED, YEAR, Desk, in_the_buyers_hands, number, open_desk
from tests.support.stage_portal import ANSWERS, report
from worker.audit.verification import verify_books
from worker.billing.credit_note import NEUTRAL_REASON
from worker.billing.document import Document, Unprintable
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.billing.status import InvoiceKind, InvoiceStatus
from worker.corrections.credit import (
    Request,
    confirm_state,
    draft_credit_note,
    issue_credit_note,
)
from worker.errors import (
    Finding,
    InvalidDocument,
    Refused,
    WrongUse,
)
from worker.issuing.render import CheckedDocument
from worker.portals import DepositOutcome, FluxState
from worker.service.demo import STORY
from worker.storage import imported as records
from worker.storage import invoices
from worker.storage.tables import InvoiceRow

S = InvoiceStatus
ONE, TWO = number(1), number(2)
NOTE = "AVOIR-2026-00001"
SIRET = STORY[0].siret


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices issued, and not deposited yet."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)


@pytest.fixture(name="held_by_buyer")
def _held_by_buyer(desk: Desk) -> Desk:
    """Both invoices are integrated."""
    desk.deposit()
    desk.clock.advance(minutes=1)
    return in_the_buyers_hands(desk)


def test_an_accepted_invoice_gets_a_transmitted_credit_note(held_by_buyer: Desk) -> None:
    """Numbered in its own series, deposited and followed like an invoice; the invoice is gone."""
    desk = held_by_buyer
    note = desk.credit(ONE)
    assert (note.number, note.kind, note.status) == (NOTE, InvoiceKind.CREDIT_NOTE, S.ISSUED)
    assert (note.total, note.signed_total) == (Money(319680), Money(-319680))
    assert desk.one(ONE).status is S.CANCELLED
    desk.deposit()
    assert json.loads(desk.portal.fluxes[-1].content)["number"] == NOTE
    desk.clock.advance(minutes=1)
    desk.follow()

    assert desk.one(NOTE).status is S.INTEGRATED
    assert desk.is_sound()


def test_a_rejected_invoice_gets_an_internal_credit_note(held_by_buyer: Desk) -> None:
    """What the buyer rejected is taken back in our books only: nothing more is deposited."""
    desk = held_by_buyer
    desk.portal.decide(ONE, "REJETEE", "mauvais service")
    desk.follow()
    assert desk.one(ONE).status is S.REJECTED
    assert f"chorus-worker credit {ONE}" in desk.advice(ONE)
    note = desk.credit(ONE)

    assert (note.status, note.is_internal, desk.one(ONE).status) == (S.SETTLED, True, S.CANCELLED)
    assert desk.deposit() == []
    assert desk.is_sound()


def test_a_rejection_that_its_buyer_took_back_meanwhile_is_told(held_by_buyer: Desk) -> None:
    """Cancelled internally, it would stay to be paid at its buyer's: it is heard first."""
    desk = held_by_buyer
    desk.portal.decide(ONE, "REJETEE", "mauvais service")
    desk.follow()
    confirm_state(desk.app, desk.portal, ONE)
    assert desk.one(ONE).status is S.REJECTED
    desk.portal.decide(ONE, "SERVICE_FAIT")
    with pytest.raises(Refused, match="SERVICE_FAIT"):
        confirm_state(desk.app, desk.portal, ONE)
    confirm_state(desk.app, desk.portal, ONE)

    assert not desk.credit(ONE).is_internal


def test_an_invoice_never_deposited_is_cancelled_internally(desk: Desk) -> None:
    """A mistake seen in time: the invoice never leaves, and its number is explained."""
    note = desk.credit(ONE)

    assert note.is_internal
    assert [result.invoice.number for result in desk.deposit()] == [TWO]
    assert desk.is_sound()


def test_what_lives_at_the_portal_after_all_is_not_taken_back_internally(desk: Desk) -> None:
    """Given up, called refused, integrated late: learnt, and its buyer is told the second time."""
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(hours=25)
    desk.give_up(ONE)
    assert desk.one(ONE).status is S.REFUSED
    desk.portal.integrate()
    with pytest.raises(Refused, match="malgré tout") as caught:
        desk.credit(ONE)

    assert "retapez" in caught.value.remedy
    assert desk.one(ONE).status is S.INTEGRATED
    assert not desk.credit(ONE).is_internal
    assert len(desk.portal.integrated()) == 2


def test_no_internal_credit_note_while_a_file_may_still_be_integrated(desk: Desk) -> None:
    """Stuck in an incident and given up: replayed later, it would be paid beside the next one."""
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.portal.tell(ONE, report(FluxState.INCIDENT, "IN_INCIDENTE"))
    desk.clock.advance(hours=2)
    desk.follow()
    desk.give_up(ONE)
    assert desk.one(ONE).status is S.REFUSED
    with pytest.raises(Refused, match="peut encore aboutir") as caught:
        desk.credit(ONE)
    assert desk.portal.fluxes[0].number in caught.value.message
    assert f"resend {ONE}" in caught.value.remedy
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", "trop tard", of=ONE))

    assert desk.credit(ONE).is_internal


def test_a_file_that_never_ends_leaves_a_person_the_last_word(desk: Desk) -> None:
    """Its buyer is closed, its file stays in an incident: the retyped number decides, no copy."""
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(hours=25)
    desk.give_up(ONE)
    with pytest.raises(Refused) as caught:
        desk.credit(ONE)

    assert f"--internal {ONE}" in caught.value.remedy
    assert desk.credit(ONE, internal=True).is_internal


def test_a_copy_that_the_search_shows_in_part_is_not_taken_back_internally(desk: Desk) -> None:
    """Without its amount, it is read in the invoice itself."""
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(hours=25)
    desk.give_up(ONE)
    desk.portal.integrate()
    desk.portal.amend = lambda found: replace(found, gross=None)
    with pytest.raises(Refused, match="malgré tout"):
        desk.credit(ONE)


def test_a_credit_note_that_its_buyer_can_no_longer_receive_is_kept(held_by_buyer: Desk) -> None:
    """Its structure is closed: kept in our books; nothing is billed beside what still lives."""
    desk = held_by_buyer
    desk.credit(ONE)
    desk.portal.answers.append(ANSWERS[DepositOutcome.REFUSED])
    desk.deposit()
    assert desk.one(NOTE).status is S.REFUSED
    assert f"credit {NOTE}" in desk.advice(NOTE)
    with pytest.raises(Refused, match="seul un avoir rejeté"):
        desk.credit(NOTE)
    again = desk.credit(NOTE, internal=True)
    assert (again.number, again.status) == ("AVOIR-2026-00002", S.SETTLED)
    assert again.is_internal
    assert again.total == desk.one(ONE).total
    assert desk.one(NOTE).status is S.CANCELLED
    assert desk.deposit() == []
    desk.lift_hold(SIRET)
    (parked,) = [o for o in desk.issue() if o.member.siret == SIRET]

    assert [finding.code for finding in parked.findings] == ["PORTAL-RIVAL"]
    assert ONE in parked.findings[0].message
    assert desk.is_sound()


def test_only_after_a_refused_deposit_does_a_person_decide(held_by_buyer: Desk) -> None:
    """What its buyer has, or what is on its way, has another way out."""
    desk = held_by_buyer
    for number_of in (ONE, NOTE):
        with pytest.raises(Refused, match="que pour un dépôt refusé"):
            desk.credit(number_of, internal=True)
        if number_of == ONE:
            desk.credit(ONE)


def test_what_its_buyer_rejected_meanwhile_is_taken_back_internally(desk: Desk) -> None:
    """Refused for us, integrated late and rejected by its buyer: there is nothing left to pay."""
    desk.deposit()
    with desk.app.transaction() as session:
        session.get_one(InvoiceRow, desk.one(ONE).id).status = S.REFUSED.value
    desk.portal.decide(ONE, "REJETEE")

    assert desk.credit(ONE).is_internal


def test_a_refused_credit_note_keeps_its_own_references(held_by_buyer: Desk) -> None:
    """Sent again, it keeps what was asked for it; what is imported for the year is not touched."""
    desk = held_by_buyer
    desk.credit(ONE, engagement="  NEUF-1 ")
    with desk.app.transaction() as session:
        imported = records.references_of(session, SIRET, YEAR)
        session.get_one(InvoiceRow, desk.one(NOTE).id).status = S.REFUSED.value
    desk.resend(NOTE)
    with desk.app.store.reading() as session:
        assert invoices.content(session, desk.one(NOTE).id).engagement == "NEUF-1"
        assert records.references_of(session, SIRET, YEAR) == imported

    assert imported.engagement != "NEUF-1"


def test_a_credit_note_whose_number_is_taken_is_made_again(held_by_buyer: Desk) -> None:
    """Under its number it would be refused for ever: the advised command leaves that state."""
    desk = held_by_buyer
    desk.credit(ONE)
    desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    desk.portal.amend = lambda found: replace(found, recipient="99980901600015")
    desk.clock.advance(minutes=15)
    desk.reconcile()
    assert desk.one(NOTE).status is S.REFUSED
    assert f"chorus-worker credit {NOTE}" in desk.advice(NOTE)
    again = desk.credit(NOTE)

    assert (again.number, again.status) == ("AVOIR-2026-00002", S.ISSUED)
    assert (again.total, desk.one(NOTE).status) == (desk.one(ONE).total, S.CANCELLED)
    assert desk.is_sound()


@pytest.fixture(name="rejected")
def _rejected(held_by_buyer: Desk) -> Desk:
    """The buyer has rejected the credit note of the first invoice."""
    first = held_by_buyer.credit(ONE)
    with pytest.raises(Refused, match="seul un avoir rejeté"):
        held_by_buyer.credit(NOTE)
    held_by_buyer.deposit()
    held_by_buyer.clock.advance(minutes=1)
    held_by_buyer.follow()
    with held_by_buyer.app.transaction() as session:
        session.get_one(InvoiceRow, first.id).status = S.REJECTED.value
    return held_by_buyer


def test_a_rejected_credit_note_is_made_again_whole_or_not_at_all(rejected: Desk) -> None:
    """The command is named; a part is refused, and so is billing the member twice."""
    desk = rejected
    assert f"chorus-worker credit {NOTE}" in desk.advice(NOTE)
    with pytest.raises(Refused, match="tout entier"):
        desk.credit(NOTE, quantities={"1": 1})
    with pytest.raises(Refused, match="deux fois"):
        desk.lift_hold(SIRET)


def test_a_rejected_credit_note_is_made_again(rejected: Desk) -> None:
    """Under a new number, corrected; the first no longer counts."""
    desk, first = rejected, rejected.one(NOTE)

    again = desk.credit(NOTE, engagement="JUSTE-1")

    assert (again.number, again.status, again.total) == ("AVOIR-2026-00002", S.ISSUED, first.total)
    assert (desk.one(NOTE).status, desk.one(ONE).status) == (S.CANCELLED, S.CANCELLED)
    assert desk.one(NOTE).signed_total == Money(0)
    assert desk.is_sound()
    with desk.app.store.reading() as session:
        content = invoices.content(session, again.id)
        (counting,) = invoices.credit_notes(session, desk.one(ONE).id)
    assert content.engagement == "JUSTE-1"
    assert content.preceding is not None
    assert content.preceding.number == ONE
    assert content.notes[0].text.endswith(f"Motif : {NEUTRAL_REASON}.")
    assert counting.number == again.number
    (_, payload) = desk.events(EventTag.CREDIT_NOTE_ISSUED)[-1]

    assert payload["replaces"] == NOTE


def test_a_member_is_billed_again_once_its_credit_note_was_made_again(rejected: Desk) -> None:
    """The corrected credit note counts: nothing is billed twice."""
    desk = rejected
    desk.credit(NOTE, engagement="JUSTE-1")
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.lift_hold(SIRET)

    assert any(outcome.number == number(12) for outcome in desk.issue())
    assert desk.is_sound()


def test_a_draft_writes_nothing(held_by_buyer: Desk) -> None:
    """What ``--dry-run`` shows is the credit note that would be issued, and the books stay."""
    desk = held_by_buyer
    request = Request(number=ONE, reason="essai")
    drafted = draft_credit_note(desk.app, desk.portal, request)
    assert drafted.covers_the_invoice
    assert [i.number for i in desk.invoices() if i.is_credit_note] == []
    note = desk.credit(ONE)

    assert (note.number, note.total) == (NOTE, drafted.draft.totals.payable)


@pytest.mark.parametrize(
    "asked, words",
    [
        (
            Request(number=ONE, reason="x", printed_reason="erreur 🙂"),
            "Le motif imprimé de l'avoir contient un signe",
        ),
        (Request(number=ONE, reason="x", printed_reason="erreur 日"), "« 日 », U+65E5"),
        (Request(number=ONE, reason="x", engagement="EJ 日"), "L'engagement de l'avoir contient"),
    ],
)
def test_a_text_that_cannot_be_printed_is_refused_before_anything(
    held_by_buyer: Desk, asked: Request, words: str
) -> None:
    """``--dry-run`` refuses what the command would refuse, and both name the option."""
    desk = held_by_buyer
    before = (desk.invoices(), desk.archived(), desk.events())
    for act in (draft_credit_note, partial(issue_credit_note, render=desk.rendering)):
        with pytest.raises(WrongUse) as caught:
            act(desk.app, desk.portal, request=asked)
        assert words in caught.value.message
        assert "--" in caught.value.remedy

    assert (desk.invoices(), desk.archived(), desk.events()) == before


def test_a_credit_note_that_cannot_be_printed_is_called_so(held_by_buyer: Desk) -> None:
    """What only the page finds is said of « l'avoir », with the text that holds the sign."""
    desk = held_by_buyer

    def render(*_: object) -> Sequence[Document]:
        raise Unprintable("invoice cannot be printed", "f")

    desk.render = render
    with pytest.raises(InvalidDocument) as caught:
        desk.credit(ONE)
    assert caught.value.message == f"L'avoir {NOTE} ne peut pas être imprimé."
    (finding,) = caught.value.findings

    assert finding.message.startswith("le nom du membre contient un signe")
    assert "membres" in finding.remedy


def test_a_credit_note_is_listed_behind_its_invoice(held_by_buyer: Desk) -> None:
    """Whatever the prefixes: its number sorts before the invoice's, its place is after it."""
    held_by_buyer.credit(TWO)
    listed = [i.number for i in held_by_buyer.invoices()]

    assert listed[listed.index(TWO) + 1] == NOTE


def test_a_partial_credit_note_leaves_the_invoice_standing(held_by_buyer: Desk) -> None:
    """Some units are given back; what is left can be credited later, and not a unit more."""
    desk = held_by_buyer
    note = desk.credit(ONE, quantities={"1": 4})
    assert desk.one(ONE).status is S.INTEGRATED
    with desk.app.store.reading() as session:
        line = invoices.content(session, note.id).lines[0]
        price = invoices.content(session, desk.one(ONE).id).lines[0].unit_price_gross
    assert (line.quantity, note.total) == (4, price * 4)
    with pytest.raises(WrongUse, match="il en reste 140"):
        desk.credit(ONE, quantities={"1": 141})
    rest = desk.credit(ONE)
    assert note.total + rest.total == desk.one(ONE).total
    assert (rest.number, desk.one(ONE).status) == ("AVOIR-2026-00002", S.CANCELLED)
    with pytest.raises(Refused, match="déjà annulée"):
        desk.credit(ONE)

    assert desk.is_sound()


def test_an_invoice_the_buyer_does_not_hold_is_cancelled_whole(desk: Desk) -> None:
    """A part of an invoice that nobody received makes no sense: a right one replaces it."""
    with pytest.raises(Refused, match="tout entière"):
        desk.credit(ONE, quantities={"1": 4})

    assert desk.one(ONE).status is S.ISSUED


def test_on_the_helios_channel_every_credit_note_is_exported(desk: Desk) -> None:
    """The title software carries the invoices: their credit notes wait for it, parts included."""
    note = desk.credit(ONE, deposits=False, quantities={"1": 4})

    assert (note.status, desk.one(ONE).status) == (S.ISSUED, S.ISSUED)


@pytest.mark.parametrize("moved", ["deposited", "credit note", "unknown number", "parked"])
def test_no_credit_note_before_the_fate_of_the_deposit_is_known(desk: Desk, moved: str) -> None:
    """A deposited invoice, a credit note, a parked member: refused, with what to do."""
    target = ONE
    match moved:
        case "deposited":
            desk.deposit()
        case "credit note":
            target = desk.credit(ONE).number
        case "unknown number":
            target = "BSN-2026-99999"
        case _:
            desk.issue()
            target = next(i.number for i in desk.invoices() if i.siret == PARKED) or "—"
    count = len(desk.invoices())
    with pytest.raises((Refused, WrongUse)) as caught:
        desk.credit(target)

    assert caught.value.remedy
    assert len(desk.invoices()) == count


def test_a_transmitted_credit_note_needs_what_the_directory_demands(held_by_buyer: Desk) -> None:
    """The service closed since: refused before any number, unless another one is given."""
    desk = held_by_buyer
    desk.portal.change(STORY[0].siret, active=False)
    with pytest.raises(Refused, match="serait refusé") as caught:
        desk.credit(ONE)
    assert [finding.code for finding in caught.value.findings] == ["DIR-INACTIVE"]
    desk.portal.change(STORY[0].siret, active=True)

    assert desk.credit(ONE, engagement="2025-NUM-0043").number == NOTE


def test_an_invalid_credit_note_leaves_no_trace(held_by_buyer: Desk) -> None:
    """No number, no file, no event, and the invoice stands as it was."""
    desk = held_by_buyer

    def check(document: Document) -> CheckedDocument:
        wrong = Finding(code="BR-CO-15", message="le total est faux")
        return CheckedDocument(document=document, findings=(wrong,))

    before = (desk.invoices(), desk.archived(), desk.events())
    desk.check, light = check, desk.check
    with pytest.raises(InvalidDocument):
        desk.credit(ONE)
    assert (desk.invoices(), desk.archived(), desk.events()) == before
    desk.check = light

    assert desk.credit(ONE).number == NOTE


def test_two_people_do_not_credit_the_same_invoice_twice(held_by_buyer: Desk) -> None:
    """The one who decided on what he saw before is told that it changed; there is one note."""
    desk = held_by_buyer
    desk.clock.advance(days=2)  # the directory is asked again

    def late(_siret: str) -> None:
        desk.portal.watch_structure = lambda _: None
        desk.second().credit(ONE)

    desk.portal.watch_structure = late
    with pytest.raises(Refused, match="vient de changer"):
        desk.credit(ONE)

    assert [i.number for i in desk.invoices() if i.is_credit_note] == [NOTE]


def test_the_journal_says_who_credited_what_and_why(desk: Desk) -> None:
    """Reason, invoice, amount and hashes of the documents; then the cancellation, then the hold."""
    desk.credit(ONE)
    (issued,) = desk.events(EventTag.CREDIT_NOTE_ISSUED)

    assert issued[0] == NOTE
    assert {key: issued[1][key] for key in ("corrects", "reason", "internal", "total_ttc")} == {
        "corrects": ONE,
        "reason": "essai",
        "internal": True,
        "total_ttc": "3196.80",
    }
    assert set(issued[1]["documents"].values()) <= set(desk.archived())
    assert desk.events(EventTag.INVOICE_CANCELLED)[0][0] == ONE
    assert desk.events(EventTag.HOLD_PLACED)[0][0] == f"{SIRET}/{YEAR}"


def test_a_credit_note_altered_in_the_database_is_seen(held_by_buyer: Desk) -> None:
    """An amount given back that is not the journal's, or more than invoiced, is an anomaly."""
    desk = held_by_buyer
    note = desk.credit(ONE)
    with desk.app.transaction() as session:
        session.execute(
            text("UPDATE invoice SET total_cents = total_cents + 1 WHERE id = :id"),
            {"id": note.id},
        )

    assert [f.where for f in verify_books(desk.app.store)] == [f"avoir {NOTE}"]
