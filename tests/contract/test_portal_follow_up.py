"""One contract, three portals: what becomes of an invoice once the portal holds it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.portals import PLAIN, Buyer, again, deposit, facts, integrated
from worker.errors import PortalAnswerError
from worker.portals import (
    BuyerStatus,
    FoundInvoice,
    Portal,
    SupportingFile,
)


def ids(found: tuple[FoundInvoice, ...]) -> set[str]:
    """What tells invoices apart."""
    return {invoice.portal_id for invoice in found}


def test_history_of_an_integrated_invoice(portal: Portal) -> None:
    """The current status is among those it went through."""
    invoice = facts()
    deposit(portal, invoice)
    (found,) = portal.find(invoice_number=invoice.number)
    history = portal.history(found.portal_id)

    assert (history.portal_id, history.status) == (found.portal_id, found.status)
    assert history.raw_status in {entry.raw_status for entry in history.entries}
    assert all(len(entry.at) == len("2018-04-19 11:09") for entry in history.entries)


def test_what_changed_in_a_period_is_found_bounds_included(portal: Portal, buyer: Buyer) -> None:
    """A period is told by the instant of the current status, as searches show it."""
    still, moving = integrated(portal), integrated(portal)
    buyer(moving, "SUSPENDUE", "Bon de livraison manquant")
    moved = again(portal, moving)
    assert moved.status_at is not None
    assert still.status_at is not None
    at_once = portal.changed(moved.status_at, moved.status_at)
    assert moved in at_once
    assert (moved.status, moved.comment) == (BuyerStatus.SUSPENDED, "Bon de livraison manquant")
    assert ids((still, moving)) <= ids(portal.changed(still.status_at, datetime.now(UTC)))
    later = moved.status_at + timedelta(minutes=1)

    assert not ids(portal.changed(later, later + timedelta(days=1))) & ids((still, moving))


def test_what_the_portal_holds_is_what_was_deposited(portal: Portal) -> None:
    """Number, recipient, amount and status of one invoice; no file beside it yet."""
    found = integrated(portal)
    held = portal.held(found.portal_id)

    assert (held.portal_id, held.number, held.recipient) == (found.portal_id, found.number, PLAIN)
    assert (held.gross, held.raw_status, held.status) == (
        found.gross,
        found.raw_status,
        found.status,
    )
    assert (held.service_code, held.engagement, held.attachments) == ("", "", ())


def test_document_and_receipt_can_be_kept(portal: Portal) -> None:
    """The document the buyer sees, and the report as a PDF; none for a flux nobody knows."""
    found = integrated(portal)
    assert portal.download(found.portal_id)
    receipt = portal.report_file(found.flux_number)

    assert receipt is not None
    assert receipt.startswith(b"%PDF")
    assert portal.report_file("CPP0011106000000999999999") is None


def test_suspended_invoice_is_completed_once(portal: Portal, buyer: Buyer) -> None:
    """Its files are beside it, it goes on, and completing it again is refused."""
    found = integrated(portal)
    files = [SupportingFile(name="BL-118.pdf", content=b"%PDF-1.7 un bon")]
    with pytest.raises(PortalAnswerError):
        portal.complete(found.portal_id, comment="Bon joint", files=files)
    buyer(found, "SUSPENDUE", "Bon de livraison manquant")
    portal.complete(found.portal_id, comment="Bon joint", files=files)
    held = portal.held(found.portal_id)
    assert (held.status, held.attachments) == (BuyerStatus.IN_PROGRESS, ("BL-118.pdf",))
    statuses = {entry.status for entry in portal.history(found.portal_id).entries}
    assert {BuyerStatus.SUSPENDED, BuyerStatus.IN_PROGRESS} <= statuses
    with pytest.raises(PortalAnswerError):
        portal.complete(found.portal_id, comment="Bon joint", files=files)

    assert portal.held(found.portal_id).attachments == ("BL-118.pdf",)


def test_acknowledged_rejection_says_so(portal: Portal, buyer: Buyer) -> None:
    """The portal keeps that we saw it; the rejection itself stays."""
    found = integrated(portal)
    buyer(found, "REJETEE", "Montant erroné")
    rejected = again(portal, found)
    assert (rejected.status, rejected.acknowledged) == (BuyerStatus.REJECTED, False)
    portal.acknowledge_rejection(found.portal_id)
    seen = again(portal, found)

    assert (seen.status, seen.acknowledged) == (BuyerStatus.REJECTED, True)


def test_invoice_nobody_knows_is_an_error(portal: Portal) -> None:
    """Whatever is asked about it."""
    for ask in (portal.held, portal.download, portal.history, portal.acknowledge_rejection):
        with pytest.raises(PortalAnswerError):
            ask("999999999")
    with pytest.raises(PortalAnswerError):
        portal.complete("999999999", comment="Bon joint", files=[])
