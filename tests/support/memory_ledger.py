"""What the portal in memory holds, and how it judges what is deposited.

It controls the recipient, and uniqueness on (year of issue, number); lots file by file. Its words
for a status are ours, unless it is given those of another portal.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.portals import (
    BuyerStatus,
    FluxState,
    IntegrationReport,
    ReportError,
    StructureRecord,
)
from worker.portals.lots import EXTENSION, unpack


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
    syntax: DepositSyntax
    content: bytes
    report: IntegrationReport


class Step(NamedTuple):
    """A status that an invoice was given, with the portal's word for it."""

    status: BuyerStatus
    word: str
    at: datetime
    comment: str = ""


def our_word(word: str) -> BuyerStatus:
    """The status whose value is this word."""
    return BuyerStatus(word) if word in set(BuyerStatus) else BuyerStatus.UNRECOGNISED


@dataclass(slots=True, kw_only=True)
class Integrated:
    """An invoice that the portal took."""

    portal_id: str
    flux_number: str
    facts: DepositedFacts
    content: bytes
    found: bool
    """Whether searches know it yet."""
    history: list[Step] = field(default_factory=list)
    """The current one is the last."""
    attachments: list[str] = field(default_factory=list)
    acknowledged: bool = False


class Ledger:
    """Fluxes, invoices and the directory. The attributes may be changed at any time.

    Attributes:
        integrates_at_once: when False, deposits wait for ``integrate``.
        indexes_at_once: when False, what is integrated is found by no search before ``index``.
        refused_recipients: SIRETs whose invoices are refused at integration.
        fluxes: the deposits that were recorded, in order.
        invoices: what was integrated, by the portal's own identifier.
        structures: the directory, by SIRET.
    """

    def __init__(
        self,
        *,
        read: Callable[[bytes], DepositedFacts],
        structures: Iterable[StructureRecord],
        clock: Callable[[], datetime],
        status_of: Callable[[str], BuyerStatus],
    ) -> None:
        """Open an empty ledger; see MemoryPortal."""
        self.integrates_at_once = True
        self.indexes_at_once = True
        self.refused_recipients: set[str] = set()
        self.fluxes: list[Flux] = []
        self.invoices: dict[str, Integrated] = {}
        self.structures = {structure.siret: structure for structure in structures}
        self.clock = clock
        self._read = read
        self._status_of = status_of

    def record(self, file_name: str, syntax: DepositSyntax, content: bytes) -> Flux:
        """Take a file, and give its verdict unless it is to wait for ``integrate``."""
        number = f"CPP0010000{len(self.fluxes) + 1:015d}"
        waiting = _report(number, FluxState.PENDING)
        flux = Flux(
            number=number, file_name=file_name, syntax=syntax, content=content, report=waiting
        )
        self.fluxes.append(flux)
        if self.integrates_at_once:
            self.integrate()
        return flux

    def integrate(self) -> None:
        """Give its verdict to every deposit that waits for one, in order of arrival."""
        for flux in self.fluxes:
            if flux.report.state is FluxState.PENDING:
                flux.report = self._verdict(flux)

    def index(self) -> None:
        """Let searches find all that is integrated."""
        for invoice in self.invoices.values():
            invoice.found = True

    def decide(self, number: str, word: str, comment: str = "") -> None:
        """Have the buyer give the integrated invoice of this number a status, in any order."""
        for invoice in self.invoices.values():
            if invoice.facts.number == number:
                invoice.history.append(Step(self._status_of(word), word, self.clock(), comment))
                return
        raise LookupError(f"no integrated invoice {number}")

    def report_on(self, flux_number: str) -> IntegrationReport:
        """What became of a file; an unknown flux is pending."""
        for flux in self.fluxes:
            if flux.number == flux_number:
                return flux.report
        return _report(flux_number, FluxState.PENDING)

    def _verdict(self, flux: Flux) -> IntegrationReport:
        try:
            is_lot = flux.file_name.endswith(EXTENSION)
            contents = unpack(flux.content) if is_lot else [flux.content]
            read = [(content, self._read(content)) for content in contents]
        except ValueError as error:
            # One file that no schema reads, and the whole flux is turned away.
            refusal = ReportError(text=f"IRRECEVABILITE: {error}", code="ERR_XSD_001")
            return _report(flux.number, FluxState.REJECTED, refusal)
        refusals = []
        for content, facts in read:
            if fault := self._fault(facts):
                refusals.append(
                    ReportError(text=fault, invoice_number=facts.number, recipient=facts.recipient)
                )
            else:
                self._integrate(flux, content, facts)
        if not refusals:
            return _report(flux.number, FluxState.INTEGRATED)
        if len(refusals) < len(read):
            return _report(flux.number, FluxState.PARTIAL, *refusals)
        return _report(flux.number, FluxState.REJECTED, *refusals)

    def _integrate(self, flux: Flux, content: bytes, facts: DepositedFacts) -> None:
        portal_id = str(len(self.invoices) + 1)
        self.invoices[portal_id] = Integrated(
            portal_id=portal_id,
            flux_number=flux.number,
            facts=facts,
            content=content,
            found=self.indexes_at_once,
            history=[Step(BuyerStatus.IN_PROGRESS, "deposited", self.clock())],
        )

    def _fault(self, facts: DepositedFacts) -> str:
        structure = self.structures.get(facts.recipient)
        if structure is None or not structure.active:
            return f"La structure destinataire {facts.recipient} est inconnue ou inactive"
        if facts.recipient in self.refused_recipients:
            return f"La demande de paiement est refusee pour {facts.recipient}"
        taken = {(i.facts.issue_date.year, i.facts.number) for i in self.invoices.values()}
        if (facts.issue_date.year, facts.number) in taken:
            return "Une facture de ce fournisseur porte deja ce numero pour cette annee"
        return ""


def _report(number: str, state: FluxState, *errors: ReportError) -> IntegrationReport:
    return IntegrationReport(flux_number=number, state=state, raw_state=state.value, errors=errors)
