"""One contract, three portals: in memory, and the real client on the sandbox and on the second one.

What these tests prove of the portal in memory makes every test that uses it worth something.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.portals import CLOSED, ISSUED, PLAIN, UNKNOWN, Portals, deposit, facts
from worker.billing.standard import DepositSyntax
from worker.errors import PortalAccessRefused
from worker.portals import (
    BuyerStatus,
    DepositOutcome,
    FluxState,
    Portal,
)


def test_signing_in_with_good_credentials_says_nothing(portal: Portal) -> None:
    """Neither the first time nor the next."""
    portal.sign_in()
    portal.sign_in()


def test_the_portal_states_the_instant(portal: Portal) -> None:
    """A witness of our own clock, once it was asked anything."""
    portal.sign_in()
    stated = portal.clock()

    assert stated is not None
    assert abs(stated - datetime.now(UTC)) < timedelta(hours=1)


def test_accepted_deposit_ends_integrated_and_is_found(portal: Portal) -> None:
    """A number at once, the verdict later, then the invoice as we made it."""
    invoice = facts()
    answer = deposit(portal, invoice)
    assert answer.outcome is DepositOutcome.ACCEPTED
    assert answer.flux_number
    assert answer.deposit_date is not None
    report = portal.integration_report(answer.flux_number)
    assert (report.state, report.errors) == (FluxState.INTEGRATED, ())
    (by_number,) = portal.find(invoice_number=invoice.number)
    (by_flux,) = portal.find(flux_number=answer.flux_number)

    assert by_number == by_flux
    assert (by_number.number, by_number.issue_date) == (invoice.number, ISSUED)
    assert (by_number.recipient, by_number.gross) == (PLAIN, invoice.gross)
    assert by_number.flux_number == answer.flux_number
    assert by_number.status is BuyerStatus.IN_PROGRESS
    assert by_number.status_at is not None
    assert by_number.status_at.utcoffset() is not None


@pytest.mark.parametrize("recipient", [UNKNOWN, CLOSED])
def test_recipient_that_cannot_receive_ends_rejected(portal: Portal, recipient: str) -> None:
    """The deposit is accepted all the same; the report names the invoice and says why."""
    invoice = facts(recipient)
    answer = deposit(portal, invoice)
    assert answer.outcome is DepositOutcome.ACCEPTED
    report = portal.integration_report(answer.flux_number)
    assert report.state is FluxState.REJECTED
    (error,) = report.errors

    assert (error.invoice_number, error.recipient) == (invoice.number, recipient)
    assert "inconnu" in report.text
    assert portal.find(invoice_number=invoice.number) == ()


def test_duplicate_is_refused_and_the_first_lives(portal: Portal) -> None:
    """The portal's uniqueness control: two fluxes, one invoice, the first one."""
    invoice = facts()
    first = deposit(portal, invoice)
    second = deposit(portal, facts(number=invoice.number, cents=1))
    assert second.outcome is DepositOutcome.ACCEPTED
    assert second.flux_number != first.flux_number
    assert portal.integration_report(second.flux_number).state is FluxState.REJECTED
    (found,) = portal.find(invoice_number=invoice.number)

    assert (found.flux_number, found.gross) == (first.flux_number, invoice.gross)
    assert portal.find(flux_number=second.flux_number) == ()


@pytest.mark.parametrize(
    "since,until,shown",
    [(0, 0, True), (-1, 0, True), (0, 1, True), (1, 2, False), (-2, -1, False)],
)
def test_invoices_of_a_period_are_those_dated_in_it(
    portal: Portal, since: int, until: int, *, shown: bool
) -> None:
    """Both bounds included, in days of Paris: what is beyond our books is found by it."""
    invoice = facts()
    deposit(portal, invoice)
    bounds = (ISSUED + timedelta(days=since), ISSUED + timedelta(days=until))
    found = {one.number for one in portal.issued(*bounds)}

    assert (invoice.number in found) is shown


def test_number_may_be_used_again_after_a_rejection(portal: Portal) -> None:
    """Nothing was integrated: the corrected file is taken under the same number."""
    wrong = facts(UNKNOWN)
    deposit(portal, wrong)
    again = deposit(portal, facts(number=wrong.number))

    assert portal.integration_report(again.flux_number).state is FluxState.INTEGRATED


def test_unreadable_file_is_rejected_without_naming_an_invoice(portal: Portal) -> None:
    """A technical error concerns the file."""
    answer = portal.deposit(file_name="F.xml", syntax=DepositSyntax.CII, content=b"<not><xml>")
    assert answer.outcome is DepositOutcome.ACCEPTED
    report = portal.integration_report(answer.flux_number)

    assert report.state is FluxState.REJECTED
    assert {error.invoice_number for error in report.errors} == {""}
    assert report.text


def test_unknown_flux_is_pending(portal: Portal) -> None:
    """It may not be indexed yet: neither success nor failure."""
    report = portal.integration_report("CPP0011106000000999999999")

    assert (report.state, report.errors) == (FluxState.PENDING, ())


def test_search_for_an_unknown_number_is_empty(portal: Portal) -> None:
    """Absence is an answer, not an error."""
    assert portal.find(invoice_number="F-INCONNUE") == ()
    assert portal.find(flux_number="CPP0011106000000999999999") == ()


def test_search_without_criterion_is_a_mistake(portal: Portal) -> None:
    """Nobody asks for everything."""
    with pytest.raises(ValueError, match="number"):
        portal.find()


def test_wrong_credentials_are_refused_everywhere(portals: Portals) -> None:
    """Signing in and reading raise; a deposit answers, since the caller must record it."""
    assert portals.locked_out
    for portal in portals.locked_out:
        with pytest.raises(PortalAccessRefused):
            portal.sign_in()
        with pytest.raises(PortalAccessRefused):
            portal.find(invoice_number="F-1")
        with pytest.raises(PortalAccessRefused):
            portal.complete("1", comment="Bon joint", files=[])
        with pytest.raises(PortalAccessRefused):
            portal.acknowledge_rejection("1")
        assert deposit(portal, facts()).outcome is DepositOutcome.UNAUTHORISED
