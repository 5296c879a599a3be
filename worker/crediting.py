"""Issues a credit note: the right kind for the state its invoice is in, or a refusal that says why.

An invoice that its buyer holds is corrected by a *transmitted* credit note, deposited like an
invoice. One that the buyer rejected, or never received, is taken back by an *internal* one, kept
in our books. Once its credit notes cover it, the invoice is cancelled, and its member is held
back for the year until a person lets it go on: it is never billed again by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlmodel import Session

from worker.audit import EventTag
from worker.credit import NothingToCredit, credit, credited_total
from worker.errors import Refused, WrongUse
from worker.findings import has_blocking
from worker.holding import HELD_BY_BUYER, held, hold_back
from worker.invoice import Invoice, InvoiceDraft, issue
from worker.issuing import Issuer, keep_documents, refuse_unfit, take_number
from worker.lifecycle import FRENCH, InvoiceStatus, TrackedInvoice
from worker.members import BillingReferences
from worker.period import paris_day
from worker.storage import invoices, journal
from worker.validation.rules import check_draft

S = InvoiceStatus
REFUSALS: Mapping[InvoiceStatus, tuple[str, str]] = {
    S.DRAFT: ("elle n'est pas encore émise", "Lancez « run » pour son année."),
    S.PARKED: ("elle n'est pas encore émise", "Corrigez ce qui la retient, puis lancez « run »."),
    S.SENDING: ("un dépôt est en cours ou interrompu", "Tapez « reconcile », puis recommencez."),
    S.UNKNOWN: (
        "on ne sait pas encore si le portail l'a reçue",
        "Tapez « reconcile » : recommencez quand son sort est connu.",
    ),
    S.DEPOSITED: ("le portail la traite encore", "Tapez « follow » plus tard, puis recommencez."),
    S.CANCELLED: ("elle est déjà annulée", "Il n'y a plus rien à créditer."),
}
"""Why an invoice in each of these states has no credit note now, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for.

    Attributes:
        quantities: units to credit by line identifier; None for all that is left.
        service_code: when the one of the invoice is no longer good; None to keep it.
        engagement: same.
    """

    number: str
    reason: str
    quantities: Mapping[str, int] | None = None
    service_code: str | None = None
    engagement: str | None = None


def issue_credit_note(issuer: Issuer, request: Request, *, deposits: bool) -> TrackedInvoice:
    """Issue the credit note asked for, and cancel the invoice it covers.

    Args:
        issuer: the collaborators.
        request: what is asked.
        deposits: whether this installation deposits by itself; else all is exported (Hélios).

    Returns:
        The credit note, as stored: to deposit, or settled when internal.

    Raises:
        WrongUse: no such invoice, or not so many units.
        Refused: the state of the invoice, or the directory, does not allow it.
        InvalidDocument: a document breaks a rule; nothing is kept.
    """
    store, now = issuer.store, issuer.clock()
    with store.reading() as session:
        invoice = _find(session, request.number)
        content = invoices.content(session, invoice.id)
        earlier = invoices.credit_notes(session, invoice.id)
    internal = _is_internal(invoice, request, deposits=deposits)
    draft = _compute(content, earlier, request, internal=internal)
    findings = check_draft(draft)
    if not internal:
        findings += issuer.directory(_references(draft, invoice))
    if has_blocking(findings):
        raise Refused(
            f"L'avoir sur la facture {invoice.number} serait refusé.",
            "Corrigez ce qui suit, puis retapez la commande ; --service-code et --engagement "
            "changent les références de l'avoir.",
            findings=findings,
        )
    with store.transaction() as session:
        if (
            _find(session, request.number) != invoice
            or invoices.credit_notes(session, invoice.id) != earlier
        ):
            raise Refused(
                f"La facture {invoice.number} vient de changer d'état.", "Tapez « status »."
            )
        note = _issue(issuer, session, draft, content)
        status = S.SETTLED if internal else S.ISSUED
        note_id = invoices.issue_credit_note(session, note, invoice, status, findings, now)
        hashes = keep_documents(issuer, session, note_id, 1, note, None)
        journal.append(
            session,
            at=now,
            actor=issuer.actor,
            tag=EventTag.CREDIT_NOTE_ISSUED,
            subject=note.number,
            payload={
                "siret": invoice.siret,
                "year": invoice.year,
                "corrects": invoice.number,
                "reason": request.reason,
                "internal": internal,
                "total_ttc": str(note.totals.payable),
                "statement": note.statement_number,
                "documents": hashes,
            },
        )
        if credited_total((*earlier, note)) == content.totals.payable:
            _cancel(issuer, session, invoice, note)
    with store.reading() as session:
        return invoices.by_id(session, note_id)


def _find(session: Session, number: str) -> TrackedInvoice:
    invoice = invoices.by_number(session, number)
    if invoice is None:
        raise WrongUse(
            f"Aucune facture ne porte le numéro {number}.",
            "Tapez « status » pour voir les numéros.",
        )
    return invoice


def _is_internal(invoice: TrackedInvoice, request: Request, *, deposits: bool) -> bool:
    """Which kind of credit note the state calls for. Raises Refused when none."""
    named = f"{invoice.number} ({FRENCH[invoice.status]})"
    if invoice.is_credit_note:
        raise Refused(
            f"{invoice.number} est un avoir : un avoir ne s'annule pas par un autre.",
            "Facturez à nouveau ce qui a été crédité à tort.",
        )
    if invoice.status in REFUSALS:
        why, what = REFUSALS[invoice.status]
        raise Refused(f"La facture {named} ne peut pas être créditée : {why}.", what)
    if invoice.status in HELD_BY_BUYER or not deposits:
        return False
    if request.quantities is not None:
        raise Refused(
            f"La facture {named} n'est pas chez le membre : elle s'annule tout entière.",
            "Retapez la commande sans --line ; une nouvelle facture, juste, la remplacera.",
        )
    return True


def _compute(
    content: Invoice, earlier: tuple[Invoice, ...], request: Request, *, internal: bool
) -> InvoiceDraft:
    try:
        draft = credit(content, earlier, request.reason, request.quantities, internal=internal)
    except NothingToCredit as error:
        raise WrongUse(
            f"Cet avoir sur la facture {content.number} n'est pas possible : {error}.",
            f"Tapez « show {content.number} » : lignes, quantités et avoirs précédents.",
        ) from error
    return replace(
        draft,
        service_code=_given(request.service_code, draft.service_code),
        engagement=_given(request.engagement, draft.engagement),
    )


def _given(option: str | None, kept: str) -> str:
    return kept if option is None else option.strip()


def _references(draft: InvoiceDraft, invoice: TrackedInvoice) -> BillingReferences:
    return BillingReferences(
        siret=invoice.siret,
        year=invoice.year,
        service_code=draft.service_code,
        engagement=draft.engagement,
    )


def _issue(issuer: Issuer, session: Session, draft: InvoiceDraft, content: Invoice) -> Invoice:
    today = paris_day(issuer.clock())
    note = issue(
        draft,
        number=take_number(session, issuer.terms, issuer.terms.credit_note_prefix, today.year),
        issue_date=today,
        due_date=None,
        statement_number=content.statement_number,
    )
    refuse_unfit(note)
    return note


def _cancel(issuer: Issuer, session: Session, invoice: TrackedInvoice, note: Invoice) -> None:
    now = issuer.clock()
    if not invoices.move(session, invoice, S.CANCELLED, now):
        raise Refused(f"La facture {invoice.number} vient de changer d'état.", "Tapez « status ».")
    journal.append(
        session,
        at=now,
        actor=issuer.actor,
        tag=EventTag.INVOICE_CANCELLED,
        subject=invoice.number,
        payload={"credit_note": note.number, "from": invoice.status.value},
    )
    if held(session, invoice.siret, invoice.year):
        return  # a person did it first
    reason = f"la facture {invoice.number} a été annulée par l'avoir {note.number}"
    hold_back(
        session,
        invoice.siret,
        invoice.year,
        reason,
        actor=issuer.actor,
        at=now,
        total=invoice.total,
    )
