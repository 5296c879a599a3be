"""Whether an invoice may be taken back in our books alone: never what its buyer has, or may get.

A file that was given up, or refused as the copy of one that no search showed, may be integrated
after all, and what is refused is not followed. Billed again under another number, its buyer would
pay twice: another number escapes the portal's control of uniqueness, the same one does not.
"""

from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.errors import Refused
from worker.issuing import Issuer
from worker.portals import BuyerStatus
from worker.storage import deposits


def refuse_if_received(issuer: Issuer, taken_back: TrackedInvoice, *, nothing_comes: bool) -> None:
    """Raise Refused when the buyer holds what we take for never received, or may hold it soon.

    Args:
        issuer: the collaborators.
        taken_back: an invoice, or a credit note to be kept in our books.
        nothing_comes: a person has made sure that no file of it can be integrated any more.

    Raises:
        Refused: with the way to have it integrated, or to say that it cannot be.
        PortalDown, PortalAccessRefused: the portal cannot be asked.
    """
    if taken_back.status is InvoiceStatus.REJECTED:
        return
    number = taken_back.number
    named = f"{number} ({taken_back.french_status})"
    issued = taken_back.status is InvoiceStatus.ISSUED
    again = "deposit" if issued else f'resend {number} --reason "…"'
    remedy = (
        f"Tapez : chorus-worker {again} ; le même numéro n'est jamais intégré deux fois. Une fois "
        "retrouvé sur le portail par « follow », « credit » fera ce qu'il faut."
    )
    copy = issuer.at_portal(taken_back)
    if copy is not None:
        if copy.status in {BuyerStatus.REJECTED, BuyerStatus.CLOSED}:
            return
        raise Refused(
            f"Pas d'avoir interne pour {named} : Chorus Pro l'a malgré tout, à l'état "
            f"{copy.raw_status}, et le membre aurait les deux.",
            remedy,
        )
    if not nothing_comes and (flux := _flux_alive(issuer, taken_back)):
        raise Refused(
            f"Pas d'avoir interne pour {named} : le portail n'a pas refusé son fichier (flux "
            f"{flux}), qui peut encore aboutir, et le membre aurait les deux.",
            f"{remedy} S'il est certain que ce fichier n'aboutira plus, tapez : chorus-worker "
            f'credit {number} --reason "…" --internal {number}',
        )


def _flux_alive(issuer: Issuer, invoice: TrackedInvoice) -> str:
    """The flux of it that the portal took and has not refused; empty when there is none."""
    if invoice.number_is_taken:
        return ""  # what has its number keeps it from being integrated
    with issuer.store.reading() as session:
        attempts = deposits.attempts(session, invoice.id)
    return next((one.flux_number for one in attempts if issuer.is_alive(invoice, one)), "")
