"""A portal that lives in memory, for dry runs and tests: small, but faithful to the contract.

It records each deposit under a new flux number, integrates it at once or when told to, lots file
by file, and controls what Chorus Pro controls first: the recipient, and uniqueness on (year of
issue, number), reference §4.4. What a document says is read by a function it is given. It can be
told to fail in the ways that matter: an answer lost after the deposit was recorded, or before; a
portal that is down; access refused; a member whose invoices are refused; an index that lags.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from worker.document import DocumentKind
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown
from worker.lots import EXTENSION, unpack
from worker.money import Money
from worker.portals import (
    DepositAnswer,
    DepositOutcome,
    FluxState,
    FoundInvoice,
    HeldInvoice,
    HistoryEntry,
    IntegrationReport,
    InvoiceHistory,
    ReportError,
    ServiceRecord,
    StructureRecord,
    SupportingFile,
)
from worker.portals.choruspro_words import SYNTAXES, buyer_status

_PARIS = ZoneInfo("Europe/Paris")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositedFacts:
    """What the portal reads in a deposited document."""

    number: str
    """BT-1."""
    issue_date: date
    """BT-2."""
    recipient: str
    """BT-47, a SIRET."""
    gross: Money
    """BT-112."""


@dataclass(slots=True, kw_only=True)
class Flux:
    """A deposit that was recorded; ``report`` follows its integration."""

    number: str
    file_name: str
    kind: DocumentKind
    content: bytes
    report: IntegrationReport


@dataclass(slots=True, kw_only=True)
class _Integrated:
    cpp_id: int
    flux_number: str
    facts: DepositedFacts
    content: bytes
    found: bool
    """Whether searches know it yet."""
    history: list[tuple[str, datetime, str]] = field(default_factory=list)
    """Raw status, since when, comment; the current one is the last."""
    attachments: list[str] = field(default_factory=list)
    acknowledged: bool = False


class MemoryPortal:
    """The portal contract without a network. The attributes may be changed at any time.

    Attributes:
        condition: whether it can be reached.
        integrates_at_once: when False, deposits wait for ``integrate``.
        indexes_at_once: when False, what is integrated is found by no search before ``index``.
        refused_recipients: SIRETs whose invoices are refused at integration.
        mishaps: what happens to the next deposits, first come first served.
        fluxes: the deposits that were recorded, in order.
    """

    def __init__(
        self,
        *,
        read: Callable[[bytes], DepositedFacts],
        structures: Iterable[StructureRecord] = (),
        services: Mapping[str, Iterable[ServiceRecord]] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open an empty portal.

        Args:
            read: what a document says; raises ValueError for a file it cannot read.
            structures: the directory.
            services: the services of structures, by SIRET.
            clock: the current instant, aware.
        """
        self.condition = Condition.UP
        self.integrates_at_once = True
        self.indexes_at_once = True
        self.refused_recipients: set[str] = set()
        self.mishaps: deque[Mishap] = deque()
        self.fluxes: list[Flux] = []
        self._read = read
        self._clock = clock
        self._structures = {structure.siret: structure for structure in structures}
        self._services = {siret: tuple(items) for siret, items in (services or {}).items()}
        self._invoices: dict[int, _Integrated] = {}

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

    def deposit(self, *, file_name: str, kind: DocumentKind, content: bytes) -> DepositAnswer:
        """Record a file, unless the condition or a mishap prevents it."""
        if kind not in SYNTAXES:
            return _answer(DepositOutcome.REFUSED, f"Un document « {kind} » ne se dépose pas.")
        mishap = self._next_mishap()
        if mishap is Mishap.ANSWER_LOST:
            self._record(file_name, kind, content)
        if mishap is not None:
            return _ANSWERS[mishap]
        flux = self._record(file_name, kind, content)
        return DepositAnswer(
            outcome=DepositOutcome.ACCEPTED,
            detail=f"Le portail a reçu le fichier : flux {flux.number}.",
            flux_number=flux.number,
            deposit_date=self._clock().astimezone(_PARIS).date(),
            http_status=200,
        )

    def integrate(self) -> None:
        """Give its verdict to every deposit that waits for one, in order of arrival."""
        for flux in self.fluxes:
            if flux.report.state is FluxState.PENDING:
                flux.report = self._verdict(flux)

    def index(self) -> None:
        """Let searches find all that is integrated."""
        for invoice in self._invoices.values():
            invoice.found = True

    def decide(self, number: str, raw_status: str, comment: str = "") -> None:
        """Have the buyer give the integrated invoice of this number a status, in any order."""
        for invoice in self._invoices.values():
            if invoice.facts.number == number:
                invoice.history.append((raw_status, self._clock(), comment))
                return
        raise LookupError(f"no integrated invoice {number}")

    def integration_report(self, flux_number: str) -> IntegrationReport:
        """What became of a file; an unknown flux is pending."""
        self.sign_in()
        return self._report_on(flux_number)

    def search(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        """The integrated invoices that match; raises ValueError without any criterion."""
        self.sign_in()
        if not (invoice_number or flux_number):
            raise ValueError("a search needs an invoice number or a flux number")
        return tuple(
            _found(invoice)
            for invoice in self._invoices.values()
            if invoice.found
            and invoice_number in (None, "", invoice.facts.number)
            and flux_number in (None, "", invoice.flux_number)
        )

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        """The invoices whose current status was set in this period, bounds included."""
        self.sign_in()
        return tuple(
            _found(invoice)
            for invoice in self._invoices.values()
            if invoice.found and since <= invoice.history[-1][1] <= until
        )

    def held(self, cpp_id: int) -> HeldInvoice:
        """What an integrated invoice says; the light documents of tests give no references."""
        invoice = self._integrated(cpp_id)
        word, _, comment = invoice.history[-1]
        return HeldInvoice(
            cpp_id=cpp_id,
            number=invoice.facts.number,
            status=buyer_status(word),
            raw_status=word,
            recipient=invoice.facts.recipient,
            service_code="",
            engagement="",
            net=None,
            gross=invoice.facts.gross,
            attachments=tuple(invoice.attachments),
            comment=comment,
        )

    def download(self, cpp_id: int) -> bytes:
        """The bytes that were deposited."""
        return self._integrated(cpp_id).content

    def receipt(self, flux_number: str) -> bytes | None:
        """A PDF as the portal gives one, once there is a verdict."""
        self.sign_in()
        report = self._report_on(flux_number)
        if report.state is FluxState.PENDING:
            return None
        return f"%PDF-1.4 {flux_number} {report.raw_state}".encode()

    def complete(self, cpp_id: int, *, comment: str, files: Sequence[SupportingFile]) -> None:
        """Give a suspended invoice its files; refused in any other status (§2.7)."""
        invoice = self._integrated(cpp_id)
        if invoice.history[-1][0] != "SUSPENDUE":
            raise PortalAnswerError(
                f"La facture {invoice.facts.number} n'est pas suspendue (GDP_MSG_11.033).",
                "Lisez son état avec « show ».",
            )
        invoice.attachments += [file.name for file in files]
        invoice.history.append(("COMPLETEE", self._clock(), comment))

    def acknowledge_rejection(self, cpp_id: int) -> None:
        """Note that the rejection was seen."""
        self._integrated(cpp_id).acknowledged = True

    def history(self, cpp_id: int) -> InvoiceHistory:
        """The statuses of an integrated invoice, the latest first."""
        statuses = self._integrated(cpp_id).history[::-1]
        return InvoiceHistory(
            cpp_id=cpp_id,
            status=buyer_status(statuses[0][0]),
            raw_status=statuses[0][0],
            entries=tuple(
                HistoryEntry(
                    raw_status=word,
                    status=buyer_status(word),
                    at=f"{at.astimezone(_PARIS):%Y-%m-%d %H:%M}",
                    comment=comment,
                )
                for word, at, comment in statuses
            ),
        )

    def structure(self, siret: str) -> StructureRecord | None:
        """The structure that has this SIRET, or None."""
        self.sign_in()
        return self._structures.get(siret)

    def service(self, structure: StructureRecord, code: str) -> ServiceRecord | None:
        """One service of a structure by its exact code, or None."""
        self.sign_in()
        services = self._services.get(structure.siret, ())
        return next((service for service in services if service.code == code), None)

    def _report_on(self, flux_number: str) -> IntegrationReport:
        for flux in self.fluxes:
            if flux.number == flux_number:
                return flux.report
        return _report(flux_number, FluxState.PENDING, "Flux introuvable.")

    def _integrated(self, cpp_id: int) -> _Integrated:
        self.sign_in()
        if cpp_id not in self._invoices:
            raise PortalAnswerError(f"Le portail ne connaît pas la facture {cpp_id}.")
        return self._invoices[cpp_id]

    def _next_mishap(self) -> Mishap | None:
        match self.condition:
            case Condition.DOWN:
                return Mishap.NOT_SENT
            case Condition.CLOSED_TO_US:
                return Mishap.UNAUTHORISED
            case Condition.UP:
                return self.mishaps.popleft() if self.mishaps else None

    def _record(self, file_name: str, kind: DocumentKind, content: bytes) -> Flux:
        number = f"CPP0010000{len(self.fluxes) + 1:015d}"
        waiting = _report(number, FluxState.PENDING, "IN_EN_COURS_TRAITEMENT_CPP")
        flux = Flux(number=number, file_name=file_name, kind=kind, content=content, report=waiting)
        self.fluxes.append(flux)
        if self.integrates_at_once:
            self.integrate()
        return flux

    def _verdict(self, flux: Flux) -> IntegrationReport:
        try:
            is_lot = flux.file_name.endswith(EXTENSION)
            contents = unpack(flux.content) if is_lot else [flux.content]
            read = [(content, self._read(content)) for content in contents]
        except ValueError as error:
            # One file that no schema reads, and the whole flux is turned away.
            refusal = ReportError(text=f"IRRECEVABILITE: {error}", code="ERR_XSD_001")
            return _report(flux.number, FluxState.REJECTED, "IN_REJETE", refusal)
        refusals = []
        for content, facts in read:
            if fault := self._fault(facts):
                refusals.append(
                    ReportError(text=fault, invoice_number=facts.number, recipient=facts.recipient)
                )
            else:
                self._integrate(flux, content, facts)
        if not refusals:
            return _report(flux.number, FluxState.INTEGRATED, "IN_INTEGRE")
        if len(refusals) < len(read):
            return _report(flux.number, FluxState.PARTIAL, "IN_INTEGRE_PARTIEL", *refusals)
        return _report(flux.number, FluxState.REJECTED, "IN_REJETE", *refusals)

    def _integrate(self, flux: Flux, content: bytes, facts: DepositedFacts) -> None:
        cpp_id = len(self._invoices) + 1
        self._invoices[cpp_id] = _Integrated(
            cpp_id=cpp_id,
            flux_number=flux.number,
            facts=facts,
            content=content,
            found=self.indexes_at_once,
            history=[("DEPOSEE", self._clock(), "")],
        )

    def _fault(self, facts: DepositedFacts) -> str:
        structure = self._structures.get(facts.recipient)
        if structure is None or not structure.active:
            return f"La structure destinataire {facts.recipient} est inconnue ou inactive"
        if facts.recipient in self.refused_recipients:
            return f"La demande de paiement est refusee pour {facts.recipient}"
        taken = {(i.facts.issue_date.year, i.facts.number) for i in self._invoices.values()}
        if (facts.issue_date.year, facts.number) in taken:
            return "Une facture de ce fournisseur porte deja ce numero pour cette annee"
        return ""


def _report(number: str, state: FluxState, word: str, *errors: ReportError) -> IntegrationReport:
    return IntegrationReport(flux_number=number, state=state, raw_state=word, errors=errors)


def _found(invoice: _Integrated) -> FoundInvoice:
    word, at, comment = invoice.history[-1]
    return FoundInvoice(
        cpp_id=invoice.cpp_id,
        number=invoice.facts.number,
        issue_date=invoice.facts.issue_date,
        recipient=invoice.facts.recipient,
        gross=invoice.facts.gross,
        flux_number=invoice.flux_number,
        status=buyer_status(word),
        raw_status=word,
        status_at=at,
        comment=comment,
        acknowledged=invoice.acknowledged,
    )
