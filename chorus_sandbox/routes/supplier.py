"""What the supplier may do to an invoice: complete it, acknowledge a rejection (§2.7)."""

from chorus_sandbox import paris
from chorus_sandbox.integration import integration
from chorus_sandbox.routes.attachments import TYPES
from chorus_sandbox.routes.calls import DONE, Body, Call, MalformedBody, Refusal, success
from chorus_sandbox.routes.invoices import known_invoice

_NO_SUCH_INVOICE = "GDP_MSG_11.008"
_LONGEST_COMMENT = 2000
_LONGEST_DESIGNATION = 100


def complete(call: Call) -> dict[str, object]:
    """``factures/v1/completer``: answers a suspension; comment and files are kept."""
    identifier = call.body.mandatory_integer("identifiantFactureCPP")
    comment = call.body.text("commentaire") or ""
    blocks = call.body.blocks("pieceJointeComplementaire")
    with call.ledger.transaction():
        invoice = known_invoice(call, identifier, said=_NO_SUCH_INVOICE)
        if invoice.status != "SUSPENDUE":
            raise Refusal(20002, "GDP_MSG_11.033")
        if len(comment) > _LONGEST_COMMENT:
            raise Refusal(20003, f"SIMULE - Commentaire de plus de {_LONGEST_COMMENT} caracteres")
        for block in blocks:
            _join(call, invoice.id, block)
        call.ledger.invoices.add_status(invoice.id, "COMPLETEE", at=call.now, comment=comment)
    return success(
        DONE,
        identifiantFactureCPP=invoice.id,
        numeroFacture=invoice.number,
        dateTraitement=paris.to_minutes(call.now),
    )


def acknowledge_rejections(call: Call) -> dict[str, object]:
    """``factures/v1/traiterRejet``: the supplier dealt with these rejections; all or none."""
    integration.settle(call.ledger, call.directory, now=call.now)
    blocks = call.body.blocks("listeDemandePaiement")
    if not blocks:
        raise MalformedBody("listeDemandePaiement")
    with call.ledger.transaction():
        for block in blocks:
            invoice = known_invoice(call, block.mandatory_integer("idDemandePaiement"))
            if invoice.status != "REJETEE":
                raise Refusal(20002, "SIMULE - Cette facture n'est pas rejetee")
            call.ledger.invoices.acknowledge_rejection(invoice.id)
    return success(DONE)


def _join(call: Call, invoice_id: int, block: Body) -> None:
    designation = block.mandatory_text("pieceJointeComplementaireDesignation")
    type_code = block.mandatory_text("pieceJointeComplementaireType")
    identifier = block.mandatory_integer("pieceJointeComplementaireId")
    attachment = call.ledger.attachments.identified(identifier)
    if attachment is None:
        raise Refusal(20004, "SIMULE - Piece jointe inconnue")
    if type_code not in TYPES:
        raise Refusal(20005, "SIMULE - Type de piece jointe inconnu")
    if len(designation) > _LONGEST_DESIGNATION:
        text = f"Designation de plus de {_LONGEST_DESIGNATION} caracteres"
        raise Refusal(20006, f"SIMULE - {text}")
    call.ledger.attachments.join(
        invoice_id,
        attachment,
        designation=designation,
        type_code=type_code,
        line=block.integer("pieceJointeComplementaireNumeroLigneFacture"),
    )
