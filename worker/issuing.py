"""What every issue has in common: numbers, documents found valid, archived and recorded.

For the January batch, corrections after a refusal, and credit notes. Everything happens in the
caller's transaction: undone, the number was never taken.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import astuple, dataclass
from datetime import datetime

from sqlmodel import Session

from worker.billing.document import Unprintable
from worker.billing.invoice import Invoice, Note, Party, PaymentMeans
from worker.billing.members import BillingReferences
from worker.billing.statement import Statement
from worker.billing.status import TrackedInvoice
from worker.billing.tariff import TariffGrid
from worker.billing.vat import VatMethod, VatPoint
from worker.errors import WorkerError
from worker.findings import Finding, has_blocking
from worker.portals import FoundInvoice
from worker.press import CheckedDocument, Press
from worker.storage import Store, invoices
from worker.storage.deposits import Attempt
from worker.storage.documents import CheckedWith, add_documents
from worker.validation import Report
from worker.validation.rules import check_attachments, check_dates, check_number

DirectoryCheck = Callable[[BillingReferences], tuple[Finding, ...]]
"""Asks the portal's directory; raises PortalDown when it cannot be asked."""
CopyAtPortal = Callable[[TrackedInvoice], FoundInvoice | None]
"""An invoice as the portal holds it, None when it shows none; raises PortalDown."""

IsAlive = Callable[[TrackedInvoice, Attempt], bool]
"""Whether the portal may still integrate the file of an attempt; raises PortalDown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the seller puts on every invoice."""

    seller: Party
    payment: PaymentMeans
    payment_terms: str
    notes: tuple[Note, ...]
    vat_method: VatMethod
    vat_point: VatPoint | None
    due_days: int
    invoice_prefix: str
    statement_prefix: str
    credit_note_prefix: str
    number_width: int

    def number(self, prefix: str, year: int, value: int) -> str:
        """A number of a series, such as ``BSN-2026-00012``."""
        return f"{series(prefix, year)}{value:0{self.number_width}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The collaborators of whatever issues."""

    store: Store
    clock: Callable[[], datetime]
    actor: str
    terms: Terms
    grids: Sequence[TariffGrid]
    grid_texts: dict[str, str]
    """Version to file text, kept with the first invoice a grid prices."""
    directory: DirectoryCheck
    at_portal: CopyAtPortal
    is_alive: IsAlive
    press: Press
    drawer: Executor | None = None
    """Where the next invoice's documents are drawn up meanwhile; None: one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Documents drawn up before the numbers are taken, for those the invoice will likely get."""

    invoice: Invoice
    statement: Statement
    documents: Future[tuple[CheckedDocument, ...]]


class InvalidDocument(WorkerError):
    """A rendered document breaks its schema: nothing of it is kept."""

    exit_code = 4


def series(prefix: str, year: int) -> str:
    """The series a number belongs to: its prefix, with the year of issue."""
    return prefix.replace("{annee}", str(year))


def take_number(session: Session, terms: Terms, prefix: str, year: int) -> str:
    """The next number of a series, given back if the transaction is undone."""
    value = invoices.take_number(session, series(prefix, year))
    return terms.number(prefix, year, value)


def refuse_unfit(invoice: Invoice) -> None:
    """Raise InvalidDocument when the number, dates or attachments would be refused."""
    findings = (
        check_number(invoice.number)
        + check_dates(invoice.issue_date, invoice.due_date, invoice.issue_date)
        + check_attachments(invoice)
    )
    if has_blocking(findings):
        raise InvalidDocument(
            f"Le numéro ou les dates {_of(invoice)} ne conviennent pas.",
            "Corrigez la configuration (numbering, billing.due_days).",
            findings=findings,
        )


def keep_documents(
    issuer: Issuer,
    session: Session,
    invoice_id: int,
    version: int,
    invoice: Invoice,
    statement: Statement | None,
    ahead: Ahead | None = None,
) -> dict[str, str]:
    """Draw up, archive and record the documents of an invoice: kind to SHA-256.

    Nothing is written before every one of them is found valid. Those drawn up ahead are taken
    only if they are of this very invoice and statement.

    Raises:
        InvalidDocument: one of them breaks a rule; nothing may be kept.
    """
    if ahead is not None and (ahead.invoice, ahead.statement) != (invoice, statement):
        ahead = None
    checked = _draw_up(issuer, invoice, statement, ahead)
    hashes = issuer.store.archive.put_all([one.document.content for one in checked])
    passed = [(one.document, [_checked_with(report) for report in one.reports]) for one in checked]
    add_documents(session, invoice_id, version, passed)
    return {one.document.kind.value: sha256 for one, sha256 in zip(checked, hashes, strict=True)}


def _checked_with(report: Report) -> CheckedWith:
    return CheckedWith(
        rule_set=report.rule_set.name,
        version=report.rule_set.version,
        sha256=report.rule_set.sha256,
        findings=report.findings,
    )


def cannot_be_printed(sign: str) -> str:
    """The end of a sentence, in French, about a text that holds a sign no font has."""
    if not sign:
        return "ne peut pas être imprimé"
    seen = f"« {sign} », " if sign.isprintable() else ""
    codes = " ".join(f"U+{ord(one):04X}" for one in sign)
    return f"contient un signe qui ne peut pas être imprimé ({seen}{codes})"


def _of(invoice: Invoice) -> str:
    kind = "de l'avoir" if invoice.is_credit_note else "de la facture"
    return f"{kind} {invoice.number}"


def _holder(invoice: Invoice, sign: str) -> tuple[str, str]:
    """Which text of an invoice holds a sign, in French, and where a person corrects it."""
    buyer, seller = invoice.buyer, invoice.seller
    notes = [note.text for note in invoice.notes]
    reason = notes[:1] if invoice.is_credit_note else []
    members = "Corrigez-le dans le fichier des membres, puis réimportez."
    configuration = "Corrigez-le dans la configuration (syndicat, billing)."
    tariff = "Corrigez-le dans la grille tarifaire."
    for field, remedy, texts in (
        ("le nom du membre", members, [buyer.name]),
        ("l'adresse du membre", members, astuple(buyer.address)),
        ("la référence de la convention", members, [invoice.contract]),
        (
            "le code service ou l'engagement",
            "Corrigez-le dans le fichier des références, puis réimportez.",
            [invoice.service_code, invoice.engagement],
        ),
        ("le motif", "Retapez la commande avec un autre motif (--reason).", reason),
        ("le nom du syndicat", configuration, [seller.name, seller.legal_form]),
        ("l'adresse du syndicat", configuration, astuple(seller.address)),
        ("une mention de règlement", configuration, [invoice.payment_terms, *notes]),
        ("le libellé d'un service", tariff, [line.name for line in invoice.lines]),
        ("le motif d'exonération", tariff, [line.vat.reason for line in invoice.lines]),
    ):
        if sign and any(sign in text for text in texts):
            return field, remedy
    return "un texte", "Retirez les caractères inhabituels des données, puis recommencez."


def _draw_up(
    issuer: Issuer, invoice: Invoice, statement: Statement | None, ahead: Ahead | None
) -> tuple[CheckedDocument, ...]:
    try:
        checked = issuer.press(invoice, statement) if ahead is None else ahead.documents.result()
    except Unprintable as error:
        field, remedy = _holder(invoice, error.sign)
        finding = Finding(
            code="DOC-UNPRINTABLE",
            message=f"{field} {cannot_be_printed(error.sign)}",
            remedy=remedy,
        )
        what = "L'avoir" if invoice.is_credit_note else "La facture"
        agreed = "imprimé" if invoice.is_credit_note else "imprimée"
        raise InvalidDocument(
            f"{what} {invoice.number} ne peut pas être {agreed}.", findings=(finding,)
        ) from error
    for one in checked:
        if has_blocking(one.findings):
            raise InvalidDocument(
                f"Le document {one.document.kind} {_of(invoice)} n'est pas valide.",
                "Aucun numéro n'a été consommé ; corrigez les données indiquées.",
                findings=one.findings,
            )
    return checked
