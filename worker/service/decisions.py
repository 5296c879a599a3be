"""What a person decides about an invoice, carried to its end: decided, deposited, followed.

``corrections`` holds what each state allows and writes it down; here the portal is called and
everything that is due moves on. The command line, a queue or a web page calls these functions.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from worker.app import App
from worker.billing.invoice import Invoice
from worker.billing.members import BillingReferences
from worker.billing.status import AT_THE_BUYER, InvoiceStatus, TrackedInvoice
from worker.billing.text import stated_reason
from worker.corrections import completion
from worker.corrections import resend as resending
from worker.corrections.credit import (
    CreditDraft,
    Request,
    confirm_state,
    draft_credit_note,
    issue_drafted,
)
from worker.corrections.resend import Way
from worker.errors import Refused
from worker.issuing.holds import lift_hold, refuse_beside, require_member
from worker.portals import Portal, SupportingFile
from worker.service.bootstrap import branding, rendering, require_deposits
from worker.service.campaign import Progress, Step, Tell, move_forward, vet_seller
from worker.storage import invoices, member_accounts, member_years
from worker.storage.documents import sealed
from worker.transmission.beyond import look_beyond
from worker.transmission.deposit import DEPOSITED, file_name
from worker.transmission.integration import ask_report
from worker.transmission.refresh import refresh_account
from worker.transmission.statuses import ask_history

_FOLLOWED = frozenset({InvoiceStatus.DEPOSITED, InvoiceStatus.SETTLED, *AT_THE_BUYER})
"""What the portal may still tell about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """What a credit note came to.

    Attributes:
        note: the credit note, as stored.
        draft: what was shown of it before.
        year: all that its member has for the year: invoices, credit notes, what is parked.
    """

    note: TrackedInvoice
    draft: CreditDraft
    year: tuple[TrackedInvoice, ...]

    @property
    def member_is_parked(self) -> bool:
        """Whether the member is billed again only once a person lets it go on."""
        return any(invoice.status is InvoiceStatus.PARKED for invoice in self.year)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What ``resend`` or ``complete`` would send.

    Attributes:
        invoice: as stored.
        content: as it was issued.
        references: service code and engagement that it would leave with; None where the deposit
            that may live is looked for first, and nothing is corrected.
        file_name: of the document that is kept, should it leave as it is.
        files: what would be joined.
    """

    invoice: TrackedInvoice
    content: Invoice
    references: BillingReferences | None = None
    file_name: str = ""
    files: tuple[SupportingFile, ...] = ()


def draft_resend(
    app: App,
    number: str,
    reason: str,
    *,
    service_code: str | None = None,
    engagement: str | None = None,
    absent: bool = False,
) -> Sending:
    """What ``resend`` would send, by the books alone.

    Raises WrongUse and Refused as it does; ConfigurationError where nothing is deposited.
    """
    require_deposits(app)
    stated_reason(reason)
    with app.reading() as session:
        invoice = invoices.named(session, number)
        way = resending.way_to_resend(invoice, app.clock(), service_code, engagement, absent=absent)
        content = invoices.content(session, invoice.id)
        kept, _ = member_years.billed_references(session, invoice.siret, invoice.year)
        if way is not Way.CORRECTED:
            sha256, _ = sealed(session, invoice, DEPOSITED)
            name = file_name(invoice.number, sha256)
            return Sending(invoice=invoice, content=content, file_name=name)
    references = resending.corrected_references(invoice, content, kept, service_code, engagement)
    return Sending(invoice=invoice, content=content, references=references)


def draft_completion(app: App, number: str, comment: str, files: Sequence[Path]) -> Sending:
    """What ``complete`` would send. Raises as ``draft_resend``."""
    require_deposits(app)
    with app.reading() as session:
        invoice = invoices.named(session, number)
        completion.refuse_unless_suspended(invoice)
        content = invoices.content(session, invoice.id)
    given = completion.read_files(files, comment)
    return Sending(invoice=invoice, content=content, files=given)


def ask_now(app: App, portal: Portal, number: str, tell: Tell) -> TrackedInvoice:
    """Ask the portal what becomes of one invoice, due or not; returns it as it stands then.

    Raises:
        WrongUse: no such invoice.
        Refused: it was never deposited.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    with app.reading() as session:
        invoice = invoices.named(session, number)
    if invoice.status not in _FOLLOWED:
        raise Refused(
            f"{invoice.french_name} ({invoice.french_status}) n'est pas suivi{invoice.feminine} "
            "sur le portail.",
            "Tapez « status --todo » : il dit ce que chaque facture attend.",
        )
    portal.sign_in()
    with app.at_work():
        if invoice.status is InvoiceStatus.DEPOSITED:
            ask_report(app, portal, invoice)
        refresh_account(app, portal, invoice.siret, invoice.year)
        with app.reading() as session:
            found = invoices.by_id(session, invoice.id)
        if found.status in AT_THE_BUYER and found.portal_id is not None:
            ask_history(app, portal, found)
    with app.reading() as session:
        found = invoices.by_id(session, invoice.id)
    if found != invoice:
        tell(Progress(step=Step.FOLLOW, invoice=found))
    return found


def resend(
    app: App,
    portal: AbstractContextManager[Portal],
    number: str,
    reason: str,
    tell: Tell,
    *,
    service_code: str | None = None,
    engagement: str | None = None,
    absent: bool = False,
) -> TrackedInvoice:
    """Send an invoice again in the way its state calls for; returns it as it stands then.

    Args:
        app: the open installation.
        portal: opened once the state allows it.
        number: of an invoice or a credit note.
        reason: kept in the journal.
        tell: told of each step.
        service_code: corrected; None to keep.
        engagement: same.
        absent: a person looked for it on the portal in vain.

    Raises:
        WrongUse: no such invoice, or no reason that can be read.
        Refused: its state does not allow it, or the correction would be refused again.
        SellerUnfit, PortalDown, PortalAccessRefused: see ``move_forward``.
    """
    reason = stated_reason(reason)
    with app.reading() as session:
        invoice = invoices.named(session, number)
    way = resending.way_to_resend(invoice, app.clock(), service_code, engagement, absent=absent)
    if way is Way.SEARCHED:
        resending.mark_uncertain(app, number, reason)
    with portal as opened:
        opened.sign_in()
        refresh_account(app, opened, invoice.siret, invoice.year)
        with app.reading() as session:
            found = invoices.by_id(session, invoice.id)
        if way is Way.CORRECTED and found.status is not InvoiceStatus.REFUSED:
            # The portal has it after all: nothing is sent, and it cannot be corrected.
            resending.refuse_correction(found, service_code, engagement)
            way = Way.SEARCHED
        match way:
            case Way.DECLARED_ABSENT:
                resending.refuse_if_found(app, opened, invoice)
                resending.declare_absent(app, number, reason)
            case Way.CORRECTED:
                vet_seller(app, opened, tell)
                with rendering(app) as render:
                    resending.resend(
                        app,
                        opened,
                        render,
                        number,
                        reason,
                        service_code=service_code,
                        engagement=engagement,
                    )
            case Way.SEARCHED:
                pass
        move_forward(app, opened, tell)
    with app.reading() as session:
        return invoices.by_id(session, invoice.id)


def adopt(
    app: App, portal: AbstractContextManager[Portal], number: str, reason: str, tell: Tell
) -> TrackedInvoice:
    """Take for ours what the portal shows of an invoice, nearly the same; it as it stands then.

    Raises:
        WrongUse: no such invoice, or no reason that can be read.
        Refused: nothing is nearly ours under its number now.
        PortalError, PortalAccessRefused: see ``move_forward``.
    """
    reason = stated_reason(reason)
    with portal as opened:
        opened.sign_in()
        invoice = resending.adopt_nearly_ours(app, opened, number, reason)
        move_forward(app, opened, tell)
    with app.reading() as session:
        return invoices.by_id(session, invoice.id)


def complete(
    app: App,
    portal: AbstractContextManager[Portal],
    number: str,
    comment: str,
    files: Sequence[Path],
) -> TrackedInvoice:
    """Give a suspended invoice its files, once the portal's state of its year is read.

    Raises:
        WrongUse, Refused, PortalDown, PortalAccessRefused: see ``completion.complete``.
    """
    with app.reading() as session:
        invoice = invoices.named(session, number)
    completion.refuse_unless_suspended(invoice)
    with portal as opened:
        opened.sign_in()
        refresh_account(app, opened, invoice.siret, invoice.year)
        return completion.complete(app, opened, number, comment, files)


def let_go_on(
    app: App,
    portal: AbstractContextManager[Portal] | None,
    siret: str,
    year: int,
    reason: str,
) -> bool:
    """Lift the hold on a member, unless another invoice would be one too many.

    ``portal``: opened when the member had an invoice for the year; None: all is exported (Hélios).

    Returns:
        Whether the year is over, and ``run`` can bill it now.

    Raises:
        WrongUse, Refused: see ``lift_hold``; Refused too while the portal holds what its member
            would pay beside the new invoice.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    with app.reading() as session:
        require_member(session, siret)
        numbered = any(one.number for one in invoices.of_member(session, siret, year))
    if portal is not None and numbered:
        with portal as opened:
            opened.sign_in()
            refresh_account(app, opened, siret, year)
    with app.transaction() as tx:
        if portal is not None:
            refuse_beside(member_accounts.account(tx, siret, year))
        return lift_hold(tx, siret, year, reason, deposits=app.deposits)


def credit(
    app: App,
    portal: Portal | None,
    request: Request,
    tell: Tell,
    agrees: Callable[[CreditDraft], bool],
) -> Credited | None:
    """Issue the credit note asked for, deposit it, and follow it.

    The portal is asked once what it holds, before the credit note is shown.

    Args:
        app: the open installation.
        portal: where this installation deposits; None: all is exported (Hélios).
        request: what is asked.
        tell: told of each step.
        agrees: shows the credit note; whether it may be issued.

    Returns:
        What it came to; None when it may not be issued.

    Raises:
        WrongUse, Refused, InvalidDocument: see ``issue_credit_note``.
        PortalDown, PortalAccessRefused: see ``move_forward``.
    """
    request = _confirmed(app, portal, request)
    if portal is not None:
        look_beyond(app, portal)
    drafted = draft_credit_note(app, portal, request)
    if not agrees(drafted):
        return None
    with rendering(app) as render:
        note = issue_drafted(app, portal, render, request, drafted)
    if portal is not None:
        move_forward(app, portal, tell)
    with app.reading() as session:
        year = invoices.tracked(session, year=note.year)
    of_member = tuple(one for one in year if one.siret == note.siret)
    return Credited(note=note, draft=drafted, year=of_member)


def draft_credit(app: App, portal: Portal | None, request: Request) -> CreditDraft:
    """The credit note that ``credit`` would issue; nothing is issued. Raises as it does."""
    request = _confirmed(app, portal, request)
    branding(app)
    return draft_credit_note(app, portal, request)


def _confirmed(app: App, portal: Portal | None, request: Request) -> Request:
    request = replace(
        request,
        reason=stated_reason(request.reason),
        printed_reason=stated_reason(request.printed_reason, "--printed-reason"),
    )
    if portal is not None:
        portal.sign_in()
        confirm_state(app, portal, request.number)
    return request
