"""What became of deposits: reports, then the buyer's statuses in whatever order they come."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.offices import YEAR, Desk, number, open_desk
from worker.audit import EventTag
from worker.demo import STORY
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown
from worker.export import export_year
from worker.lifecycle import UNKNOWN_WORD, InvoiceStatus
from worker.portals import FluxState, IntegrationReport, ReportError
from worker.portals.memory import Condition, Mishap
from worker.receipts import MOST_IN_VAIN
from worker.storage import deposits
from worker.storage.deposits import LONG_AGO
from worker.todo import is_stuck, needs_person, todo
from worker.verification import verify_books

S = InvoiceStatus
ONE, TWO = number(1), number(2)
SILENT = STORY[-1].siret
"""The member whose structure never reports that it paid: the eleventh issued."""


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices deposited a minute ago, that wait for their verdict."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(minutes=1)
    return desk


@pytest.fixture(name="held")
def _held(desk: Desk) -> Desk:
    """Both are integrated, and a day has passed."""
    desk.portal.integrate()
    desk.follow()
    desk.clock.advance(days=1)
    assert {i.status for i in desk.invoices()} == {S.INTEGRATED}
    return desk


def report(
    state: FluxState, raw_state: str, *texts: str, of: str = ONE, code: str = ""
) -> IntegrationReport:
    """What the portal says of a flux, with one error for each text."""
    return IntegrationReport(
        flux_number="",
        state=state,
        raw_state=raw_state,
        errors=tuple(ReportError(text=text, invoice_number=of, code=code) for text in texts),
    )


def test_a_pending_report_is_asked_again_later_and_later(desk: Desk) -> None:
    """After 1, 2, 4… minutes as configured, the last wait repeating; nothing else changes."""
    waits = []
    for _ in range(9):
        before = desk.clock.now
        desk.follow()
        invoice = desk.one(ONE)
        assert (invoice.status, invoice.detail) == (S.DEPOSITED, "")
        assert invoice.next_check_at is not None
        waits.append((invoice.next_check_at - before) // timedelta(minutes=1))
        assert desk.follow() == []
        desk.clock.now = invoice.next_check_at
    assert waits == [2, 4, 8, 15, 60, 240, 240, 240, 240]
    assert needs_person(desk.one(ONE), desk.clock.now) is (sum(waits) > 24 * 60)


def test_an_integrated_report_gives_the_portals_identifier_and_the_history(desk: Desk) -> None:
    """Observed once each, journalled once; from then on the news tell what changes."""
    desk.portal.integrate()
    assert [i.number for i in desk.follow()] == [ONE, TWO]
    invoice = desk.one(ONE)
    assert (invoice.status, invoice.cpp_id, invoice.portal_status) == (S.INTEGRATED, 1, "DEPOSEE")
    assert invoice.next_check_at is None
    assert [(o.source, o.raw_status) for o in desk.observations(ONE)] == [
        ("report", "IN_INTEGRE"),
        ("search", "DEPOSEE"),
    ]
    assert [subject for subject, _ in desk.events(EventTag.REPORT_RECEIVED)] == [ONE, TWO]
    assert desk.events(EventTag.STATUS_CHANGED) == []


def test_the_portals_own_report_is_kept_as_evidence(desk: Desk, tmp_path: Path) -> None:
    """Archived, journalled, exported; the verification sees when it is altered."""
    desk.portal.integrate()
    desk.follow()
    (seen,) = [o for o in desk.observations(ONE) if o.source == "report"]
    store = desk.office.store
    receipt = store.archive.get(seen.evidence)
    assert receipt.startswith(b"%PDF")
    assert desk.events(EventTag.RECEIPT_KEPT)[-1][1]["sha256"] == seen.evidence
    export_year(store, YEAR, tmp_path / "export")
    flux = desk.portal.fluxes[0].number
    assert (tmp_path / "export" / ONE / f"compte-rendu-{flux}.pdf").read_bytes() == receipt
    assert verify_books(store) == ()
    path = store.archive.folder / seen.evidence[:2] / seen.evidence
    path.chmod(0o600)
    path.write_bytes(receipt + b"!")
    assert [finding.where for finding in verify_books(store)] == [f"facture {ONE}"]


def test_a_report_that_cannot_be_had_stops_nothing(desk: Desk) -> None:
    """Refused by the portal, it is asked again for a week, once at each pass, then given up."""
    asked = []

    def closed(flux_number: str) -> bytes | None:
        asked.append(flux_number)
        raise PortalAccessRefused("Accès interdit à consulterCR (HTTP 403).")

    desk.portal.receipt = closed  # type: ignore[method-assign] # an operation closed to us
    desk.portal.integrate()
    desk.follow()
    assert {i.status for i in desk.invoices() if i.number} == {S.INTEGRATED}
    desk.follow()
    assert len(asked) == 2
    desk.clock.advance(days=7, seconds=1)
    desk.follow()
    assert len(asked) == 2


def test_reports_that_cannot_be_had_are_asked_for_a_few_at_a_time(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """A portal that gives none costs three questions a pass, and two that fail hide no other."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "mute", issued=6)
    give, asked = desk.portal.receipt, []
    withheld = {f"CPP0010000{rank:015d}" for rank in range(1, 7)}

    def mute(flux_number: str) -> bytes | None:
        asked.append(flux_number)
        if flux_number in withheld:
            if len(asked) % 2:
                raise PortalAnswerError("Réponse inexploitable à consulterCR.")
            return None
        return give(flux_number)

    desk.portal.receipt = mute  # type: ignore[method-assign] # an operation that hardly works
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert len(asked) == MOST_IN_VAIN
    withheld -= {flux for flux in withheld if flux[-1] not in "56"}
    desk.follow()
    kept = [any(o.evidence for o in desk.observations(number(rank))) for rank in range(1, 7)]
    assert kept == [True, True, True, True, False, False]


def test_a_portal_down_in_the_middle_keeps_what_was_learnt(desk: Desk) -> None:
    """The first is integrated, the second is asked again another time."""
    desk.portal.integrate()

    def stop() -> bool:
        if desk.one(ONE).status is S.INTEGRATED:
            desk.portal.condition = Condition.DOWN
        return False

    with pytest.raises(PortalDown):
        desk.follow(stop)
    assert [i.status for i in desk.invoices()] == [S.INTEGRATED, S.DEPOSITED]
    desk.portal.condition = Condition.UP
    assert TWO in [i.number for i in desk.follow()]


def test_an_unknown_state_is_shown_and_waited_for(desk: Desk) -> None:
    """A word this program does not know decides nothing, and is not hidden."""
    desk.portal.tell(ONE, report(FluxState.UNRECOGNISED, "IN_NOUVEAU_2027"))
    desk.follow()
    invoice = desk.one(ONE)
    assert invoice.status is S.DEPOSITED
    assert "IN_NOUVEAU_2027" in invoice.detail
    assert "Suivi des flux" in todo(invoice, desk.clock.now)
    assert desk.observations(ONE)[0].raw_status == "IN_NOUVEAU_2027"


def test_an_incident_is_shown_until_it_is_over(desk: Desk) -> None:
    """A person is told to watch it; the portal may restart it by itself, and nothing is resent."""
    desk.portal.tell(ONE, report(FluxState.INCIDENT, "IN_INCIDENTE"))
    desk.follow()
    assert "incident" in desk.one(ONE).detail
    assert needs_person(desk.one(ONE), desk.clock.now)
    desk.portal.tell(ONE, report(FluxState.PENDING, "IN_EN_COURS_TRAITEMENT_CPP"))
    desk.clock.advance(minutes=5)
    desk.follow()
    assert desk.one(ONE).detail == ""
    desk.portal.integrate()
    desk.clock.advance(hours=1)
    desk.follow()
    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.attempts(ONE)) == 1


@pytest.mark.parametrize(
    "said",
    [
        report(FluxState.REJECTED, "IN_REJETE", "service inconnu", "engagement absent"),
        report(FluxState.PARTIAL, "IN_INTEGRE_PARTIEL", "service inconnu", "engagement absent"),
        report(FluxState.REJECTED, "IN_REJETE", "service inconnu", "engagement absent", of=""),
    ],
)
def test_a_rejected_flux_is_refused_with_the_portals_words(
    desk: Desk, said: IntegrationReport
) -> None:
    """All errors of the report, and the directory is asked again next time."""
    siret = desk.one(ONE).siret
    desk.portal.tell(ONE, said)
    desk.follow()
    refused = desk.one(ONE)
    assert (refused.status, refused.next_check_at) == (S.REFUSED, None)
    assert refused.detail == "service inconnu | engagement absent"
    with desk.office.store.reading() as session:
        ages = [deposits.cached_entry(session, of) for of in (siret, desk.one(TWO).siret)]
    assert [age is not None and age[0] == LONG_AGO for age in ages] == [True, False]
    (event,) = desk.events(EventTag.REPORT_RECEIVED)
    assert event[1]["errors"] == refused.detail


def test_a_rejection_without_a_word_still_says_something(desk: Desk) -> None:
    """The flux and its state, when the report has no error text."""
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE"))
    desk.follow()
    assert desk.portal.fluxes[0].number in desk.one(ONE).detail
    assert "IN_REJETE" in desk.one(ONE).detail


def test_a_partial_report_about_others_decides_nothing(desk: Desk) -> None:
    """Neither found nor named: it may not be indexed yet."""
    desk.portal.tell(ONE, report(FluxState.PARTIAL, "IN_INTEGRE_PARTIEL", "refus", of="AUTRE-1"))
    desk.follow()
    assert desk.one(ONE).status is S.DEPOSITED


def test_a_duplicate_whose_first_copy_lives_is_integrated(desk: Desk) -> None:
    """The refusal speaks of the second delivery: the invoice itself is well."""
    desk.portal.integrate()
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", "Doublon de facture"))
    desk.follow()
    invoice = desk.one(ONE)
    assert (invoice.status, invoice.cpp_id, invoice.detail) == (S.INTEGRATED, 1, "")


@pytest.mark.parametrize(
    "words",
    ["DOUBLON", "Contrôle d'unicité", "le numero BSN est deja utilise", "numéro déjà utilisé"],
)
def test_a_duplicate_that_cannot_be_found_is_uncertain(desk: Desk, words: str) -> None:
    """Not refused: its first copy is looked for, and found once it is indexed."""
    desk.portal.integrate()
    desk.portal.not_indexed.add(ONE)
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", words))
    desk.follow()
    doubted = desk.one(ONE)
    assert doubted.status is S.UNKNOWN
    assert words in doubted.detail
    assert doubted.next_check_at == desk.clock.now + timedelta(hours=4)
    desk.clock.advance(hours=4)
    desk.reconcile()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.reconcile()
    desk.follow()
    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.fluxes) == 2


def test_a_rejection_after_an_uncertain_delivery_may_be_a_duplicate_in_any_words(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Whatever words refuse the second copy, the invoice whose first copy lives is not refused."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "late", issued=1)
    desk.portal.not_indexed.add(ONE)
    desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    for minutes in (15, 60, 240):
        desk.clock.advance(minutes=minutes)
        desk.reconcile()
    assert desk.one(ONE).status is S.ISSUED
    desk.deposit()
    assert desk.portal.fluxes[1].report.state is FluxState.REJECTED
    assert "doublon" not in desk.portal.fluxes[1].report.text.lower()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.reconcile()
    desk.follow()
    assert desk.one(ONE).status is S.INTEGRATED
    assert desk.one(ONE).flux_number == desk.portal.fluxes[0].number


def test_a_rejection_after_a_delivery_that_was_given_up_may_be_a_duplicate_too(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The first file wakes up after all, not found yet: the second's rejection is no refusal."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "woken", issued=1)
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(hours=25)
    desk.give_up(ONE)
    desk.resend(ONE)
    desk.deposit()
    desk.portal.not_indexed.add(ONE)
    desk.portal.integrate()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.reconcile()
    desk.follow()
    assert desk.one(ONE).status is S.INTEGRATED
    assert desk.one(ONE).flux_number == desk.portal.fluxes[0].number


def test_a_second_rejection_is_a_refusal_when_the_first_was_one(desk: Desk) -> None:
    """Corrected in vain: nothing of it can live at the portal, and the person is told at once."""
    for text in ("service inconnu", "engagement absent"):
        desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", text))
        desk.follow()
        assert (desk.one(ONE).status, desk.one(ONE).detail) == (S.REFUSED, text)
        desk.resend(ONE)
        desk.deposit()
        desk.clock.advance(minutes=1)


def test_an_integrated_invoice_that_search_does_not_show_yet_stays_deposited(desk: Desk) -> None:
    """It is looked for again, and found later; a person is told after a day."""
    desk.portal.integrate()
    desk.portal.not_indexed.add(ONE)
    desk.follow()
    assert [i.status for i in desk.invoices()] == [S.DEPOSITED, S.INTEGRATED]
    desk.clock.advance(days=2)
    desk.follow()
    assert needs_person(desk.one(ONE), desk.clock.now)
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.follow()
    assert desk.one(ONE).status is S.INTEGRATED


def test_an_unusable_answer_about_one_invoice_puts_only_that_one_off(held: Desk) -> None:
    """The portal no longer shows one of our invoices: seen within a week, the other is followed."""
    held.clock.advance(days=7)
    del held.portal.invoices[1]
    held.portal.decide(TWO, "MISE_EN_PAIEMENT")
    held.follow()
    one = held.one(ONE)
    assert (one.status, held.one(TWO).status) == (S.INTEGRATED, S.SETTLED)
    assert "ne connaît pas" in one.detail
    assert one.next_check_at == held.clock.now + timedelta(hours=4)


@pytest.mark.parametrize(
    "raw,status",
    [
        ("MISE_A_DISPOSITION_COMPTABLE", S.INTEGRATED),
        ("SUSPENDUE", S.SUSPENDED),
        ("REJETEE", S.REJECTED),
        ("A_RECYCLER", S.REJECTED),
        ("SERVICE_FAIT", S.INTEGRATED),
        ("MANDATEE", S.INTEGRATED),
        ("COMPTABILISEE", S.INTEGRATED),
        ("MISE_EN_PAIEMENT", S.SETTLED),
        ("UN_MOT_DE_2029", S.INTEGRATED),
    ],
)
def test_our_status_is_derived_from_the_buyers(held: Desk, raw: str, status: S) -> None:
    """The portal's word is kept as it is, with its comment for the person who reads."""
    held.portal.decide(ONE, raw, "pièce jointe illisible")
    held.follow()
    invoice = held.one(ONE)
    assert (invoice.status, invoice.portal_status) == (status, raw)
    unknown = UNKNOWN_WORD + "UN_MOT_DE_2029"
    assert invoice.detail == (unknown if "2029" in raw else "pièce jointe illisible")
    changes = held.events(EventTag.STATUS_CHANGED)
    assert [payload["to"] for _, payload in changes] == (
        [] if status is S.INTEGRATED else [status.value]
    )
    assert ("history", raw) in [(o.source, o.raw_status) for o in held.observations(ONE)]


def test_statuses_come_in_any_order_even_backwards(held: Desk) -> None:
    """Our status follows the current one; the history keeps every observation once."""
    words = [
        "SUSPENDUE",
        "COMPLETEE",
        "REJETEE",
        "SUSPENDUE",
        "SERVICE_FAIT",
        "REJETEE",
        "MANDATEE",
    ]
    seen = []
    for word in words:
        held.portal.decide(ONE, word)
        held.follow()
        seen.append(held.one(ONE).status)
        held.clock.advance(days=1)
        held.follow()
        held.clock.advance(days=1)
    assert seen == [
        S.SUSPENDED,
        S.INTEGRATED,
        S.REJECTED,
        S.SUSPENDED,
        S.INTEGRATED,
        S.REJECTED,
        S.INTEGRATED,
    ]
    history = [o.raw_status for o in held.observations(ONE) if o.source == "history"]
    assert sorted(history) == sorted(["DEPOSEE", *words])
    held.portal.decide(ONE, "MISE_EN_PAIEMENT")
    held.follow()
    held.portal.decide(ONE, "SUSPENDUE")
    held.clock.advance(days=30)
    held.follow()
    assert held.one(ONE).status is S.SETTLED


def test_approved_is_the_last_word_of_a_buyer_that_does_not_report_payment(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Settled for that buyer; the others are followed until they pay."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "silent", issued=12)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    for invoice in desk.invoices()[:11]:
        desk.portal.decide(invoice.number, "COMPTABILISEE")
    desk.clock.advance(days=1)
    desk.follow()
    assert {i.siret for i in desk.invoices() if i.status is S.SETTLED} == {SILENT}
    assert len([i for i in desk.invoices() if i.status is S.INTEGRATED]) == 10


@pytest.mark.parametrize("days", [1, 8])
def test_what_is_rejected_after_its_last_word_is_work_for_a_person(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, days: int
) -> None:
    """A buyer that reports no payment approved it, then its accountant sent it back."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "silent", issued=12)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    (silent,) = (i.number for i in desk.invoices() if i.siret == SILENT)
    for word, status in (("MANDATEE", S.SETTLED), ("REJETEE", S.REJECTED)):
        desk.portal.decide(silent, word, "pièce du comptable")
        desk.clock.advance(days=days)
        desk.follow()
        assert (desk.one(silent).status, desk.one(silent).detail) == (status, "pièce du comptable")
    assert needs_person(desk.one(silent), desk.clock.now)


def test_only_what_is_due_is_asked_and_stop_is_obeyed(desk: Desk) -> None:
    """Nothing before its time; nothing more once asked to stop."""
    desk.follow(lambda: True)
    assert desk.portal.asked == []
    desk.follow()
    assert len(desk.portal.asked) == 2
    desk.follow()
    assert len(desk.portal.asked) == 2


def test_a_second_delivery_is_not_called_integrated_by_the_first(desk: Desk) -> None:
    """The first was called so and never shown; the second has no verdict, and a person is told."""
    desk.portal.tell(ONE, report(FluxState.PARTIAL, "IN_INTEGRE_PARTIEL"))
    desk.follow()
    desk.clock.advance(days=8)
    desk.give_up(ONE)
    desk.resend(ONE)
    desk.deposit()
    assert desk.one(ONE).portal_status == ""
    desk.clock.advance(hours=25)
    assert is_stuck(desk.one(ONE), desk.clock.now)
    assert desk.one(ONE).flux_number in todo(desk.one(ONE), desk.clock.now)


def test_what_was_adopted_without_its_flux_is_followed_without_a_report(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The search left the field out: two such invoices are each found by number, and integrated."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "fluxless", issued=2)
    desk.portal.mishaps.extend([Mishap.ANSWER_LOST] * 2)
    desk.deposit()
    desk.portal.amend = lambda found: replace(found, flux_number="")
    desk.clock.advance(minutes=15)
    desk.reconcile()
    assert [(i.status, i.flux_number) for i in desk.invoices()] == [(S.DEPOSITED, "")] * 2
    desk.portal.not_indexed.add(TWO)
    desk.follow()
    assert [i.status for i in desk.invoices()] == [S.INTEGRATED, S.DEPOSITED]
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.follow()
    assert [i.status for i in desk.invoices()] == [S.INTEGRATED] * 2
    assert not any(question == "report " for question in desk.portal.asked)


def test_a_deposit_of_a_clock_that_was_ahead_is_followed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Its next look is a month away: nobody waits for it, and a person may look for it."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "ahead", issued=1)
    desk.portal.integrates_at_once = False
    desk.clock.advance(days=30)
    desk.deposit()
    desk.clock.advance(days=-30)
    assert is_stuck(desk.one(ONE), desk.clock.now)
    desk.portal.integrate()
    desk.follow()
    assert desk.one(ONE).status is S.INTEGRATED


def test_a_report_of_the_first_delivery_decides_nothing_about_the_second(desk: Desk) -> None:
    """Two workers read a rejection: one sends again, corrected, before the other has concluded."""
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", "service inconnu"))
    ask, other = desk.portal.integration_report, desk.second()

    def answer_late(flux_number: str) -> IntegrationReport:
        answer = ask(flux_number)
        desk.portal.integration_report = ask  # type: ignore[method-assign] # as before
        other.follow()
        desk.clock.advance(seconds=20)
        other.resend(ONE)
        other.deposit()
        return answer

    desk.portal.integration_report = answer_late  # type: ignore[method-assign] # a slow portal
    desk.follow()
    delivered = desk.one(ONE)
    assert (delivered.status, delivered.detail) == (S.DEPOSITED, "")
    assert delivered.flux_number == desk.portal.fluxes[-1].number
