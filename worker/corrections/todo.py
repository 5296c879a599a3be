"""What a person must do about an invoice, with the command to type. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from worker.billing.member_account import DisagreementKind
from worker.billing.member_year import NEVER_BILLED
from worker.billing.period import french_date, paris_day
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import Severity

TOO_LONG = timedelta(hours=24)
"""A deposit without a verdict for a day is stuck: someone must look at « Suivi des flux »."""
UNCERTAIN_TOO_LONG = 3 * TOO_LONG
"""A day more than uncertain deposits are looked for, unless it is configured otherwise."""
NOT_SHOWN = timedelta(days=7)
"""How long an invoice that its report calls integrated may be shown by no search."""

NOT_DEPOSITED = timedelta(days=3)
"""How long the portal may be away before a person is told that nothing leaves."""
UNDELIVERED = timedelta(days=7)
"""How long the portal may keep an invoice before it puts it before its buyer."""
UNPAID = timedelta(days=30)
"""After the due date, without payment, rejection or question."""
NEVER_TOLD = timedelta(days=90)
"""After the due date: what nothing has reported by then, the buyer reports no more."""
TO_FILL_IN = "…"
"""In a command, a text that the person gives."""


class AdviceCode(StrEnum):
    """What a person must do. The value is what ``--json`` shows."""

    CORRECT = "correct"
    """What the first blocking finding says."""
    OPEN_CAMPAIGN = "open_campaign"
    """Look at the amounts of a year, and say that it may be billed."""
    RUN = "run"
    """Correct what holds it back, then run the year."""
    DEPOSIT = "deposit"
    """See why no deposit succeeded for days."""
    RESTORE_PIECE = "restore_piece"
    """Put back the archived file that is to be deposited; it then leaves by itself."""
    RESTORE_ROW = "restore_row"
    """Put the database back, a row of which cannot be read."""
    RESEND = "resend"
    """Correct a refused invoice, and send it again."""
    RESEND_OR_KEEP = "resend_or_keep"
    """The same of a credit note, or keep it in our books."""
    CHECK_TAKEN_NUMBER = "check_taken_number"
    """See what has the number at the portal: it may be one of ours that the books do not know."""
    COMPARE = "compare"
    """Compare with what the portal shows, which is nearly the same; adopt it when it is ours."""
    COMPLETE = "complete"
    """Give the files that the buyer asks for."""
    CANCEL_REJECTED = "cancel_rejected"
    """Take back an invoice that its buyer rejected."""
    REMAKE_REJECTED = "remake_rejected"
    """Make again a credit note that its buyer rejected."""
    FIND_UNCERTAIN = "find_uncertain"
    """Look on the portal for an uncertain deposit, and send it again when it is absent."""
    CHECK_FLUX = "check_flux"
    """Look on the portal at a file without verdict, and send it again when it is lost."""
    CHECK_INDEX = "check_index"
    """Look on the portal at an integrated file that no search shows."""
    REPORT_WORD = "report_word"
    """Look on the portal at a status that has no translation, and report it."""
    RESUME = "resume"
    """See what became of a deposit that stayed under way."""
    KEEP_HERE = "keep_here"
    """Keep in our books a credit note whose invoice is not to be paid any more."""
    CHECK_RIVAL = "check_rival"
    """See what the portal holds for the same member and year; only one of both may be paid."""
    CHECK_DELIVERY = "check_delivery"
    """Ask why the portal does not put an invoice before its buyer."""
    ASK_FOR_PAYMENT = "ask_for_payment"
    """Ask the member, and its treasury, about an invoice that is past due."""
    SETTLE = "settle"
    """Record what the treasury received of an invoice that nothing more is told about."""
    MAKE_TITLES = "make_titles"
    MAIL_REFUSED = "mail_refused"
    MAIL_UNCERTAIN = "mail_uncertain"
    """Have the finance software make the titles that invoices wait for (Hélios)."""
    PASSWORD = "password"  # noqa: S105 - no password
    """Renew the password of the technical account, which ends soon."""
    PASSWORD_OVER = "password_over"  # noqa: S105 - no password
    """Renew the password of the technical account, which has ended."""
    STAMP = "stamp"
    """See why no time-stamping authority has stamped a checkpoint for days."""
    READ_PORTAL = "read_portal"
    """See why nothing can be read of what the portal holds."""
    VERIFY = "verify"
    """Compare with a backup issued documents that their rows no longer give."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The next thing for a person.

    Attributes:
        code: what to do; of a disagreement with the portal, its kind.
        command: the words to type after ``chorus-worker``, then or at once; empty without any.
        arguments: what else its sentence names.
    """

    code: AdviceCode | DisagreementKind
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


A = AdviceCode


def todo(invoice: TrackedInvoice, now: datetime, *, deposits: bool = True) -> Advice | None:
    """The next thing for a person; None when there is nothing to do but wait.

    ``deposits``: whether this installation deposits by itself; else nothing waits for it (Hélios).
    """
    if invoice.trouble is Trouble.UNREADABLE:
        return Advice(A.RESTORE_ROW, ("journal", "verify"))
    return _by_status(invoice, now, deposits=deposits)


def _by_status(invoice: TrackedInvoice, now: datetime, *, deposits: bool) -> Advice | None:
    number = invoice.number
    advice: Advice | None = None
    match invoice.status:
        case InvoiceStatus.PARKED:
            advice = _while_parked(invoice)
        case InvoiceStatus.INTEGRATED:
            advice = _at_its_buyers(invoice, now)
        case InvoiceStatus.SENDING if _waited(invoice, now) > TOO_LONG:
            advice = Advice(A.RESUME, ("reconcile",))
        case InvoiceStatus.ISSUED:
            advice = (_before_its_deposit if deposits else _on_its_title)(invoice, now)
        case InvoiceStatus.REFUSED:
            advice = _after_refusal(invoice)
        case InvoiceStatus.SUSPENDED:
            advice = Advice(A.COMPLETE, ("complete", number, "FICHIER…", "--comment", TO_FILL_IN))
        case InvoiceStatus.REJECTED:
            advice = Advice(
                A.REMAKE_REJECTED if invoice.is_credit_note else A.CANCEL_REJECTED,
                ("credit", number, "--reason", TO_FILL_IN),
            )
        case InvoiceStatus.UNKNOWN:
            advice = _while_uncertain(invoice, now)
        case InvoiceStatus.DEPOSITED:
            advice = _about_its_flux(invoice, now)
        case _:
            pass
    return advice


def advised(
    found: Iterable[TrackedInvoice], now: datetime, *, deposits: bool
) -> list[tuple[TrackedInvoice, Advice]]:
    """Of these invoices, those that wait for a person, each with its advice."""
    asked = ((invoice, todo(invoice, now, deposits=deposits)) for invoice in found)
    return [(invoice, advice) for invoice, advice in asked if advice is not None]


def _at_its_buyers(invoice: TrackedInvoice, now: datetime) -> Advice | None:
    looked = ("documents", "portal", invoice.number)
    if invoice.trouble is Trouble.UNKNOWN_WORD:
        return Advice(A.REPORT_WORD, looked)
    if invoice.trouble is Trouble.NOT_DELIVERED and _waited(invoice, now) > UNDELIVERED:
        return Advice(A.CHECK_DELIVERY, looked, (invoice.portal_status,))
    due = invoice.due_date
    if due is not None and paris_day(now) - due > UNPAID:
        return _unpaid(invoice, due, now)
    return None


def _unpaid(invoice: TrackedInvoice, due: date, now: datetime) -> Advice:
    """Asked for first; later on, no portal will tell any more, and a person says what came."""
    day, number = french_date(due), invoice.number
    if paris_day(now) - due > NEVER_TOLD or not invoice.portal_status:
        paid = ("settle", number, "--on", "JOUR", "--amount", "MONTANT")
        return Advice(A.SETTLE, paid, (day,))
    looked = ("documents", "portal", number)
    return Advice(A.ASK_FOR_PAYMENT, looked, (day, invoice.portal_status, number))


def _on_its_title(invoice: TrackedInvoice, now: datetime) -> Advice | None:
    """Nothing is deposited: its treasury alone knows whether the title was paid."""
    due = invoice.due_date
    if invoice.is_credit_note or due is None or paris_day(now) - due <= UNPAID:
        return None
    return _unpaid(invoice, due, now)


def _while_parked(invoice: TrackedInvoice) -> Advice | None:
    if any(finding.code == NEVER_BILLED for finding in invoice.findings):
        return None
    remedies = (
        finding.remedy
        for finding in invoice.findings
        if finding.remedy and finding.severity is Severity.BLOCKING
    )
    if (remedy := next(remedies, None)) is not None:
        return Advice(A.CORRECT, arguments=(remedy,))
    return Advice(A.RUN, ("run", str(invoice.year)))


def _while_uncertain(invoice: TrackedInvoice, now: datetime) -> Advice | None:
    number = invoice.number
    if invoice.trouble is Trouble.NEARLY_OURS:
        again = ("reconcile", "--adopt", number, "--reason", TO_FILL_IN)
        return Advice(A.COMPARE, again, (invoice.detail,))
    if is_long_uncertain(invoice, now):
        absent = ("resend", number, "--reason", TO_FILL_IN, "--absent", number)
        return Advice(A.FIND_UNCERTAIN, absent)
    return None


def _before_its_deposit(invoice: TrackedInvoice, now: datetime) -> Advice | None:
    number = invoice.number
    match invoice.trouble:
        case Trouble.PIECE_UNUSABLE:
            return Advice(A.RESTORE_PIECE, ("deposit",))
        case Trouble.INVOICE_ENDED:
            here = ("credit", number, "--reason", TO_FILL_IN, "--internal", number)
            return Advice(A.KEEP_HERE, here)
        case Trouble.RIVAL:
            ours = ("credit", number, "--reason", TO_FILL_IN)
            return Advice(A.CHECK_RIVAL, ours, (invoice.detail,))
        case _:
            pass
    return Advice(A.DEPOSIT, ("deposit",)) if _waits_for_its_deposit(invoice, now) else None


def _after_refusal(invoice: TrackedInvoice) -> Advice:
    number, note = invoice.number, invoice.is_credit_note
    if invoice.number_is_taken:
        return Advice(A.CHECK_TAKEN_NUMBER, ("credit", number, "--reason", TO_FILL_IN))
    code = A.RESEND_OR_KEEP if note else A.RESEND
    return Advice(code, ("resend", number, "--reason", TO_FILL_IN), (number,))


def _about_its_flux(invoice: TrackedInvoice, now: datetime) -> Advice | None:
    flux = invoice.flux_number
    if is_stuck(invoice, now):
        again = ("resend", invoice.number, "--reason", TO_FILL_IN)
        return Advice(A.CHECK_FLUX, again, (flux,))
    if _waited(invoice, now) > TOO_LONG:
        return Advice(A.CHECK_INDEX, arguments=(flux,))
    return None


def _waits_for_its_deposit(invoice: TrackedInvoice, now: datetime) -> bool:
    """Whether every try failed for days: counted from the issue, for each try begins anew."""
    issued = invoice.issue_date
    return issued is not None and paris_day(now) - issued > NOT_DEPOSITED


def is_stuck(invoice: TrackedInvoice, now: datetime) -> bool:
    """Whether a deposited file has no verdict for a day, or the portal speaks of an incident.

    With the verdict « integrated », the portal has it, and only its index is late.
    """
    if invoice.status is not InvoiceStatus.DEPOSITED:
        return False
    waited = _waited(invoice, now)
    if invoice.portal_status:
        return waited > NOT_SHOWN
    return waited > TOO_LONG or invoice.trouble is Trouble.INCIDENT


def is_long_uncertain(invoice: TrackedInvoice, now: datetime) -> bool:
    """Whether a person must look for it on the portal, however the searches went."""
    return invoice.status is InvoiceStatus.UNKNOWN and _waited(invoice, now) > UNCERTAIN_TOO_LONG


def _waited(invoice: TrackedInvoice, now: datetime) -> timedelta:
    """How long it has had its status; of one from a clock that was ahead, unknown."""
    return abs(now - invoice.status_since)
