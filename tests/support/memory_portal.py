"""A portal that lives in memory: small, but faithful to the contract.

It answers from its ledger, and can be told to fail in the ways that matter: an
answer lost after the deposit was recorded, or before; a portal that is down; access refused; a
member whose invoices are refused; an index that lags.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum

from tests.support.memory_ledger import DepositedFacts, Integrated, Ledger, Step, our_word
from worker.billing.period import PARIS, paris_day
from worker.billing.standard import DepositSyntax
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown
from worker.portals import (
    BuyerStatus,
    DepositAnswer,
    DepositOutcome,
    FluxState,
    FoundInvoice,
    HeldInvoice,
    HistoryEntry,
    IntegrationReport,
    InvoiceHistory,
    ServiceRecord,
    StructureRecord,
    SupportingFile,
)


def _answer(outcome: DepositOutcome, detail: str) -> DepositAnswer:
    return DepositAnswer(outcome=outcome, detail=detail)


class Mishap(StrEnum):
    """What may happen to one deposit."""

    ANSWER_LOST = "answer_lost"
    """Recorded, and the answer never arrives."""
    REQUEST_LOST = "request_lost"
    """Not recorded, and no answer: looks the same from here."""
    NOT_SENT = "not_sent"
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"
    REFUSED = "refused"


_ANSWERS: Mapping[Mishap, DepositAnswer] = {
    Mishap.ANSWER_LOST: _answer(DepositOutcome.UNKNOWN, "Aucune réponse dans le délai."),
    Mishap.REQUEST_LOST: _answer(DepositOutcome.UNKNOWN, "Aucune réponse dans le délai."),
    Mishap.NOT_SENT: _answer(DepositOutcome.NOT_SENT, "La connexion n'a pas pu s'établir."),
    Mishap.THROTTLED: _answer(DepositOutcome.THROTTLED, "Le portail demande de ralentir."),
    Mishap.UNAUTHORISED: _answer(DepositOutcome.UNAUTHORISED, "Le portail refuse l'accès."),
    Mishap.REFUSED: _answer(DepositOutcome.REFUSED, "Le portail refuse le fichier."),
}


class Condition(StrEnum):
    """How the portal is."""

    UP = "up"
    DOWN = "down"
    """No connection at all."""
    CLOSED_TO_US = "closed_to_us"
    """Our credentials are refused."""


class MemoryPortal(Ledger):
    """The portal contract without a network. The attributes may be changed at any time.

    Attributes:
        condition: whether it can be reached.
        mishaps: what happens to the next deposits, first come first served.
    """

    def __init__(
        self,
        *,
        read: Callable[[bytes], DepositedFacts],
        structures: Iterable[StructureRecord] = (),
        services: Mapping[str, Iterable[ServiceRecord]] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        status_of: Callable[[str], BuyerStatus] = our_word,
    ) -> None:
        """Open an empty portal.

        Args:
            read: what a document says; raises ValueError for a file it cannot read.
            structures: the directory.
            services: the services of structures, by SIRET.
            clock: the current instant, aware.
            status_of: what a word given to ``decide`` means.
        """
        super().__init__(read=read, structures=structures, clock=clock, status_of=status_of)
        self.condition = Condition.UP
        self.mishaps: deque[Mishap] = deque()
        self._services = {siret: tuple(items) for siret, items in (services or {}).items()}

    def sign_in(self) -> None:
        """Raise PortalDown or PortalAccessRefused when the condition says so."""
        match self.condition:
            case Condition.UP:
                return
            case Condition.DOWN:
                raise PortalDown("Le portail ne répond pas.", "Réessayez plus tard.")
            case Condition.CLOSED_TO_US:
                raise PortalAccessRefused(
                    "Le portail refuse l'accès.", "Vérifiez les identifiants."
                )

    def deposit(self, *, file_name: str, syntax: DepositSyntax, content: bytes) -> DepositAnswer:
        """Record a file, unless the condition or a mishap prevents it."""
        mishap = self._next_mishap()
        if mishap is Mishap.ANSWER_LOST:
            self.record(file_name, syntax, content)
        if mishap is not None:
            return _ANSWERS[mishap]
        flux = self.record(file_name, syntax, content)
        return DepositAnswer(
            outcome=DepositOutcome.ACCEPTED,
            detail=f"Le portail a reçu le fichier : flux {flux.number}.",
            flux_number=flux.number,
            deposit_date=paris_day(self.clock()),
            http_status=200,
        )

    def integration_report(self, flux_number: str) -> IntegrationReport:
        """What became of a file; an unknown flux is pending."""
        self.sign_in()
        return self.report_on(flux_number)

    def find(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        """The integrated invoices that match; raises ValueError without any criterion."""
        self.sign_in()
        if not (invoice_number or flux_number):
            raise ValueError("a search needs an invoice number or a flux number")
        return tuple(
            _found(invoice)
            for invoice in self.invoices.values()
            if invoice.found
            and invoice_number in (None, "", invoice.facts.number)
            and flux_number in (None, "", invoice.flux_number)
        )

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        """The invoices whose current status was set in this period, bounds included."""
        self.sign_in()
        return tuple(
            _found(invoice)
            for invoice in self.invoices.values()
            if invoice.found and since <= invoice.history[-1].at <= until
        )

    def issued(self, since: date, until: date) -> tuple[FoundInvoice, ...]:
        """The invoices dated in this period, bounds included."""
        self.sign_in()
        return tuple(
            _found(invoice)
            for invoice in self.invoices.values()
            if invoice.found and since <= invoice.facts.issue_date <= until
        )

    def held(self, portal_id: str) -> HeldInvoice:
        """What an integrated invoice says; the light documents of tests give no references."""
        invoice = self._integrated(portal_id)
        current = invoice.history[-1]
        return HeldInvoice(
            portal_id=portal_id,
            number=invoice.facts.number,
            status=current.status,
            raw_status=current.word,
            recipient=invoice.facts.recipient,
            service_code="",
            engagement="",
            net=None,
            gross=invoice.facts.gross,
            attachments=tuple(invoice.attachments),
            comment=current.comment,
        )

    def download(self, portal_id: str) -> bytes:
        """The bytes that were deposited."""
        return self._integrated(portal_id).content

    def report_file(self, flux_number: str) -> bytes | None:
        """A PDF as the portal gives one, once there is a verdict."""
        self.sign_in()
        report = self.report_on(flux_number)
        if report.state is FluxState.PENDING:
            return None
        return f"%PDF-1.4 {flux_number} {report.raw_state}".encode()

    def complete(self, portal_id: str, *, comment: str, files: Sequence[SupportingFile]) -> None:
        """Give a suspended invoice its files; refused in any other status."""
        invoice = self._integrated(portal_id)
        if invoice.history[-1].status is not BuyerStatus.SUSPENDED:
            raise PortalAnswerError(
                f"La facture {invoice.facts.number} n'est pas suspendue.",
                "Lisez son état avec « show ».",
            )
        invoice.attachments += [file.name for file in files]
        invoice.history.append(Step(BuyerStatus.IN_PROGRESS, "completed", self.clock(), comment))

    def acknowledge_rejection(self, portal_id: str) -> None:
        """Note that the rejection was seen."""
        self._integrated(portal_id).acknowledged = True

    def history(self, portal_id: str) -> InvoiceHistory:
        """The statuses of an integrated invoice, the latest first."""
        statuses = self._integrated(portal_id).history[::-1]
        return InvoiceHistory(
            portal_id=portal_id,
            status=statuses[0].status,
            raw_status=statuses[0].word,
            entries=tuple(
                HistoryEntry(
                    raw_status=step.word,
                    status=step.status,
                    at=f"{step.at.astimezone(PARIS):%Y-%m-%d %H:%M}",
                    comment=step.comment,
                )
                for step in statuses
            ),
        )

    def structure(self, siret: str) -> StructureRecord | None:
        """The structure that has this SIRET, or None."""
        self.sign_in()
        return self.structures.get(siret)

    def service(self, structure: StructureRecord, code: str) -> ServiceRecord | None:
        """One service of a structure by its exact code, or None."""
        self.sign_in()
        services = self._services.get(structure.siret, ())
        return next((service for service in services if service.code == code), None)

    def _integrated(self, portal_id: str) -> Integrated:
        self.sign_in()
        if portal_id not in self.invoices:
            raise PortalAnswerError(f"Le portail ne connaît pas la facture {portal_id}.")
        return self.invoices[portal_id]

    def _next_mishap(self) -> Mishap | None:
        match self.condition:
            case Condition.DOWN:
                return Mishap.NOT_SENT
            case Condition.CLOSED_TO_US:
                return Mishap.UNAUTHORISED
            case Condition.UP:
                return self.mishaps.popleft() if self.mishaps else None


def _found(invoice: Integrated) -> FoundInvoice:
    current = invoice.history[-1]
    return FoundInvoice(
        portal_id=invoice.portal_id,
        number=invoice.facts.number,
        issue_date=invoice.facts.issue_date,
        recipient=invoice.facts.recipient,
        gross=invoice.facts.gross,
        flux_number=invoice.flux_number,
        status=current.status,
        raw_status=current.word,
        status_at=current.at,
        comment=current.comment,
        acknowledged=invoice.acknowledged,
    )
