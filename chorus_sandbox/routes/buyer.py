"""The buyer's decisions, by the route of the portal or from the panel (§2.10, §8.3)."""

from datetime import datetime

from chorus_sandbox import paris
from chorus_sandbox.directory import Directory
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import InvoiceRecord
from chorus_sandbox.routes import VOCABULARY
from chorus_sandbox.routes.calls import DONE, Call, Refusal, success
from chorus_sandbox.routes.invoices import known_invoice

_NEEDS_REASON = frozenset(("REJETEE", "SUSPENDUE"))


def decide(call: Call) -> dict[str, object]:
    """``factures/v1/traiter/recue``: the buyer gives an invoice its next status, in any order."""
    target = call.body.mandatory_text("nouveauStatut")
    reason = call.body.text("motif") or ""
    invoice = known_invoice(call, call.body.mandatory_integer("idFacture"))
    give_status(call.ledger, call.directory, invoice, target, reason=reason, now=call.now)
    return success(
        DONE,
        idFacture=invoice.id,
        numeroFacture=invoice.number,
        dateTraitement=paris.day_of(call.now).isoformat(),
        nouveauStatut=target,
    )


def give_status(
    ledger: Ledger,
    directory: Directory,
    invoice: InvoiceRecord,
    target: str,
    *,
    reason: str,
    now: datetime,
) -> None:
    """Gives an invoice a status, whatever its current one.

    Raises:
        Refusal: not a status of the buyer, no reason where one is due, or a buyer that never
            reports payments.
    """
    buyer = directory.by_siret(invoice.buyer_siret)
    if target not in VOCABULARY["buyer_statuses"]:
        raise Refusal(20002, "SIMULE - Statut que le destinataire ne peut pas donner")
    if target in _NEEDS_REASON and not reason.strip():
        raise Refusal(20003, "SIMULE - Motif obligatoire pour ce statut")
    if target == "MISE_EN_PAIEMENT" and buyer and buyer.payment_status_not_reported:
        raise Refusal(20004, "SIMULE - Cette structure ne remonte pas la mise en paiement")
    with ledger.transaction():
        ledger.invoices.add_status(invoice.id, target, at=now, comment=reason)
