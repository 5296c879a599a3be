"""What the portal holds, beside what we issued: any difference is said, silence is none."""

from dataclasses import replace

import pytest

from tests.golden.samples import credit_total, two_lines
from worker.audit.portal_copy import differences
from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.portals import BuyerStatus, HeldInvoice


def held(invoice: Invoice, **changes: object) -> HeldInvoice:
    """The portal's copy of an invoice, with something else in it perhaps."""
    copy = HeldInvoice(
        portal_id="8000001",
        number=invoice.number,
        status=BuyerStatus.IN_PROGRESS,
        raw_status="MISE_A_DISPOSITION",
        recipient=invoice.buyer.siret,
        service_code=invoice.service_code,
        engagement=invoice.engagement,
        net=invoice.totals.net,
        gross=invoice.totals.gross,
        attachments=(),
    )
    return replace(copy, **changes)  # type: ignore[arg-type] # its own fields


@pytest.mark.parametrize("sign", [1, -1])
def test_a_faithful_copy_has_no_difference(sign: int) -> None:
    """Nor has that of a credit note, whatever sign its amounts are given."""
    invoice, _ = two_lines()
    assert differences(held(invoice), invoice) == ()
    note, _ = credit_total()
    signed = {"net": note.totals.net, "gross": note.totals.gross}
    if sign < 0:
        signed = {name: -amount for name, amount in signed.items()}
    assert differences(held(note, **signed), note) == ()


def test_a_field_left_out_proves_nothing() -> None:
    """The portal leaves out what has no value, or what it does not show."""
    invoice, _ = two_lines()
    silent = held(
        invoice, number="", recipient="", service_code="", engagement="", net=None, gross=None
    )
    assert differences(silent, invoice) == ()


@pytest.mark.parametrize(
    "change,says",
    [
        ({"number": "F2025-00002"}, "BT-1)"),
        ({"recipient": "99980901500012"}, "BT-47"),
        ({"service_code": "AUTRE"}, "BT-10)"),
        ({"engagement": "AUTRE"}, "BT-13"),
        ({"net": Money(1)}, "BT-109"),
        ({"gross": Money(319681)}, "3196.81"),
    ],
)
def test_each_difference_is_said_with_both_values(change: dict[str, object], says: str) -> None:
    """And an amount of the other sign is one, on an invoice."""
    invoice, _ = two_lines()
    (finding,) = differences(held(invoice, **change), invoice)
    assert says in finding.message
    assert "nos livres" in finding.message
    assert differences(held(invoice, gross=-invoice.totals.gross), invoice) != ()
