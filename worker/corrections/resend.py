"""The right way to send an invoice again, for the state it is in: or a refusal that says why.

A refused deposit is sent again: nothing was integrated, so the same number may be used, with
corrected references (a new recorded version of the documents) or the same bytes. A file that the
portal keeps without any verdict is first looked for, like any uncertain one. And an uncertain one
that every search left uncertain is sent again when a person has looked for it on the portal.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from worker.app import App
from worker.billing.invoice import Invoice
from worker.billing.journal import EventTag
from worker.billing.members import BillingReferences
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.corrections.todo import is_long_uncertain, is_stuck
from worker.corrections.todo_sentences import NOT_SENT_AGAIN
from worker.errors import Finding, PortalAnswerError, Refused, has_blocking
from worker.issuing.directory import Directory
from worker.issuing.directory_rules import INACTIVE
from worker.issuing.documents import keep_documents
from worker.issuing.render import RenderChecked
from worker.portals import Portal
from worker.storage import Transaction, attempts, imported, invoices, member_years
from worker.transmission.likeness import Likeness, described, differences
from worker.transmission.reconcile import Seen, adopt, look_for
from worker.validation.rules import check_draft

S = InvoiceStatus


class Way(StrEnum):
    """How an invoice goes to the portal once more."""

    CORRECTED = "corrected"
    """Its deposit was refused: under its number, corrected if references are given."""
    SEARCHED = "searched"
    """Its flux has no verdict: it is searched for, and refused when every search is in vain."""
    DECLARED_ABSENT = "declared_absent"
    """Every search was in vain, and a person did not find it on the portal either."""


def way_to_resend(
    invoice: TrackedInvoice, now: datetime, *references: str | None, absent: bool
) -> Way:
    """The way that the state of an invoice calls for.

    Args:
        invoice: as stored.
        now: the present instant.
        references: service code and engagement to correct; None to keep.
        absent: a person looked for it on the portal in vain.

    Raises:
        Refused: its state calls for none, or its bytes cannot be corrected now.
    """
    if absent:
        way = Way.DECLARED_ABSENT
    elif is_stuck(invoice, now):
        way = Way.SEARCHED
    else:
        refuse_unless(invoice, invoice.status is S.REFUSED)
        return Way.CORRECTED
    refuse_correction(invoice, *references)
    return way


def resend(
    app: App,
    portal: Portal,
    render: RenderChecked,
    number: str,
    reason: str,
    *,
    service_code: str | None = None,
    engagement: str | None = None,
) -> TrackedInvoice:
    """Make a refused invoice ready to be deposited again, corrected if references are given.

    Without options, the references imported for the member and year are taken; for a credit
    note, those it has.

    Raises:
        WrongUse: no such invoice.
        Refused: its state does not allow it, the correction would be refused again, or the portal
            holds it after all: sent again as it is, it is found there.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    with app.reading() as session:
        invoice = invoices.named(session, number)
        refuse_unless(invoice, invoice.status is S.REFUSED)
        content = invoices.content(session, invoice.id)
        kept, _ = member_years.billed_references(session, invoice.siret, invoice.year)
    seen = look_for(app, portal, invoice)
    refuse_doubtful(invoice, seen)
    if seen.kind is not Likeness.UNRELATED:
        # It lives there after all: another version would not be what its buyer has. Nothing is
        # handed over: the search before a second deposit finds it again, and it is adopted.
        refuse_correction(invoice, service_code, engagement)
        return _apply(app, render, invoice, content, content, reason)
    references = corrected_references(invoice, content, kept, service_code, engagement)
    corrected = replace(
        content, service_code=references.service_code, engagement=references.engagement
    )
    findings = check_draft(corrected) + Directory(app=app, portal=portal).check(references)
    if has_blocking(findings):
        raise Refused(
            f"{invoice.french_name} serait refusé{invoice.feminine} à nouveau.",
            _way_out(invoice, findings),
            findings=findings,
        )
    return _apply(app, render, invoice, content, corrected, reason, references, findings)


def corrected_references(
    invoice: TrackedInvoice,
    content: Invoice,
    kept: BillingReferences,
    service_code: str | None,
    engagement: str | None,
) -> BillingReferences:
    """The references that a refused invoice leaves with again; ``kept``: those imported for it."""
    if invoice.is_credit_note:
        # Its own: what was imported for the year bills the member again, and stays as it is.
        kept = replace(kept, service_code=content.service_code, engagement=content.engagement)
    return replace(
        kept,
        service_code=kept.service_code if service_code is None else service_code.strip(),
        engagement=kept.engagement if engagement is None else engagement.strip(),
    )


def _way_out(invoice: TrackedInvoice, findings: Sequence[Finding]) -> str:
    """What to do: references change nothing for a structure that receives nothing any more."""
    number = invoice.number
    if all(finding.code != INACTIVE for finding in findings):
        return "Donnez ce qui manque avec --service-code ou --engagement, puis retapez la commande."
    if invoice.is_credit_note:
        kept = f'chorus-worker credit {number} --reason "…" --internal {number}'
        return f"Le membre ne reçoit plus rien : gardez l'avoir dans nos livres, tapez : {kept}"
    return (
        f"Le membre ne reçoit plus rien : annulez-la, tapez : chorus-worker credit {number} "
        '--reason "…" ; puis, pour ne plus le facturer : chorus-worker park '
        f'{invoice.siret} {invoice.year} --reason "…" --never-billed'
    )


def refuse_unless(invoice: TrackedInvoice, allowed: bool) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise Refused, with why and what to do instead, unless its state allows it."""
    if allowed:
        return
    why, what = NOT_SENT_AGAIN[invoice.status]
    raise Refused(
        f"{invoice.french_name} ({invoice.french_status}) ne peut pas être "
        f"renvoyé{invoice.feminine} : {why}.",
        what,
    )


def refuse_correction(invoice: TrackedInvoice, *references: str | None) -> None:
    """Raise Refused when references are given for a deposit that may live: its bytes stay."""
    if any(given is not None for given in references):
        raise Refused(
            f"{invoice.french_name} ({invoice.french_status}) ne peut pas être "
            f"corrigé{invoice.feminine} maintenant : le portail l'a peut-être déjà, telle quelle.",
            "Retapez la commande sans --service-code ni --engagement ; vous les donnerez si son "
            "dépôt est refusé.",
        )


def mark_uncertain(app: App, number: str, reason: str) -> None:
    """Have a deposited invoice without verdict looked for at the portal: it becomes uncertain.

    Found, it is adopted; not found after every search, it becomes refused, and may be sent again.

    Raises:
        WrongUse: no such invoice.
        Refused: it is not deposited, or the portal may still be working on it.
    """
    with app.transaction() as tx:
        invoice = invoices.named(tx, number)
        refuse_unless(invoice, is_stuck(invoice, tx.now))
        invoices.move(tx, invoice, S.UNKNOWN, trouble=Trouble.GIVEN_UP, detail=reason)
        _request(tx, invoice, reason)


def refuse_doubtful(invoice: TrackedInvoice, seen: Seen) -> None:
    """Raise Refused when the portal shows what is nearly this invoice, or has its number."""
    if seen.found is None or seen.kind not in {Likeness.NEARLY, Likeness.OTHER}:
        return
    if seen.kind is Likeness.OTHER:
        raise Refused(
            f"Le portail a déjà une autre facture sous le numéro {invoice.number} "
            f"({described(seen.found)}) : un renvoi serait refusé.",
            f"Tapez : chorus-worker documents portal {invoice.number}, puis voyez sur le portail "
            "ce que c'est.",
        )
    raise Refused(
        f"Le portail a sous le numéro {invoice.number} une facture presque identique : "
        f"{' ; '.join(differences(seen.found, invoice))}.",
        f"Comparez les deux sur le portail ; si c'est la nôtre, tapez : chorus-worker reconcile "
        f'--adopt {invoice.number} --reason "…"',
    )


def refuse_if_found(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    """Raise Refused when a search shows an invoice that a person calls absent.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked. An answer that cannot be used
            proves nothing.
    """
    if invoice.status is not S.UNKNOWN:
        return
    try:
        seen = look_for(app, portal, invoice)
    except PortalAnswerError:
        return
    refuse_doubtful(invoice, seen)
    if seen.found is not None:
        raise Refused(
            f"{invoice.french_name} est sur le portail, à l'état {seen.found.raw_status}.",
            "Tapez « reconcile » : ce dépôt sera repris, sans en refaire un autre.",
        )


def adopt_nearly_ours(app: App, portal: Portal, number: str, reason: str) -> TrackedInvoice:
    """Take what the portal shows for our invoice: a person compared what differs.

    Raises:
        WrongUse: no such invoice.
        Refused: the portal shows nothing that is nearly ours.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    with app.reading() as session:
        invoice = invoices.named(session, number)
    seen = (
        look_for(app, portal, invoice) if invoice.status is S.UNKNOWN else Seen(Likeness.UNRELATED)
    )
    if seen.found is None or seen.kind not in {Likeness.NEARLY, Likeness.SAME}:
        raise Refused(
            f"Rien n'est à reprendre du portail pour {invoice.label} ({invoice.french_status}).",
            "Tapez « status --todo » : il dit ce que chaque facture attend.",
        )
    with app.transaction() as tx:
        tx.journal(
            EventTag.RESEND_REQUESTED,
            number,
            **{"from": invoice.status.value},
            reason=reason,
            adopted=list(differences(seen.found, invoice)),
        )
    adopt(app, invoice, seen.found)
    return invoice


def declare_absent(app: App, number: str, reason: str) -> None:
    """Have an uncertain invoice sent again: a person looked for it on the portal.

    Every search must have been made in vain before; or it has been uncertain for days, for the
    portal may answer nothing that can be used about it.

    Raises:
        WrongUse: no such invoice.
        Refused: it is not uncertain, or the searches are not over.
    """
    with app.transaction() as tx:
        invoice = invoices.named(tx, number)
        in_vain = invoice.status is S.UNKNOWN and invoice.checks >= len(
            app.settings.portal.reconcile_after
        )
        refuse_unless(invoice, in_vain or is_long_uncertain(invoice, tx.now))
        invoices.move(
            tx, invoice, S.ISSUED, flux_number="", trouble=Trouble.DECLARED_ABSENT, detail=""
        )
        attempts.close_attempts(
            tx, invoice.id, at=tx.now, detail=f"déclarée absente du portail : {reason}"
        )
        _request(tx, invoice, reason)


def _request(tx: Transaction, invoice: TrackedInvoice, reason: str) -> None:
    tx.journal(
        EventTag.RESEND_REQUESTED,
        invoice.number,
        **{"from": invoice.status.value},
        reason=reason,
        checks=invoice.checks,
    )


def _apply(
    app: App,
    render: RenderChecked,
    invoice: TrackedInvoice,
    content: Invoice,
    corrected: Invoice,
    reason: str,
    references: BillingReferences | None = None,
    findings: tuple[Finding, ...] = (),
) -> TrackedInvoice:
    with app.transaction() as tx:
        tx.journal(
            EventTag.RESEND_REQUESTED,
            invoice.number,
            reason=reason,
            findings=[finding.code for finding in findings],
        )
        if invoices.by_id(tx, invoice.id) != invoice:
            raise Refused(f"{invoice.french_name} vient de changer d'état.", "Tapez « status ».")
        if references is not None and not invoice.is_credit_note:
            imported.put_references(tx, [(references, None)], tx.now)
        if corrected == content:
            invoices.move(tx, invoice, InvoiceStatus.ISSUED, flux_number="", detail="")
            return invoices.by_id(tx, invoice.id)
        version = invoices.correct(tx, invoice.id, corrected)
        statement = None if invoice.is_credit_note else invoices.statement_of(tx, invoice.id)
        hashes = keep_documents(
            app.store.archive, tx, render, invoice.id, version, corrected, statement
        )
        tx.journal(
            EventTag.INVOICE_CORRECTED,
            invoice.number,
            version=version,
            service_code=[content.service_code, corrected.service_code],
            engagement=[content.engagement, corrected.engagement],
            documents=hashes,
        )
        return invoices.by_id(tx, invoice.id)
