"""Issues a credit note: the right kind for the state its invoice is in, or a refusal that says why.

An invoice that its buyer holds is corrected by a *transmitted* credit note, deposited like an
invoice. One that the buyer rejected, or never received, is taken back by an *internal* one, kept
in our books. Once its credit notes cover it, the invoice is cancelled, and its member is held
back for the year until a person lets it go on: it is never billed again by itself. A credit note
that the buyer rejects, or whose number is taken at the portal, is made again, corrected, under
another number, and no longer counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from worker.app import App
from worker.billing.credit_note import (
    NEUTRAL_REASON,
    NothingToCredit,
    credit,
    credited_total,
    reissue,
)
from worker.billing.identifiers import siren_of
from worker.billing.invoice import Invoice, InvoiceDraft, issue
from worker.billing.journal import EventTag
from worker.billing.member_account import DisagreementKind, balance_of, keeps_back
from worker.billing.members import BillingReferences
from worker.billing.period import paris_day
from worker.billing.quantity import Quantity
from worker.billing.status import ON_THE_REJECTED_LIST, InvoiceStatus, TrackedInvoice, Trouble
from worker.corrections.todo_sentences import NOT_CREDITED
from worker.errors import Finding, Refused, WrongUse, has_blocking
from worker.formats.typesetting import unprintable_character
from worker.issuing.directory import Directory
from worker.issuing.documents import check_number_and_dates, keep_documents
from worker.issuing.holds import HELD_BY_BUYER, place_hold
from worker.issuing.numbering import take_number
from worker.issuing.render import RenderChecked
from worker.issuing.unprintable import cannot_be_printed
from worker.portals import FoundInvoice, Portal
from worker.storage import (
    Session,
    Store,
    Transaction,
    attempts,
    holds,
    imported,
    invoices,
    member_accounts,
)
from worker.transmission.beyond import look_beyond
from worker.transmission.likeness import Likeness, described
from worker.transmission.reconcile import is_alive, look_for
from worker.transmission.refresh import refresh_account
from worker.validation.rules import check_draft

S = InvoiceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for.

    Attributes:
        reason: why, kept in the journal alone.
        printed_reason: why, printed on the credit note (BT-22) and deposited with it.
        quantities: units to credit by line identifier; None for all that is left.
        service_code: when the one of the invoice is no longer good; None to keep it.
        engagement: same.
        internal: after a refused deposit, what a person has made sure of: no file of the invoice
            can be integrated any more; or its buyer can receive no credit note any more (its
            structure is closed), and this one is kept in our books.
    """

    number: str
    reason: str
    printed_reason: str = NEUTRAL_REASON
    quantities: Mapping[str, Quantity] | None = None
    service_code: str | None = None
    engagement: str | None = None
    internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditDraft:
    """A credit note worked out and checked, without a number yet.

    Attributes:
        invoice: what it takes back.
        replaces: the rejected credit note that it makes again, if it does.
        content: of the invoice, as issued.
        earlier: the credit notes of the invoice that count beside this one.
        internal: whether it stays in our books.
    """

    invoice: TrackedInvoice
    replaces: TrackedInvoice | None
    content: Invoice
    earlier: tuple[Invoice, ...]
    draft: InvoiceDraft
    internal: bool
    findings: tuple[Finding, ...] = ()

    @property
    def covers_the_invoice(self) -> bool:
        """Whether nothing is left of the invoice once it is issued."""
        given = credited_total(self.earlier) + self.draft.totals.payable
        return given == self.content.totals.payable


def draft_credit_note(app: App, portal: Portal | None, request: Request) -> CreditDraft:
    """Work out the credit note asked for, and check it; nothing is written.

    Args:
        app: the open installation.
        portal: where this installation deposits; None: all is exported (Hélios).
        request: what is asked: about an invoice, or a credit note that its buyer rejected.

    Raises:
        WrongUse: no such invoice, not so many units, or a text that cannot be printed.
        Refused: the state of the invoice, or the directory, does not allow it.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    _refuse_unprintable(request)
    with app.reading() as session:
        asked = invoices.named(session, request.number)
        if request.internal and asked.status is not S.REFUSED and not _stays_here(asked):
            raise Refused(
                f"{asked.number} ({asked.french_status}) : --internal n'est que pour un dépôt "
                "refusé, ou un avoir dont la facture n'est plus chez le membre.",
                "Retapez la commande sans --internal : l'état dit quel avoir il faut.",
            )
        drafted = (
            _again(session, asked, request, app.clock())
            if asked.is_credit_note
            else _first(session, asked, request, deposits=portal is not None)
        )
    if drafted.internal and portal is not None and not _stays_here(asked):
        taken_back = drafted.replaces or drafted.invoice
        _refuse_if_received(app, portal, taken_back, nothing_comes=request.internal)
    draft = replace(
        drafted.draft,
        service_code=_given(request.service_code, drafted.draft.service_code),
        engagement=_given(request.engagement, drafted.draft.engagement),
    )
    findings = check_draft(draft)
    if not drafted.internal and portal is not None:
        references = BillingReferences(
            siret=drafted.invoice.siret,
            year=drafted.invoice.year,
            service_code=draft.service_code,
            engagement=draft.engagement,
        )
        findings += Directory(app=app, portal=portal).check(references)
    if has_blocking(findings):
        raise Refused(
            f"L'avoir sur la facture {drafted.invoice.number} serait refusé.",
            "Corrigez ce qui est signalé, puis retapez la commande « credit » ; --service-code et "
            "--engagement changent les références de l'avoir.",
            findings=findings,
        )
    return replace(drafted, draft=draft, findings=findings)


def confirm_state(app: App, portal: Portal, number: str) -> None:
    """Read the whole chain at the portal, and learn whether its buyer changed its mind.

    An internal credit note cannot be taken back, nor one that was transmitted: neither is made
    from the books alone.

    Raises:
        WrongUse: no such invoice.
        Refused: its buyer did since we last heard; the command may be typed again.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    with app.reading() as session:
        before = invoices.named(session, number)
    if not before.number or before.status in {S.DRAFT, S.PARKED}:
        return
    refresh_account(app, portal, before.siret, before.year)
    with app.reading() as session:
        now = invoices.by_id(session, before.id)
    if before.status is S.REJECTED and now.status is not S.REJECTED:
        raise Refused(
            f"{number} n'est plus « {before.french_status} » : le membre est revenu sur son rejet "
            f"(état {now.portal_status}).",
            "Si vous voulez l'annuler malgré tout, retapez la commande.",
        )
    if before.status in HELD_BY_BUYER and now.status is S.REJECTED:
        raise Refused(
            f"{number} n'est plus « {before.french_status} » : le membre vient de rejeter ce "
            f"document (état {now.portal_status}).",
            "Un avoir qu'il recevrait lui serait dû sans facture. Tapez « status --todo » : il dit "
            "comment l'annuler.",
        )
    if before.status not in HELD_BY_BUYER and now.status in HELD_BY_BUYER:
        raise Refused(
            f"Chorus Pro a {number} malgré tout, à l'état {now.portal_status} ; nos livres, qui "
            f"disaient « {before.french_status} », viennent de l'apprendre.",
            "S'il faut l'annuler, retapez la commande : le membre recevra un avoir.",
        )


def issue_credit_note(
    app: App, portal: Portal | None, render: RenderChecked, request: Request
) -> TrackedInvoice:
    """Work out the credit note asked for, and issue it.

    Returns what ``issue_drafted`` does; raises as it does, and as ``draft_credit_note``.
    """
    if portal is not None:
        look_beyond(app, portal)
    return issue_drafted(app, portal, render, request, draft_credit_note(app, portal, request))


def issue_drafted(
    app: App,
    portal: Portal | None,
    render: RenderChecked,
    request: Request,
    drafted: CreditDraft,
) -> TrackedInvoice:
    """Issue a credit note that was worked out, and cancel the invoice it covers.

    Returns:
        The credit note, as stored: to deposit, or settled when internal.

    Raises:
        Refused: another was quicker, or the clock is wrong.
        InvalidDocument: a document breaks a rule; nothing is kept.
    """
    invoice = drafted.invoice
    with app.transaction() as tx:
        _refuse_if_changed(tx, drafted)
        numbering, today = app.settings.numbering, paris_day(tx.now)
        note = issue(
            drafted.draft,
            number=take_number(tx, numbering, numbering.credit_note, portal),
            issue_date=today,
            due_date=None,
            statement_number=drafted.content.statement_number,
        )
        check_number_and_dates(note)
        status = S.SETTLED if drafted.internal else S.ISSUED
        note_id = invoices.issue_credit_note(tx, note, invoice, status, drafted.findings)
        hashes = keep_documents(app.store.archive, tx, render, note_id, 1, note, None)
        tx.journal(
            EventTag.CREDIT_NOTE_ISSUED,
            note.number,
            siret=invoice.siret,
            year=invoice.year,
            corrects=invoice.number,
            replaces=drafted.replaces.number if drafted.replaces else "",
            reason=request.reason,
            printed_reason=request.printed_reason,
            internal=drafted.internal,
            total_ttc=str(note.totals.payable),
            statement=note.statement_number,
            documents=hashes,
        )
        if drafted.replaces is not None:
            _cancel(tx, drafted.replaces, note)
        elif drafted.covers_the_invoice:
            _cancel(tx, invoice, note)
            _place_hold(tx, invoice, note)
    with app.reading() as session:
        return invoices.by_id(session, note_id)


def _refuse_unprintable(request: Request) -> None:
    """Raise WrongUse, which names the option, before anything is worked out."""
    for label, text, option in (
        ("Le motif imprimé", request.printed_reason, "--printed-reason"),
        ("L'engagement", request.engagement or "", "--engagement"),
    ):
        if character := unprintable_character(text):
            raise WrongUse(
                f"{label} de l'avoir {cannot_be_printed(character)}.",
                f"Retapez {option} sans ce signe.",
            )


def _first(
    session: Session, invoice: TrackedInvoice, request: Request, *, deposits: bool
) -> CreditDraft:
    """The credit note of an invoice. Raises Refused when its state calls for none, WrongUse."""
    internal = _is_internal(invoice, request, deposits=deposits)
    content = invoices.content(session, invoice.id)
    earlier = invoices.credit_notes(session, invoice.id)
    try:
        draft = credit(
            content, earlier, request.printed_reason, request.quantities, internal=internal
        )
    except NothingToCredit as error:
        raise WrongUse(
            f"Cet avoir sur la facture {content.number} n'est pas possible : {error}.",
            f"Tapez « show {content.number} » : lignes, quantités et avoirs précédents.",
        ) from error
    return CreditDraft(
        invoice=invoice,
        replaces=None,
        content=content,
        earlier=earlier,
        draft=draft,
        internal=internal,
    )


def _stays_here(note: TrackedInvoice) -> bool:
    """Whether it waits to leave, and its invoice is not to be paid any more."""
    return note.status is S.ISSUED and note.trouble is Trouble.INVOICE_ENDED


def _again(session: Session, note: TrackedInvoice, request: Request, now: datetime) -> CreditDraft:
    """A credit note that cannot live as it is, once more. Raises Refused for any other.

    One that its buyer rejected stays in our books when its invoice is not to be paid any more; one
    that stayed there is transmitted when its invoice lives again.
    """
    account = member_accounts.account(session, note.siret, note.year)
    lives_again = any(
        one.kind is DisagreementKind.LIVES_AGAIN and one.note == note.number
        for one in balance_of(account, now).disagreements
    )
    internal = request.internal or (note.status is S.REJECTED and bool(keeps_back(account, note)))
    again = note.status is S.REJECTED or note.number_is_taken or request.internal or lives_again
    if not again or note.corrects is None:
        raise Refused(
            f"{note.number} ({note.french_status}) est un avoir : seul un avoir rejeté par le "
            "membre, ou dont le numéro est déjà pris sur le portail, se refait.",
            "Tapez « status --todo » : il dit comment le renvoyer, ou le garder dans nos livres."
            if note.status is S.REFUSED
            else "Pour corriger la facture elle-même, créditez ce qui en reste, puis « unpark » et "
            "« run » en font une nouvelle.",
        )
    if request.quantities is not None:
        raise Refused(
            f"L'avoir {note.number} se refait tout entier.",
            "Retapez la commande sans --line.",
        )
    invoice = invoices.by_id(session, note.corrects)
    rejected = invoices.content(session, note.id)
    return CreditDraft(
        invoice=invoice,
        replaces=note,
        content=invoices.content(session, invoice.id),
        earlier=_others(session, invoice, note),
        # As it would be transmitted: the successor of that buyer may be given it by hand.
        draft=replace(reissue(rejected, request.printed_reason), internal=False),
        internal=internal,
    )


def _others(
    session: Session, invoice: TrackedInvoice, replaced: TrackedInvoice | None
) -> tuple[Invoice, ...]:
    number = "" if replaced is None else replaced.number
    return tuple(n for n in invoices.credit_notes(session, invoice.id) if n.number != number)


def _refuse_if_changed(session: Session, drafted: CreditDraft) -> None:
    """Raise Refused when the books are no longer those the draft was made from."""
    known = [one for one in (drafted.invoice, drafted.replaces) if one is not None]
    if (
        any(invoices.by_id(session, one.id) != one for one in known)
        or _others(session, drafted.invoice, drafted.replaces) != drafted.earlier
    ):
        raise Refused(
            f"La facture {drafted.invoice.number} vient de changer d'état.", "Tapez « status »."
        )


def _is_internal(invoice: TrackedInvoice, request: Request, *, deposits: bool) -> bool:
    """Which kind of credit note the state calls for. Raises Refused when none."""
    named = f"{invoice.number} ({invoice.french_status})"
    if invoice.status in NOT_CREDITED:
        why, what = NOT_CREDITED[invoice.status]
        raise Refused(f"La facture {named} ne peut pas être créditée : {why}.", what)
    if invoice.status in HELD_BY_BUYER or not deposits:
        return False
    if request.quantities is not None:
        raise Refused(
            f"La facture {named} n'est pas chez le membre : elle s'annule tout entière.",
            "Retapez la commande sans --line ; une nouvelle facture, juste, la remplacera.",
        )
    return True


def _refuse_if_received(
    app: App, portal: Portal, taken_back: TrackedInvoice, *, nothing_comes: bool
) -> None:
    """Raise Refused when the buyer holds what we take for never received, or may hold it soon.

    A file that was given up, or refused as the copy of one that no search showed, may be integrated
    after all, and what is refused is not followed. Billed again under another number, its buyer
    would pay twice: another number escapes the portal's control of uniqueness, the same does not.

    Args:
        app: the open installation.
        portal: asked what it holds.
        taken_back: an invoice, or a credit note to be kept in our books.
        nothing_comes: a person has made sure that no file of it can be integrated any more.

    Raises:
        Refused: with the way to have it integrated, or to say that it cannot be.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    if taken_back.status is S.REJECTED:
        return
    number = taken_back.number
    named = f"{number} ({taken_back.french_status})"
    issued = taken_back.status is S.ISSUED
    again = "deposit" if issued else f'resend {number} --reason "…"'
    remedy = (
        f"Tapez : chorus-worker {again} ; le même numéro n'est jamais intégré deux fois. Une fois "
        "retrouvé sur le portail par « follow », « credit » fera ce qu'il faut."
    )
    seen = look_for(app, portal, taken_back)
    copy = seen.found
    if copy is not None and seen.kind is Likeness.OTHER:
        if not nothing_comes:
            _refuse_taken(app, taken_back, copy)
    elif copy is not None:
        if not copy.lives:
            return
        raise Refused(
            f"Pas d'avoir interne pour {named} : Chorus Pro l'a malgré tout, à l'état "
            f"{copy.raw_status}, et le membre aurait les deux.",
            remedy,
        )
    if not nothing_comes and (flux := _flux_alive(app.store, portal, taken_back)):
        raise Refused(
            f"Pas d'avoir interne pour {named} : le portail n'a pas refusé son fichier (flux "
            f"{flux}), qui peut encore aboutir, et le membre aurait les deux.",
            f"{remedy} S'il est certain que ce fichier n'aboutira plus, tapez : chorus-worker "
            f'credit {number} --reason "…" --internal {number}',
        )


def _refuse_taken(app: App, taken_back: TrackedInvoice, other: FoundInvoice) -> None:
    """Raise Refused when the invoice that has its number is one of a member of ours.

    It is then one that the books do not know: of a restored backup, of another machine, or keyed
    by hand. Billed again, a member would have two.
    """
    with app.reading() as session:
        ours = {siren_of(siret) for siret in imported.known_sirets(session)}
    if siren_of(other.recipient) not in ours:
        return
    number = taken_back.number
    raise Refused(
        f"Le portail a une facture à un autre de nos membres sous le numéro {number} "
        f"({described(other)}).",
        "Nos livres ne la connaissent pas : sauvegarde restaurée, autre machine, ou saisie à la "
        "main. N'émettez rien, et appelez l'exploitant. Seulement s'il est certain qu'elle ne "
        f'compte pas, tapez : chorus-worker credit {number} --reason "…" --internal {number}',
    )


def _flux_alive(store: Store, portal: Portal, invoice: TrackedInvoice) -> str:
    """The flux of it that the portal took and has not refused; empty when there is none."""
    if invoice.number_is_taken:
        return ""  # what has its number keeps it from being integrated
    with store.reading() as session:
        made = attempts.attempts(session, invoice.id)
    return next((one.flux_number for one in made if is_alive(portal, invoice, one)), "")


def _given(option: str | None, kept: str) -> str:
    return kept if option is None else option.strip()


def _cancel(tx: Transaction, invoice: TrackedInvoice, note: Invoice) -> None:
    """Of an invoice that is covered, or of a credit note that another replaces."""
    # What was rejected at the portal is on its list of things to do (statuses._acknowledge).
    due = tx.now if invoice.portal_status == ON_THE_REJECTED_LIST else None
    if not invoices.move(tx, invoice, S.CANCELLED, next_check_at=due):
        raise Refused(f"{invoice.number} vient de changer d'état.", "Tapez « status ».")
    tx.journal(
        EventTag.INVOICE_CANCELLED,
        invoice.number,
        **{"from": invoice.status.value},
        credit_note=note.number,
    )


def _place_hold(tx: Transaction, invoice: TrackedInvoice, note: Invoice) -> None:
    if holds.in_force(tx, invoice.siret, invoice.year) is not None:
        return  # a person did it first
    place_hold(
        tx,
        invoice.siret,
        invoice.year,
        f"la facture {invoice.number} a été annulée par l'avoir {note.number}",
        total=invoice.total,
    )
