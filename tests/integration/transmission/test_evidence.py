"""The portal's own reports, as PDF: evidence when they can be had, and nothing waits for them."""

from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, number, open_desk, open_waiting_desk
from worker.audit.documents import export_year
from worker.audit.verification import verify_books
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.errors import PortalAccessRefused, PortalAnswerError
from worker.transmission.evidence import MOST_IN_VAIN

S = InvoiceStatus
ONE, TWO = number(1), number(2)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_waiting_desk(tmp_path_factory.getbasetemp(), tmp_path)


def test_the_portals_own_report_is_kept_as_evidence(desk: Desk, tmp_path: Path) -> None:
    """Archived, journalled, exported; the verification sees when it is altered."""
    desk.portal.integrate()
    desk.follow()
    (seen,) = [o for o in desk.observations(ONE) if o.source == "report"]
    store = desk.app.store
    receipt = store.archive.get(seen.evidence)
    assert receipt.startswith(b"%PDF")
    assert desk.events(EventTag.RECEIPT_KEPT)[-1][1]["sha256"] == seen.evidence
    export_year(store, YEAR, tmp_path / "export")
    flux = desk.portal.fluxes[0].number
    assert (
        next((tmp_path / "export").glob(f"{ONE}_*/*compte-rendu-{flux}.pdf")).read_bytes()
        == receipt
    )
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

    desk.portal.report_file = closed  # type: ignore[method-assign] # an operation closed to us
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
    give, asked = desk.portal.report_file, []
    withheld = {f"CPP0010000{rank:015d}" for rank in range(1, 7)}

    def mute(flux_number: str) -> bytes | None:
        asked.append(flux_number)
        if flux_number in withheld:
            if len(asked) % 2:
                raise PortalAnswerError("Réponse inexploitable à consulterCR.")
            return None
        return give(flux_number)

    desk.portal.report_file = mute  # type: ignore[method-assign] # an operation that hardly works
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert len(asked) == MOST_IN_VAIN
    withheld -= {flux for flux in withheld if flux[-1] not in "56"}
    desk.follow()
    kept = [any(o.evidence for o in desk.observations(number(rank))) for rank in range(1, 7)]

    assert kept == [True, True, True, True, False, False]
