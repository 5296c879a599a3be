"""The portal of the tests: the one in memory, which tells what it was asked and plays a part."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO

import pikepdf
from lxml import etree

from tests.support.memory_ledger import DepositedFacts
from tests.support.memory_portal import Condition, MemoryPortal
from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.errors import PortalAnswerError
from worker.formats.embedding import XML_NAME
from worker.portals import (
    DepositAnswer,
    DepositOutcome,
    FluxState,
    FoundInvoice,
    IntegrationReport,
    InvoiceHistory,
    ReportError,
    ServiceRecord,
    StructureRecord,
)
from worker.portals.choruspro.status_words import (
    buyer_status,
)
from worker.service.demo import SELLER, STORY

_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_UDT = "{urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100}"
_RSM = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}"

OURSELVES = StructureRecord(
    portal_id="1000",
    siret=SELLER,
    name="SYNDICAT",
    active=True,
    service_code_required=False,
    engagement_required=False,
    service_or_engagement_required=False,
    works_only=False,
    payment_not_reported=False,
    password_expires=date(2027, 1, 31),
)
"""The seller, as the portal knows it."""


def read_deposit(content: bytes) -> DepositedFacts:
    """What a portal reads in a deposited file: a light one, or the CII inside a Factur-X."""
    if not content.startswith(b"%PDF"):
        said = json.loads(content)
        return DepositedFacts(
            number=said["number"],
            issue_date=date.fromisoformat(said["issued"]),
            recipient=said["recipient"],
            gross=Money(said["cents"]),
        )
    with pikepdf.open(BytesIO(content)) as pdf:
        root = etree.fromstring(pdf.attachments[XML_NAME].get_file().read_bytes())

    def text(path: str) -> str:
        found = root.findtext(path)
        assert found, path
        return found.strip()

    head = f"{_RSM}ExchangedDocument/"
    settlement = f".//{_RAM}SpecifiedTradeSettlementHeaderMonetarySummation/"
    buyer = f".//{_RAM}BuyerTradeParty/{_RAM}SpecifiedLegalOrganization/{_RAM}ID"
    day = text(f"{head}{_RAM}IssueDateTime/{_UDT}DateTimeString")
    return DepositedFacts(
        number=text(f"{head}{_RAM}ID"),
        issue_date=datetime.strptime(f"{day}+0000", "%Y%m%d%z").date(),
        recipient=text(buyer),
        gross=Money(int(Decimal(text(f"{settlement}{_RAM}GrandTotalAmount")) * 100)),
    )


class StagePortal(MemoryPortal):
    """The portal in memory, which also tells a test what it sees, and can be slow to index.

    Attributes:
        watch: called with each deposit before anything is done about it; may raise.
        watch_after: called once it is done, before the answer leaves; may raise.
        not_indexed: numbers that a search does not find yet.
        falls_at: the question about a structure that finds the portal down.
        unreadable: SIRETs about which the directory gives no usable answer.
        amend: changes what a search finds.
        watch_structure: called with the SIRET of each question about a structure.
        answers_nonsense_about: numbers whose search gives no usable answer.
    """

    watch: Callable[[bytes], None] = staticmethod(lambda _: None)
    watch_after: Callable[[bytes], None] = staticmethod(lambda _: None)
    watch_structure: Callable[[str], None] = staticmethod(lambda _: None)
    amend: Callable[[FoundInvoice], FoundInvoice] = staticmethod(lambda found: found)

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(
            read=read_deposit,
            structures=[OURSELVES, *(_structure(index) for index in range(len(STORY)))],
            services={case.siret: _services(index) for index, case in enumerate(STORY)},
            clock=clock,
            status_of=buyer_status,
        )
        self.not_indexed: set[str] = set()
        self.unreadable: set[str] = set()
        self.answers_nonsense_about: set[str] = set()
        self.falls_at = ""
        self.answers: list[DepositAnswer] = []
        self.asked: list[str] = []

    def deposit(self, *, file_name: str, syntax: DepositSyntax, content: bytes) -> DepositAnswer:
        """Let the test look before and after."""
        self.watch(content)
        if self.answers:
            return self.answers.pop(0)
        answer = super().deposit(file_name=file_name, syntax=syntax, content=content)
        self.watch_after(content)
        return answer

    def integration_report(self, flux_number: str) -> IntegrationReport:
        """Note the question."""
        self.asked.append(f"report {flux_number}")
        return super().integration_report(flux_number)

    def find(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        """What is indexed."""
        self.asked.append(f"search {invoice_number or flux_number}")
        if invoice_number in self.answers_nonsense_about:
            raise PortalAnswerError("Réponse incohérente.")
        found = super().find(invoice_number=invoice_number, flux_number=flux_number)
        return tuple(self.amend(item) for item in found if item.number not in self.not_indexed)

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        """Note the question."""
        self.asked.append(f"changed {since:%Y-%m-%dT%H:%M} {until:%Y-%m-%dT%H:%M}")
        found = super().changed(since, until)
        return tuple(self.amend(item) for item in found if item.number not in self.not_indexed)

    def issued(self, since: date, until: date) -> tuple[FoundInvoice, ...]:
        """What is indexed."""
        self.asked.append(f"issued {since} {until}")
        found = super().issued(since, until)
        return tuple(self.amend(item) for item in found if item.number not in self.not_indexed)

    def history(self, portal_id: str) -> InvoiceHistory:
        """Note the question."""
        self.asked.append(f"history {portal_id}")
        return super().history(portal_id)

    def structure(self, siret: str) -> StructureRecord | None:
        """Note the question; fall, or answer nonsense, about those the test says."""
        self.asked.append(f"structure {siret}")
        if self.asked[-1] == self.falls_at:
            self.condition = Condition.DOWN
        if siret in self.unreadable:
            raise PortalAnswerError("Réponse incomplète.")
        self.watch_structure(siret)
        return super().structure(siret)

    def change(self, siret: str, **facts: object) -> None:
        """Have a structure declare something else."""
        self.structures[siret] = replace(self.structures[siret], **facts)  # type: ignore[arg-type] # its own fields

    def know(self, structure: StructureRecord) -> None:
        """Have a structure in the directory, in place of the one of its SIRET."""
        self.structures[structure.siret] = structure

    def forget(self, siret: str) -> None:
        """Have no such structure in the directory."""
        del self.structures[siret]

    def tell(self, number: str, report: IntegrationReport) -> None:
        """Give the latest deposit of this invoice a report of the test's own."""
        flux = next(f for f in reversed(self.fluxes) if read_deposit(f.content).number == number)
        flux.report = replace(report, flux_number=flux.number)

    def integrated(self) -> list[DepositedFacts]:
        """Every invoice the portal holds."""
        return [invoice.facts for invoice in self.invoices.values()]


def _structure(index: int) -> StructureRecord:
    case = STORY[index]
    return StructureRecord(
        portal_id=str(index + 1),
        siret=case.siret,
        name=case.name,
        active=True,
        service_code_required="service_code_required" in case.needs,
        engagement_required="engagement_required" in case.needs,
        service_or_engagement_required="service_or_engagement" in case.needs,
        works_only=False,
        payment_not_reported="payment_status_not_reported" in case.needs,
    )


def _services(index: int) -> tuple[ServiceRecord, ...]:
    case = STORY[index]
    if not case.service:
        return ()
    return (
        ServiceRecord(
            code=case.service,
            name=f"Service {case.service}",
            active=True,
            engagement_required=case.service_needs_engagement,
        ),
    )


ANSWERS = {
    outcome: DepositAnswer(
        outcome=outcome,
        detail="dit le portail",
        flux_number="CPP42" if outcome is DepositOutcome.ACCEPTED else "",
        http_status=200 if outcome is DepositOutcome.REFUSED else 418,
        raw="{}",
        retry_after=120 if outcome is DepositOutcome.THROTTLED else None,
    )
    for outcome in DepositOutcome
}
"""What the portal may answer to a deposit, one of each."""


def report(
    state: FluxState, raw_state: str, *texts: str, of: str = "", code: str = ""
) -> IntegrationReport:
    """What the portal says of a flux, with one error for each text: of that invoice, or of all."""
    return IntegrationReport(
        flux_number="",
        state=state,
        raw_state=raw_state,
        errors=tuple(ReportError(text=text, invoice_number=of, code=code) for text in texts),
    )
