"""Whatever leads to a second deposit, the invoice is searched before: a file that lives is adopted.

The portal here records what it says it does not take, and does not control that a number is unique:
nothing but the search keeps a second copy away.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import Desk, number, open_desk
from tests.support.stage_portal import ANSWERS
from worker.billing.standard import DepositSyntax
from worker.billing.status import InvoiceStatus
from worker.corrections.resend import declare_absent
from worker.errors import PortalDown
from worker.portals import DepositAnswer, DepositOutcome

S = InvoiceStatus
ONE = number(1)
REFUSED, UNKNOWN = DepositOutcome.REFUSED, DepositOutcome.UNKNOWN


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)


def records_and_answers(desk: Desk, outcome: DepositOutcome, http_status: int = 200) -> None:
    """Each deposit is recorded, then answered otherwise."""
    record = desk.portal.deposit

    def deposit(*, file_name: str, syntax: DepositSyntax, content: bytes) -> DepositAnswer:
        record(file_name=file_name, syntax=syntax, content=content)
        return replace(ANSWERS[outcome], http_status=http_status)

    desk.portal.deposit = deposit  # type: ignore[method-assign] # as this portal answers


def beats(desk: Desk, days: int = 5) -> None:
    """What the unattended worker does, twice a day."""
    for _ in range(2 * days):
        desk.clock.advance(hours=12)
        desk.reconcile()
        desk.deposit()
        desk.follow()


@pytest.mark.parametrize("lot", [1, 2])
@pytest.mark.parametrize("outcome", [REFUSED, UNKNOWN])
def test_what_is_recorded_and_answered_otherwise_is_adopted(
    desk: Desk, outcome: DepositOutcome, lot: int
) -> None:
    """Refused or unanswered, alone or in a lot: one file for each invoice, and it is integrated."""
    desk.told(lot_invoices=lot)
    records_and_answers(desk, outcome)
    desk.deposit()
    files = len(desk.portal.fluxes)
    beats(desk)

    assert len(desk.portal.fluxes) == files
    assert {invoice.status for invoice in desk.invoices()} == {S.INTEGRATED}


@pytest.mark.parametrize("lot", [1, 2])
@pytest.mark.parametrize("status", [400, 413, 415])
def test_what_a_proxy_refuses_is_looked_for_as_long_as_any_doubt(
    desk: Desk, status: int, lot: int
) -> None:
    """The portal may have the file, and integrate it hours later: it is not called refused."""
    desk.told(lot_invoices=lot)
    desk.portal.integrates_at_once = False
    records_and_answers(desk, REFUSED, status)
    desk.deposit()
    files = len(desk.portal.fluxes)
    assert {invoice.status for invoice in desk.invoices()} == {S.UNKNOWN}
    desk.clock.advance(hours=1)
    desk.reconcile()
    desk.portal.integrates_at_once = True
    desk.portal.integrate()
    beats(desk)

    assert len(desk.portal.fluxes) == files
    assert {invoice.status for invoice in desk.invoices()} == {S.INTEGRATED}


@pytest.mark.parametrize("lot, end", [(1, S.REFUSED), (2, S.ISSUED)])
def test_what_a_proxy_refuses_and_no_search_ever_shows_is_refused(
    desk: Desk, lot: int, end: S
) -> None:
    """A person is told, with what was answered; of a lot each goes again, alone."""
    desk.told(lot_invoices=lot)
    page = replace(ANSWERS[REFUSED], http_status=413)
    desk.portal.answers += [page] * 2
    desk.deposit()
    desk.search_to_the_end()
    ends = {(invoice.status, invoice.detail) for invoice in desk.invoices()}

    assert ends == {(end, page.detail if end is S.REFUSED else "")}


def refused(desk: Desk) -> None:
    """A file recorded, answered as refused, and shown too late for the first search."""
    records_and_answers(desk, REFUSED)
    desk.portal.not_indexed.add(ONE)
    desk.deposit()
    assert desk.one(ONE).status is S.REFUSED
    desk.portal.not_indexed.clear()


def resent(desk: Desk) -> None:
    """A person sends again what was refused."""
    refused(desk)
    desk.resend(ONE)


def called_absent(desk: Desk) -> None:
    """A person did not find on the portal what it had recorded."""
    desk.portal.not_indexed.add(ONE)
    desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    desk.clock.advance(days=4)
    declare_absent(desk.app, ONE, "vu personne")
    desk.portal.not_indexed.clear()


def proven_absent(desk: Desk) -> None:
    """Every search was in vain, and the index shows it a moment later."""
    desk.portal.not_indexed.add(ONE)
    desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    desk.search_to_the_end()
    assert desk.one(ONE).status is S.ISSUED
    desk.portal.not_indexed.clear()


@pytest.mark.parametrize("lead", [resent, called_absent, proven_absent])
def test_what_was_to_go_again_and_is_shown_does_not_go(
    desk: Desk, lead: Callable[[Desk], None]
) -> None:
    """Whoever decided it: the search shows the first file, which is adopted."""
    lead(desk)
    files = len(desk.portal.fluxes)
    desk.deposit()
    assert desk.one(ONE).status is S.DEPOSITED
    beats(desk, 1)

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.fluxes) == files


def test_a_search_that_cannot_be_read_puts_a_second_deposit_off(desk: Desk) -> None:
    """It proves nothing: the invoice waits, and no other waits for it."""
    proven_absent(desk)
    desk.portal.answers_nonsense_about.add(ONE)
    desk.portal.not_indexed.add(ONE)
    files = len(desk.portal.fluxes)
    desk.deposit()
    waiting = desk.one(ONE)

    assert waiting.status is S.ISSUED
    assert waiting.next_check_at is not None
    assert len(desk.portal.fluxes) == files


def test_what_a_person_looked_for_goes_when_no_search_can_be_read(desk: Desk) -> None:
    """The person's own look stands in for it, unless the list of the year shows it."""
    called_absent(desk)
    desk.portal.answers_nonsense_about.add(ONE)
    desk.portal.not_indexed.add(ONE)
    files = len(desk.portal.fluxes)
    desk.deposit()

    assert len(desk.portal.fluxes) == files + 1


def test_a_refusal_whose_search_fails_stays_uncertain_until_one_works(desk: Desk) -> None:
    """The portal goes away between both: nothing is called refused meanwhile."""
    desk.portal.answers.append(ANSWERS[REFUSED])

    def falls(_content: bytes) -> None:
        desk.portal.condition = Condition.DOWN

    desk.portal.watch = falls
    with pytest.raises(PortalDown):
        desk.deposit()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.watch = lambda _content: None
    desk.portal.condition = Condition.UP
    desk.reconcile()

    assert desk.one(ONE).status is S.REFUSED
