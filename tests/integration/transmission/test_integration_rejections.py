"""Rejections in reports: refused, unless a copy of the invoice may live at the portal."""

from pathlib import Path

import pytest

from tests.support.memory_portal import Mishap
from tests.support.offices import Desk, number, open_desk, open_waiting_desk
from tests.support.stage_portal import report
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, Trouble
from worker.portals import FluxState, IntegrationReport
from worker.storage import (
    directory,
)
from worker.storage.directory import (
    LONG_AGO,
)

S = InvoiceStatus
WORDS = [
    "DOUBLON",
    "Numéro de facture existant",
    "INVOICE_ALREADY_EXISTS",
    "utilisé par une autre demande de paiement",
    "code 20010",
    "le numéro d'engagement est obligatoire",
]
"""Those that speak of a copy, and others: no wording is official (§0.3)."""
ONE, TWO = number(1), number(2)
REASONS = ("service inconnu", "engagement absent")


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_waiting_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        report(FluxState.REJECTED, "IN_REJETE", *REASONS, of=ONE),
        report(FluxState.PARTIAL, "IN_INTEGRE_PARTIEL", *REASONS, of=ONE),
        report(FluxState.REJECTED, "IN_REJETE", *REASONS),
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
    with desk.app.store.reading() as session:
        ages = [directory.cached_entry(session, of) for of in (siret, desk.one(TWO).siret)]
    assert [age is not None and age[0] == LONG_AGO for age in ages] == [True, False]
    (event,) = desk.events(EventTag.REPORT_RECEIVED)

    assert event[1]["errors"] == refused.detail


def test_a_rejection_without_a_word_still_says_something(desk: Desk) -> None:
    """The flux and its state, when the report has no error text."""
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE"))
    desk.follow()
    refused = desk.one(ONE)

    assert (refused.trouble, refused.detail) == (Trouble.FILE_REFUSED, "IN_REJETE")
    assert refused.french_detail == (
        f"le flux {desk.portal.fluxes[0].number} est à l'état IN_REJETE"
    )


def test_a_duplicate_whose_first_copy_lives_is_integrated(desk: Desk) -> None:
    """The refusal speaks of the second delivery: the invoice itself is well."""
    desk.portal.integrate()
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", "Doublon de facture", of=ONE))
    desk.follow()
    invoice = desk.one(ONE)

    assert (invoice.status, invoice.portal_id, invoice.detail) == (S.INTEGRATED, "1", "")


@pytest.mark.parametrize("words", WORDS)
def test_a_refusal_in_any_words_is_searched_before_it_is_sent_again(desk: Desk, words: str) -> None:
    """No list of words decides: refused when no search shows it, and adopted when one does."""
    desk.portal.integrate()
    desk.portal.not_indexed.add(ONE)
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", words, of=ONE))
    desk.follow()
    refused = desk.one(ONE)
    assert (refused.status, refused.detail) == (S.REFUSED, words)
    desk.portal.not_indexed.clear()
    desk.resend(ONE)
    desk.deposit()
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.fluxes) == 2


def the_first_copy_lives(desk: Desk) -> None:
    """The second's rejection leaves a doubt, and a later search finds the first."""
    desk.clock.advance(minutes=1)
    desk.follow()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.reconcile()
    desk.follow()
    assert desk.one(ONE).status is S.INTEGRATED
    assert desk.one(ONE).flux_number == desk.portal.fluxes[0].number


def test_a_rejection_after_an_uncertain_delivery_may_be_a_duplicate_in_any_words(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Whatever words refuse the second copy, the invoice whose first copy lives is not refused."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "late", issued=1)
    desk.portal.not_indexed.add(ONE)
    desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    desk.search_to_the_end()
    assert desk.one(ONE).status is S.ISSUED
    desk.deposit()
    assert desk.portal.fluxes[1].report.state is FluxState.REJECTED
    assert "doublon" not in desk.portal.fluxes[1].report.text.lower()
    the_first_copy_lives(desk)


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
    the_first_copy_lives(desk)


def test_a_second_rejection_is_a_refusal_when_the_first_was_one(desk: Desk) -> None:
    """Corrected in vain: nothing of it can live at the portal, and the person is told at once."""
    for text in REASONS:
        desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", text, of=ONE))
        desk.follow()
        assert (desk.one(ONE).status, desk.one(ONE).detail) == (S.REFUSED, text)
        desk.resend(ONE)
        desk.deposit()
        desk.clock.advance(minutes=1)


def test_a_report_of_the_first_delivery_decides_nothing_about_the_second(desk: Desk) -> None:
    """Two workers read a rejection: one sends again, corrected, before the other has concluded."""
    desk.portal.tell(ONE, report(FluxState.REJECTED, "IN_REJETE", "service inconnu", of=ONE))
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
