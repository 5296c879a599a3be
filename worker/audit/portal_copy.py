"""Is the invoice the portal holds the one we issued? For whoever doubts, years later. Pure."""

from collections.abc import Iterator

from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.errors import Finding
from worker.portals import HeldInvoice


def differences(held: HeldInvoice, ours: Invoice) -> tuple[Finding, ...]:
    """Everything the portal says otherwise; what it leaves out proves nothing.

    Args:
        held: what the portal answered.
        ours: the frozen content of the present version.
    """
    return tuple(_differences(held, ours))


def _differences(held: HeldInvoice, ours: Invoice) -> Iterator[Finding]:
    for what, theirs, mine in (
        ("numéro de facture (BT-1)", held.number, ours.number),
        ("SIRET du destinataire (BT-47)", held.recipient, ours.buyer.siret),
        ("code service (BT-10)", held.service_code, ours.service_code),
        ("numéro d'engagement (BT-13)", held.engagement, ours.engagement),
    ):
        if theirs and theirs != mine:
            yield _differs(what, theirs, mine or "aucun")
    for what, amount, own in (
        ("total HT (BT-109)", held.net, ours.totals.net),
        ("total TTC (BT-112)", held.gross, ours.totals.gross),
    ):
        # Nobody knows whether the portal signs the amounts of a credit note.
        if amount is not None and amount not in _signed(own, ours):
            yield _differs(what, f"{amount} €", f"{own} €")


def _signed(own: Money, ours: Invoice) -> tuple[Money, ...]:
    return (own, -own) if ours.is_credit_note else (own,)


def _differs(what: str, theirs: str, mine: str) -> Finding:
    return Finding(
        code="PORTAL-DIFFERS",
        message=f"{what} : Chorus Pro détient « {theirs} », et nos livres « {mine} »",
        remedy="Ne renvoyez rien. Comparez les deux documents, puis écrivez au support de "
        "Chorus Pro.",
    )
