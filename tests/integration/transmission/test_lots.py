"""Lots: several invoices in one file, each with its own fate, and never two copies of any."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import Desk, number, open_desk
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.errors import PortalDown
from worker.portals import FluxState, FoundInvoice, IntegrationReport, ReportError

S = InvoiceStatus


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Five invoices, deposited in lots of three."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=5)
    desk.told(lot_invoices=3)
    return desk


class Crash(BaseException):
    """The process dies here."""


def statuses(desk: Desk) -> list[S]:
    """Where each invoice stands, by number."""
    return [invoice.status for invoice in desk.invoices() if invoice.number]


def pass_time(desk: Desk, *minutes: int) -> None:
    """Let time pass, and do what is due."""
    for step in minutes:
        desk.clock.advance(minutes=step)
        desk.reconcile()
        desk.deposit()
        desk.follow()


def integrated(desk: Desk) -> list[str]:
    """The numbers that the portal holds."""
    return sorted(facts.number for facts in desk.portal.integrated())


def test_each_invoice_has_its_own_attempt_and_its_own_integration(desk: Desk) -> None:
    """Two files for five invoices; each is journalled, found and followed by itself."""
    results = desk.deposit()
    assert len(desk.portal.fluxes) == 2
    assert [result.invoice.number for result in results] == [number(n) for n in range(1, 6)]
    assert {result.answer.flux_number for result in results[:3]} == {desk.portal.fluxes[0].number}
    attempts = [desk.attempts(number(n)) for n in range(1, 4)]
    assert len({one.lot_sha256 for (one,) in attempts}) == 1
    assert len({one.document_sha256 for (one,) in attempts}) == 3
    (lot,) = {one.lot_sha256 for (one,) in attempts}
    assert desk.app.store.archive.get(lot) == desk.portal.fluxes[0].content
    intents = [payload for _, payload in desk.events(EventTag.DEPOSIT_INTENDED)]
    assert [payload.get("lot") for payload in intents[:3]] == [lot] * 3
    desk.clock.advance(minutes=1)
    desk.follow()

    assert statuses(desk) == [S.INTEGRATED] * 5
    assert integrated(desk) == [number(n) for n in range(1, 6)]


def test_a_lot_that_no_search_shows_yet_costs_no_question_for_each(desk: Desk) -> None:
    """Integrated, and the index is late: one number is looked for; then all are found at once."""
    desk.told(lot_invoices=5)
    desk.portal.indexes_at_once = False
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.portal.asked.clear()
    desk.follow()
    (flux,) = (flux.number for flux in desk.portal.fluxes)
    assert desk.portal.asked == [f"report {flux}", f"search {flux}", f"search {number(1)}"]
    assert statuses(desk) == [S.DEPOSITED] * 5
    desk.portal.index()
    pass_time(desk, 2)

    assert statuses(desk) == [S.INTEGRATED] * 5


def test_a_lot_that_its_flux_does_not_show_is_found_by_its_numbers(desk: Desk) -> None:
    """A search by flux that shows nothing, for good, loses nobody."""
    desk.told(lot_invoices=5)
    desk.deposit()
    search = desk.portal.find

    def by_number_only(
        *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        found = search(invoice_number=invoice_number, flux_number=flux_number)
        return found if invoice_number else ()

    desk.portal.find = by_number_only  # type: ignore[method-assign] # half an index
    pass_time(desk, 1)

    assert statuses(desk) == [S.INTEGRATED] * 5


def test_a_file_is_asked_about_once(desk: Desk) -> None:
    """One report and one search for a lot, however many invoices it holds."""
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.portal.asked.clear()
    desk.follow()
    first, second = (flux.number for flux in desk.portal.fluxes)

    assert desk.portal.asked[:4] == [
        f"report {first}",
        f"search {first}",
        f"report {second}",
        f"search {second}",
    ]
    assert [asked for asked in desk.portal.asked[4:] if "changed" not in asked] == []


def test_one_refused_invoice_stops_nobody_in_its_lot(desk: Desk) -> None:
    """Integrated in part: the named one is refused with its own words, the others live."""
    refused = desk.one(number(2))
    desk.portal.refused_recipients.add(refused.siret)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()

    assert statuses(desk) == [S.INTEGRATED, S.REFUSED, *[S.INTEGRATED] * 3]
    assert refused.siret in desk.one(number(2)).detail


@pytest.mark.parametrize(
    "errors",
    [
        (ReportError(text="IRRECEVABILITE: cvc-complex-type", code="ERR_XSD_001"),),
        (ReportError(text="refusee", invoice_number=number(2)),),
    ],
)
def test_a_lot_rejected_by_anothers_fault_is_sent_again_one_by_one(
    desk: Desk, errors: Sequence[ReportError]
) -> None:
    """Nobody is called refused for another's file; whoever the report names is."""
    desk.portal.integrates_at_once = False
    desk.deposit()
    named = {error.invoice_number for error in errors}
    desk.portal.fluxes[0].report = IntegrationReport(
        flux_number=desk.portal.fluxes[0].number,
        state=FluxState.REJECTED,
        raw_state="IN_REJETE",
        errors=tuple(errors),
    )
    desk.portal.integrates_at_once = True
    desk.portal.integrate()
    desk.clock.advance(minutes=1)
    desk.follow()
    for rank in (1, 2, 3):
        expected = S.REFUSED if number(rank) in named else S.ISSUED
        assert desk.one(number(rank)).status is expected
    desk.deposit()
    alone = desk.portal.fluxes[2:]
    assert [flux.file_name[:14] for flux in alone] == [
        number(rank) for rank in (1, 2, 3) if number(rank) not in named
    ]
    desk.clock.advance(minutes=1)
    desk.follow()

    assert len(integrated(desk)) == 5 - len(named - {""})


def test_a_lot_refused_at_the_door_is_sent_again_one_by_one(desk: Desk) -> None:
    """The portal does not take the file: the next time each invoice is answered by itself."""
    desk.portal.mishaps.append(Mishap.REFUSED)
    desk.deposit()
    assert statuses(desk) == [*[S.ISSUED] * 3, *[S.DEPOSITED] * 2]
    desk.deposit()

    assert len(desk.portal.fluxes) == 4
    assert statuses(desk) == [S.DEPOSITED] * 5


def test_a_lot_that_never_left_stays_a_lot(desk: Desk) -> None:
    """Without any connection nothing was judged: the same lots go when the portal is back."""
    desk.portal.mishaps.extend([Mishap.NOT_SENT, Mishap.NOT_SENT])
    desk.deposit()
    assert statuses(desk) == [S.ISSUED] * 5
    desk.deposit()

    assert len(desk.portal.fluxes) == 2


@pytest.mark.parametrize("mishap", [Mishap.ANSWER_LOST, Mishap.REQUEST_LOST])
def test_an_uncertain_lot_is_looked_for_invoice_by_invoice(desk: Desk, mishap: Mishap) -> None:
    """Recorded or not, each invoice ends integrated, once."""
    desk.portal.mishaps.append(mishap)
    desk.deposit()
    assert statuses(desk) == [*[S.UNKNOWN] * 3, *[S.DEPOSITED] * 2]
    pass_time(desk, 15, 60, 240, 1440, 2880, 15)

    assert statuses(desk) == [S.INTEGRATED] * 5
    assert integrated(desk) == [number(n) for n in range(1, 6)]


@pytest.mark.parametrize("side", ["watch", "watch_after"])
def test_a_crash_around_the_call_loses_and_doubles_nobody(desk: Desk, side: str) -> None:
    """Before the portal heard of it or after: all are uncertain, then found or sent again."""

    def crash(_content: bytes) -> None:
        setattr(desk.portal, side, lambda _: None)
        raise Crash

    setattr(desk.portal, side, crash)
    with pytest.raises(Crash):
        desk.deposit()
    assert statuses(desk)[:3] == [S.SENDING] * 3
    assert desk.recover() == 3
    pass_time(desk, 15, 60, 240, 1440, 2880, 15)

    assert statuses(desk) == [S.INTEGRATED] * 5
    assert integrated(desk) == [number(n) for n in range(1, 6)]


def test_somebody_elses_invoice_is_left_out_of_the_lot(desk: Desk) -> None:
    """Two workers prepare the same lot: what one has taken, the other does not send."""
    other = desk.second()
    other.told(lot_invoices=1)

    def take_one(_content: bytes) -> None:
        desk.portal.watch = lambda _: None
        other.deposit()

    desk.portal.watch = take_one
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()

    assert statuses(desk) == [S.INTEGRATED] * 5
    assert integrated(desk) == [number(n) for n in range(1, 6)]


def test_a_portal_that_closes_between_two_lots_stops_politely(desk: Desk) -> None:
    """The first lot is deposited, the second waits with no trace of an attempt in doubt."""

    def close(_content: bytes) -> None:
        desk.portal.condition = Condition.DOWN

    desk.portal.watch_after = close
    with pytest.raises(PortalDown):
        desk.deposit()

    assert statuses(desk) == [*[S.DEPOSITED] * 3, *[S.ISSUED] * 2]
    assert [*desk.attempts(number(4)), *desk.attempts(number(5))] == []
