"""The real client on the second portal, under each of its switches: nothing twice, none misread."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from chaos import pace
from tests.contract.portals import ISSUED, deposit, facts, integrated
from tests.contract.second import on_second
from tests.contract.second_portal import Behaviour, Operation, SecondPortal
from tests.support.portal_client import StillClock
from worker.billing.identifiers import is_same_number, siren_of
from worker.billing.money import Money
from worker.errors import PortalAccessRefused, PortalError
from worker.portals import DepositOutcome, FoundInvoice
from worker.portals.choruspro.portal import ChorusPro

PATIENCE = pace.limit(0.3)
CERTAINLY_NOT = {
    DepositOutcome.NOT_SENT,
    DepositOutcome.THROTTLED,
    DepositOutcome.UNAUTHORISED,
}
HIDDEN = {
    Behaviour.NEVER_SHOWN,
    Behaviour.INDEX_HOURS,
    Behaviour.INDEX_DAYS,
}
"""With these the portal itself shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The portal, and a client that is soon out of patience and never really sleeps."""

    portal: SecondPortal
    client: ChorusPro


@pytest.fixture(name="bench")
def _bench(second: SecondPortal) -> Iterator[Bench]:
    clock = StillClock()
    client = on_second(second, sleep=clock.sleep, monotonic=clock.monotonic, read_timeout=PATIENCE)
    client.sign_in()
    yield Bench(portal=second, client=client)
    second.disarm()
    client.close()


def of_groups(*groups: int) -> list[Behaviour]:
    """The switches of these groups of the list."""
    return [one for one in Behaviour if one.group in groups]


def at(operation: Operation, *groups: int) -> list[Behaviour]:
    """Those that may be armed at an operation."""
    return [one for one in of_groups(*groups) if operation in one.reach]


@pytest.mark.parametrize("switch", at(Operation.DEPOSIT, 1, 3, 5, 9))
def test_a_deposit_is_sent_once_and_judged_by_what_is_proven(
    bench: Bench, switch: Behaviour
) -> None:
    """Accepted is there, certainly not sent is not; refused or in doubt, at most once."""
    invoice = facts()
    bench.portal.arm(
        behaviour=switch, operation=Operation.DEPOSIT, requests=1, seconds=2 * PATIENCE
    )
    answer = deposit(bench.client, invoice)
    held = bench.portal.recorded()
    fluxes = [one["number"] for one in held if invoice.number in one["numbers"]]

    accepted = answer.outcome is DepositOutcome.ACCEPTED

    assert len(fluxes) <= 1
    assert not accepted or fluxes == [answer.flux_number]
    assert not (fluxes and answer.outcome in CERTAINLY_NOT)


@pytest.fixture(name="known", scope="module")
def _known(second: SecondPortal) -> FoundInvoice:
    """An invoice that nothing changes any more."""
    client = on_second(second)
    found = integrated(client)
    client.close()
    return found


@pytest.mark.parametrize("ask", ["by number", "by day", "by change"])
@pytest.mark.parametrize("switch", at(Operation.SEARCH, 3, 4, 6, 7, 9))
def test_an_invoice_that_is_shown_is_found_or_the_answer_is_no_answer(
    bench: Bench, known: FoundInvoice, switch: Behaviour, ask: str
) -> None:
    """Never absent, and whose it is and what it amounts to are not misread."""
    client, at_once = bench.client, known.status_at or datetime.now(UTC)
    asked: dict[str, Callable[[], tuple[FoundInvoice, ...]]] = {
        "by number": lambda: client.find(invoice_number=known.number),
        "by day": lambda: client.issued(ISSUED, ISSUED),
        "by change": lambda: client.changed(at_once, at_once),
    }
    bench.portal.arm(
        behaviour=switch,
        operation=Operation.SEARCH,
        requests=1 if switch.group == 3 else None,
        seconds=2 * PATIENCE,
        count=3,
    )
    try:
        found = {one.portal_id: one for one in asked[ask]()}.get(known.portal_id)
    except (PortalError, PortalAccessRefused):
        return

    assert (found is None) == (switch in HIDDEN)
    assert found is None or _is_like(found, known)


def _is_like(found: FoundInvoice, known: FoundInvoice) -> bool:
    """Whether it is the same invoice in another form."""
    assert known.gross is not None
    return (
        is_same_number(found.number, known.number)
        and found.flux_number == known.flux_number
        and siren_of(found.recipient) == siren_of(known.recipient)
        and found.gross in {known.gross, known.gross + Money(1)}
        and found.issue_date in {ISSUED, ISSUED - timedelta(days=1)}
    )
