"""The contract of a portal, and the values it answers with. A folder per portal beside this file.

A *flux* is a deposited file, under the number that the portal gave it. A deposit that went wrong
never raises: its answer says which of the few outcomes happened, for the caller to record. Reads
raise ``PortalError`` (try later, nothing is lost) or ``PortalAccessRefused`` (credentials or rights
to correct).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from worker.billing.money import Money
from worker.billing.standard import DepositSyntax


class DepositOutcome(StrEnum):
    """What one deposit call came to. Every HTTP answer or failure is exactly one of these."""

    ACCEPTED = "accepted"
    """The portal gave a flux number: received, not yet integrated."""
    REFUSED = "refused"
    """Answered, by the portal or on the way to it, that the file is not taken: a search tells."""
    NOT_SENT = "not_sent"
    """Certainly not recorded: no connection, or turned away before the file was read."""
    THROTTLED = "throttled"
    """Certainly not recorded: asked to slow down."""
    UNAUTHORISED = "unauthorised"
    """Certainly not recorded: credentials or rights refused."""
    UNKNOWN = "unknown"
    """Not certain: no answer, a broken one, or a server error after the file left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositAnswer:
    """The outcome of one deposit call, with what is worth keeping as evidence."""

    outcome: DepositOutcome
    detail: str  # for people, in French; never a secret
    reason: str = ""  # of a refusal: a code of the portal or of HTTP, equal for equal causes
    flux_number: str = ""
    deposit_date: date | None = None
    http_status: int | None = None
    raw: str = ""  # the answer's body as received, cut at 4 000 characters; empty without an answer
    retry_after: int | None = None  # seconds the portal asked to wait


class FluxState(StrEnum):
    """What became of a deposited file, in our words; the portal's word is kept beside it."""

    PENDING = "pending"
    INTEGRATED = "integrated"
    PARTIAL = "partial"
    """Some invoices of the file were integrated, the others are in the errors."""
    REJECTED = "rejected"
    """Nothing was integrated."""
    INCIDENT = "incident"
    """Stopped at the portal: a person must ask, and may have to deposit again."""
    UNRECOGNISED = "unrecognised"
    """A word that is not known: still pending, and shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportError:
    """One error of an integration report. ``invoice_number`` is empty for technical errors."""

    text: str
    invoice_number: str = ""
    code: str = ""
    supplier: str = ""
    recipient: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationReport:
    """What became of a flux. ``raw`` is the portal's answer, cut at 16 000 characters."""

    flux_number: str
    state: FluxState
    raw_state: str
    errors: tuple[ReportError, ...]
    raw: str = ""
    file_name: str = ""
    """Of the file that it is about, as deposited; empty when the portal gives another name."""

    @property
    def text(self) -> str:
        """All errors in one paragraph, as the portal worded them."""
        return " | ".join(error.text for error in self.errors)


class BuyerStatus(StrEnum):
    """Where an integrated invoice stands at the buyer's, in our words."""

    IN_PROGRESS = "in_progress"
    """Made available, validated…: nothing to do."""
    UNDELIVERED = "undelivered"
    """Taken, and not before its buyer yet."""
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    """Refused by the buyer, or sent back for recycling, which is being withdrawn."""
    APPROVED = "approved"
    """Payment ordered or booked: the last word of buyers that do not report the payment."""
    PAID = "paid"
    CLOSED = "closed"
    """Given up or deleted on the portal."""
    UNRECOGNISED = "unrecognised"


ENDED = frozenset({BuyerStatus.REJECTED, BuyerStatus.CLOSED})
"""Nothing of it is to be paid any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInvoice:
    """One line of a search among the invoices we issued."""

    portal_id: str
    """The portal's own identifier of the invoice."""
    number: str
    issue_date: date | None
    recipient: str
    """SIRET."""
    gross: Money | None
    """BT-112."""
    flux_number: str
    status: BuyerStatus
    raw_status: str
    status_at: datetime | None = None
    comment: str = ""
    supplier: str = ""
    """SIRET of the seller: one account may act for several; empty when the portal does not say."""
    acknowledged: bool = False
    """Whether the portal was told that its rejection was seen."""

    @property
    def lives(self) -> bool:
        """Whether its buyer may still pay it."""
        return self.status not in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldInvoice:
    """What the portal holds of one invoice, to compare with ours."""

    portal_id: str
    number: str
    status: BuyerStatus
    raw_status: str
    recipient: str
    service_code: str  # BT-10 as the portal read it
    engagement: str  # BT-13
    net: Money | None
    gross: Money | None
    attachments: tuple[str, ...]  # names of the files beside the main one
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportingFile:
    """A file that completes a suspended invoice. ``name`` has its extension."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One status an invoice went through. No order is promised between entries."""

    raw_status: str
    status: BuyerStatus
    at: str
    """The portal's own text: local time of Paris, ``2018-04-19 11:09``."""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceHistory:
    """All statuses of an invoice, and the current one."""

    portal_id: str
    status: BuyerStatus
    raw_status: str
    entries: tuple[HistoryEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureRecord:
    """What the portal's directory says of a structure."""

    portal_id: str
    """The portal's own identifier: differs between its environments."""
    siret: str
    name: str
    active: bool
    service_code_required: bool
    engagement_required: bool
    service_or_engagement_required: bool
    """One of the two is enough; looked at before the two others."""
    works_only: bool
    """Only for works contracts: not an ordinary recipient."""
    payment_not_reported: bool
    """This structure never reports that it paid."""
    public: bool = True
    """A public body; what the portal does not say is taken for public."""
    password_expires: date | None = None
    """Last day of our password at the portal; told of structures we are attached to."""
    password_end: str = ""
    """What the portal writes in its place when that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """One service of a structure."""

    code: str
    name: str
    active: bool
    """What the portal says; the two days below can make it unusable all the same."""
    engagement_required: bool
    valid_from: date | None = None
    valid_to: date | None = None
    """Last day, included."""


class Portal(Protocol):
    """What the deposit and the follow-up need of a portal."""

    def sign_in(self) -> None:
        """Make sure credentials work, before any intent is recorded.

        Raises:
            PortalError: cannot be reached, asks to wait, or answers nonsense.
            PortalAccessRefused: the credentials are refused.
        """

    def clock(self) -> datetime | None:
        """The instant, aware, that the portal last stated in an answer; None when it states none.

        A witness of our own clock; it asks nothing.
        """

    def deposit(self, *, file_name: str, syntax: DepositSyntax, content: bytes) -> DepositAnswer:
        """Hand a file over, once, without any retry."""

    def integration_report(self, flux_number: str) -> IntegrationReport:
        """What became of a file. An unknown flux is pending: it may not be indexed yet."""

    def find(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        """Every invoice of ours that matches, all pages, their count checked against the total.

        A number may be matched in another form, or as a beginning: the caller compares.

        Raises:
            PortalError: also when a page is missing: a short answer must never read as "absent".
        """

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        """Every invoice of ours whose status was set in this period, bounds included.

        The cost depends on what changed, not on what is pending. A period with more results than
        the portal gives is asked in parts.

        Raises:
            PortalError: also when a page is missing.
        """

    def issued(self, since: date, until: date) -> tuple[FoundInvoice, ...]:
        """Every invoice of ours dated in this period, bounds included, whatever its status.

        Raises:
            PortalError: also when a page is missing.
        """

    def history(self, portal_id: str) -> InvoiceHistory:
        """The statuses of an integrated invoice."""

    def held(self, portal_id: str) -> HeldInvoice:
        """What the portal holds of an integrated invoice."""

    def download(self, portal_id: str) -> bytes:
        """The document the buyer sees: a PDF, or a ZIP when the invoice has several files."""

    def report_file(self, flux_number: str) -> bytes | None:
        """The integration report as a PDF, kept as evidence; None while there is none."""

    def complete(self, portal_id: str, *, comment: str, files: Sequence[SupportingFile]) -> None:
        """Give a suspended invoice what its buyer asked for; it goes back to the buyer.

        Files and comment are within the limits of ``validation.limits``.

        Raises:
            PortalAnswerError: the portal refuses: it is not suspended any more, for instance.
        """

    def acknowledge_rejection(self, portal_id: str) -> None:
        """Tell the portal that a rejection was seen, so that it leaves its list of things to do."""

    def structure(self, siret: str) -> StructureRecord | None:
        """The structure that has this SIRET, or None."""

    def service(self, structure: StructureRecord, code: str) -> ServiceRecord | None:
        """One service of a structure by its code (exact), or None; all pages are read."""
