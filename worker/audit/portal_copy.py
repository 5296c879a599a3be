"""Is the invoice the portal holds the one we issued? Asked years later, when there is a doubt."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from worker.app import App
from worker.audit.documents import write_file
from worker.billing.identifiers import is_same_number
from worker.billing.invoice import Invoice
from worker.billing.period import french_date
from worker.billing.standard import CII_ROOT, NAMESPACES
from worker.billing.status import TrackedInvoice
from worker.errors import Finding, Refused, Severity, WrongUse
from worker.portals import FoundInvoice, HeldInvoice, Portal
from worker.storage import invoices
from worker.storage.documents import documents_of
from worker.validation.files.pdf import read_hybrid
from worker.validation.xml import parse_xml

OTHER_FILE = "PORTAL-OTHER-FILE"
"""The portal gives the document of another invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalCopy:
    """What the portal holds of an invoice.

    Attributes:
        invoice: ours, as stored.
        size: bytes of the document that was downloaded; 0 for none.
        findings: what the portal says otherwise.
    """

    invoice: TrackedInvoice
    held: HeldInvoice
    size: int
    findings: tuple[Finding, ...]


def compare(
    app: App, portal: AbstractContextManager[Portal], number: str, to: Path | None
) -> PortalCopy:
    """Compare an invoice with the portal's copy, and download that copy to ``to``.

    What is downloaded is looked at: the document of another invoice is not written.

    ``portal`` is opened once the invoice is known to be there.

    Raises:
        WrongUse: no such invoice.
        Refused: no identifier of the portal is known for it.
        PortalDown, PortalAccessRefused: the portal cannot be asked.
        StorageUnavailable: ``to`` cannot be written.
    """
    with app.reading() as session:
        invoice = invoices.named(session, number)
        ours = invoices.content(session, invoice.id) if invoice.number else None
        sent = {document.sha256 for document in documents_of(session, invoice.id)}
    if ours is None or invoice.portal_id is None:
        raise Refused(
            f"Aucun identifiant de Chorus Pro n'est connu pour {number} ({invoice.french_status}).",
            "Tapez « show » pour voir où en est son dépôt.",
        )
    with portal as opened:
        opened.sign_in()
        held = opened.held(invoice.portal_id)
        rows = opened.find(invoice_number=number)
        content = b"" if to is None else opened.download(invoice.portal_id)
    found = (*differences(held, ours), *_dates(rows, invoice.portal_id, ours))
    if to is not None and hashlib.sha256(content).hexdigest() not in sent:
        found += (_other_bytes(content, number),)
    if to is not None and not any(finding.code == OTHER_FILE for finding in found):
        write_file(to, content)
    return PortalCopy(invoice=invoice, held=held, size=len(content), findings=found)


def _other_bytes(content: bytes, number: str) -> Finding:
    """What is said of a document that is none of those we deposited, byte for byte."""
    held = _number_in(content)
    if held and not is_same_number(held, number):
        return Finding(
            code=OTHER_FILE,
            message=f"le document que donne Chorus Pro porte le numéro {held}, pas {number} : rien "
            "n'est écrit",
            remedy="Recommencez plus tard ; si cela dure, signalez-le au support de Chorus Pro.",
        )
    what = "porte bien son numéro" if held else "ne laisse pas lire son numéro"
    return Finding(
        code="PORTAL-OTHER-BYTES",
        severity=Severity.WARNING,
        message="le document que donne Chorus Pro n'est pas, octet pour octet, celui que nous "
        f"avons déposé ; il {what}",
        remedy="Comparez-le à celui de « documents export ».",
    )


def _number_in(content: bytes) -> str:
    """BT-1 of a PDF with its invoice; empty when it cannot be read. In a bounded process."""
    try:
        root = parse_xml(read_hybrid(content).xml).getroot()
    except WrongUse:
        return ""
    place = "rsm:ExchangedDocument/ram:ID" if root.tag == CII_ROOT else "cbc:ID"
    return (root.findtext(place, "", NAMESPACES) or "").strip()


def differences(held: HeldInvoice, ours: Invoice) -> tuple[Finding, ...]:
    """Everything the portal says otherwise; what it leaves out proves nothing.

    Args:
        held: what the portal answered.
        ours: the frozen content of the present version.
    """
    pairs = (
        ("numéro de facture (BT-1)", held.number, ours.number),
        ("SIRET du destinataire (BT-47)", held.recipient, ours.buyer.siret),
        ("code service (BT-10)", held.service_code, ours.service_code),
        ("numéro d'engagement (BT-13)", held.engagement, ours.engagement),
    )
    found = [
        _differs(what, theirs, mine or "aucun")
        for what, theirs, mine in pairs
        if theirs and theirs != mine
    ]
    for what, amount, own in (
        ("total HT (BT-109)", held.net, ours.totals.net),
        ("total TTC (BT-112)", held.gross, ours.totals.gross),
    ):
        # Whether the portal signs the amounts of a credit note is unknown.
        signed = (own, -own) if ours.is_credit_note else (own,)
        if amount is not None and amount not in signed:
            found.append(_differs(what, f"{amount} €", f"{own} €"))
    return tuple(found)


def _dates(rows: Iterable[FoundInvoice], portal_id: str, ours: Invoice) -> Iterator[Finding]:
    """What the search says of its day: a day of Paris may be shown as the midnight before."""
    for row in rows:
        day = row.issue_date
        if row.portal_id == portal_id and day and abs((day - ours.issue_date).days) > 1:
            shown, own = french_date(day), french_date(ours.issue_date)
            yield _differs("date de la facture (BT-2)", shown, own)


def _differs(what: str, theirs: str, mine: str) -> Finding:
    return Finding(
        code="PORTAL-DIFFERS",
        message=f"{what} : Chorus Pro détient « {theirs} », et nos livres « {mine} »",
        remedy="Ne renvoyez rien. Comparez les deux documents, puis écrivez au support de "
        "Chorus Pro.",
    )
