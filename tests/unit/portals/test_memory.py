"""What the portal in memory adds to the contract: it can be told what to do, and what to lose."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.memory_ledger import DepositedFacts
from tests.support.memory_portal import Condition, MemoryPortal, Mishap
from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown
from worker.portals import BuyerStatus, DepositAnswer, DepositOutcome, FluxState, StructureRecord
from worker.portals.lots import pack

TOWN, VILLAGE = "12345678200051", "12345678200036"
NOW = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)


def read(content: bytes) -> DepositedFacts:
    """A document of these tests: number, year and recipient, separated by blanks."""
    number, year, recipient = content.decode().split()
    return DepositedFacts(
        number=number, issue_date=date(int(year), 1, 5), recipient=recipient, gross=Money(100)
    )


def known(siret: str) -> StructureRecord:
    """A recipient that demands nothing."""
    return StructureRecord(
        portal_id="1",
        siret=siret,
        name="COMMUNE",
        active=True,
        service_code_required=False,
        engagement_required=False,
        service_or_engagement_required=False,
        works_only=False,
        payment_not_reported=False,
    )


def opened() -> MemoryPortal:
    """A portal that knows two towns."""
    return MemoryPortal(read=read, structures=[known(TOWN), known(VILLAGE)], clock=lambda: NOW)


def deposit(
    portal: MemoryPortal, number: str = "F-1", *, year: int = 2026, recipient: str = TOWN
) -> DepositAnswer:
    """The answer to the deposit of a document."""
    content = f"{number} {year} {recipient}".encode()
    return portal.deposit(file_name=f"{number}.xml", syntax=DepositSyntax.CII, content=content)


def test_lost_answer_hides_a_deposit_that_lives() -> None:
    """The caller knows nothing, and the invoice can be found: the case that matters most."""
    portal = opened()
    portal.mishaps.append(Mishap.ANSWER_LOST)
    answer = deposit(portal)
    assert (answer.outcome, answer.flux_number) == (DepositOutcome.UNKNOWN, "")
    (found,) = portal.find(invoice_number="F-1")

    assert found.flux_number == portal.fluxes[0].number


def test_lost_request_looks_the_same_and_left_nothing() -> None:
    """From the caller's side, the two losses cannot be told apart."""
    portal = opened()
    portal.mishaps.extend([Mishap.ANSWER_LOST, Mishap.REQUEST_LOST])

    assert deposit(portal) == deposit(portal, "F-2")
    assert portal.find(invoice_number="F-2") == ()
    assert len(portal.fluxes) == 1


@pytest.mark.parametrize(
    "mishap, outcome",
    [
        (Mishap.NOT_SENT, DepositOutcome.NOT_SENT),
        (Mishap.THROTTLED, DepositOutcome.THROTTLED),
        (Mishap.UNAUTHORISED, DepositOutcome.UNAUTHORISED),
        (Mishap.REFUSED, DepositOutcome.REFUSED),
    ],
)
def test_certain_failure_records_nothing_and_happens_once(
    mishap: Mishap, outcome: DepositOutcome
) -> None:
    """The deposit after it goes through."""
    portal = opened()
    portal.mishaps.append(mishap)

    assert deposit(portal).outcome is outcome
    assert portal.fluxes == []
    assert deposit(portal).outcome is DepositOutcome.ACCEPTED


@pytest.mark.parametrize(
    "condition, error, outcome",
    [
        (Condition.DOWN, PortalDown, DepositOutcome.NOT_SENT),
        (Condition.CLOSED_TO_US, PortalAccessRefused, DepositOutcome.UNAUTHORISED),
    ],
)
def test_portal_that_cannot_be_used(
    condition: Condition, error: type[Exception], outcome: DepositOutcome
) -> None:
    """Reads raise, deposits answer, nothing is recorded and no mishap is used up."""
    portal = opened()
    portal.mishaps.append(Mishap.ANSWER_LOST)
    portal.condition = condition
    for call in (
        portal.sign_in,
        lambda: portal.find(invoice_number="F-1"),
        lambda: portal.integration_report("F"),
        lambda: portal.history("1"),
        lambda: portal.structure(TOWN),
        lambda: portal.service(known(TOWN), "S"),
    ):
        with pytest.raises(error):
            call()

    assert deposit(portal).outcome is outcome
    assert (portal.fluxes, list(portal.mishaps)) == ([], [Mishap.ANSWER_LOST])


def test_integration_may_come_later() -> None:
    """Until then the report is pending and nothing is found; order of arrival decides."""
    portal = opened()
    portal.integrates_at_once = False
    first, second = deposit(portal), deposit(portal)
    assert portal.integration_report(first.flux_number).state is FluxState.PENDING
    assert portal.find(invoice_number="F-1") == ()
    portal.integrate()
    states = [portal.integration_report(a.flux_number).state for a in (first, second)]
    assert states == [FluxState.INTEGRATED, FluxState.REJECTED]
    portal.integrate()

    assert len(portal.find(invoice_number="F-1")) == 1


def test_refused_member_stops_nobody_else() -> None:
    """One recipient is refused by name; the other's invoice is integrated."""
    portal = opened()
    portal.refused_recipients.add(TOWN)
    refused, taken = deposit(portal), deposit(portal, "F-2", recipient=VILLAGE)
    report = portal.integration_report(refused.flux_number)

    assert report.state is FluxState.REJECTED
    assert TOWN in report.text
    assert portal.integration_report(taken.flux_number).state is FluxState.INTEGRATED


def test_a_lot_is_judged_invoice_by_invoice() -> None:
    """One refused invoice of a lot leaves the others integrated, and is named in the report."""
    portal = opened()
    files = [
        (f"{n}.xml", f"{n} 2026 {siret}".encode()) for n, siret in (("F-1", TOWN), ("F-2", "0"))
    ]
    answer = portal.deposit(file_name="lot.tar.gz", syntax=DepositSyntax.CII, content=pack(files))
    report = portal.integration_report(answer.flux_number)
    assert (report.state, [e.invoice_number for e in report.errors]) == (FluxState.PARTIAL, ["F-2"])
    assert [found.number for found in portal.find(flux_number=answer.flux_number)] == ["F-1"]
    broken = portal.deposit(file_name="lot.tar.gz", syntax=DepositSyntax.CII, content=b"not a lot")

    assert portal.integration_report(broken.flux_number).state is FluxState.REJECTED


def test_what_is_integrated_may_be_found_later() -> None:
    """An index that lags hides an integrated invoice from every search, never from its report."""
    portal = opened()
    portal.indexes_at_once = False
    flux = deposit(portal).flux_number
    assert portal.integration_report(flux).state is FluxState.INTEGRATED
    assert portal.find(invoice_number="F-1") == portal.changed(NOW, NOW) == ()
    portal.index()

    assert portal.find(invoice_number="F-1") == portal.changed(NOW, NOW) != ()


def test_same_number_of_another_year_is_another_invoice() -> None:
    """Uniqueness is on year of issue and number."""
    portal = opened()
    deposit(portal, year=2025)
    deposit(portal, year=2026)

    assert len(portal.find(invoice_number="F-1")) == 2


def test_deposit_counts_for_its_day_in_paris() -> None:
    """Half past eleven in UTC, in winter, is already tomorrow in Paris."""
    assert deposit(opened()).deposit_date == date(2026, 1, 6)


def test_buyer_decides_in_any_order() -> None:
    """Paid, then suspended: the current status is the last given, the history keeps both."""
    portal = opened()
    deposit(portal)
    portal.decide("F-1", "paid")
    portal.decide("F-1", "suspended", "Pièce manquante")
    (found,) = portal.find(invoice_number="F-1")
    assert (found.status, found.comment) == (BuyerStatus.SUSPENDED, "Pièce manquante")
    history = portal.history(found.portal_id)
    words = ["suspended", "paid", "deposited"]
    assert [entry.raw_status for entry in history.entries] == words
    assert history.entries[0].at == "2026-01-06 00:30"
    with pytest.raises(LookupError):
        portal.decide("F-2", "rejected")
    with pytest.raises(PortalAnswerError):
        portal.history("99")


class AnyUse(RuleBasedStateMachine):
    """Whatever is deposited, lost, held back and decided."""

    def __init__(self) -> None:
        super().__init__()
        self.portal = opened()
        self.recorded = 0

    @rule(
        number=st.sampled_from(["F-1", "F-2"]),
        year=st.sampled_from([2025, 2026]),
        recipient=st.sampled_from([TOWN, VILLAGE, "00000000000000"]),
        mishap=st.none() | st.sampled_from(Mishap),
    )
    def deposit(self, number: str, year: int, recipient: str, mishap: Mishap | None) -> None:
        """One deposit, with or without trouble."""
        if mishap is not None:
            self.portal.mishaps.append(mishap)
        answer = deposit(self.portal, number, year=year, recipient=recipient)
        self.recorded += mishap in (None, Mishap.ANSWER_LOST)
        assert (answer.outcome is DepositOutcome.ACCEPTED) == (mishap is None)

    @rule(at_once=st.booleans())
    def pace(self, *, at_once: bool) -> None:
        """Integrate now or later."""
        self.portal.integrates_at_once = at_once

    @rule()
    def integrate(self) -> None:
        """Give the verdicts."""
        self.portal.integrate()

    @invariant()
    def one_invoice_per_year_and_number(self) -> None:
        """No schedule of deposits makes two integrated invoices of one."""
        for number in ("F-1", "F-2"):
            found = self.portal.find(invoice_number=number)
            years = [invoice.issue_date for invoice in found]
            assert len(years) == len(set(years))

    @invariant()
    def every_record_has_its_report(self) -> None:
        """Recorded deposits, and they alone, have a flux; integrated ones, and they alone, show."""
        assert len(self.portal.fluxes) == self.recorded
        for flux in self.portal.fluxes:
            report = self.portal.integration_report(flux.number)
            shown = bool(self.portal.find(flux_number=flux.number))
            assert shown == (report.state is FluxState.INTEGRATED)
            assert bool(report.errors) == (report.state is FluxState.REJECTED)


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=40, stateful_step_count=15)
