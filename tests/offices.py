"""A whole office for the tests: demonstration data, a movable clock, a portal in memory.

The demonstration folder is made once, and copied for each test: cheap, and nothing is shared.
``real`` keeps the true documents; otherwise a light text stands for them, and a year is issued in
a moment.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
from lxml import etree

from tests.validation_service import service
from worker import campaign
from worker.audit import EventTag
from worker.billing_run import MemberOutcome, issue_year
from worker.bootstrap import Office, open_office
from worker.crediting import Request, issue_credit_note
from worker.demo import EXAMPLES, FILES, SELLER, STORY, write_demo
from worker.deposit import Depositor, DepositResult, deposit_due, recover_interrupted
from worker.document import Document, DocumentKind
from worker.errors import PortalAnswerError
from worker.followup import follow_due
from worker.formats import ALWAYS, Look
from worker.formats.embedding import XML_NAME
from worker.imports import ImportKind
from worker.intake import take_in
from worker.invoice import Invoice
from worker.issuing import Issuer
from worker.lifecycle import TrackedInvoice
from worker.lots import ALONE, LotLimits
from worker.money import Money
from worker.portals import (
    DepositAnswer,
    FoundInvoice,
    IntegrationReport,
    InvoiceHistory,
    ServiceRecord,
    StructureRecord,
)
from worker.portals.memory import Condition, DepositedFacts, MemoryPortal
from worker.press import CheckedDocument, Press, draw_up
from worker.reconcile import reconcile_due
from worker.resend import resend
from worker.statement import Statement
from worker.storage import deposits, invoices, journal
from worker.storage.deposits import Attempt, Observation
from worker.storage.documents import StoredDocument, documents_of
from worker.validation import Report, RuleSet

YEAR = 2025
CAMPAIGN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PARKED = next(case.siret for case in STORY if case.owed)
"""The member whose engagement is missing."""
_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_UDT = "{urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100}"
_RSM = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}"


OURSELVES = StructureRecord(
    portal_id=1000,
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


class MovableClock:
    """The present instant, which a test moves."""

    def __init__(self, now: datetime = CAMPAIGN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """What the program asks."""
        return self.now

    def advance(self, **duration: float) -> None:
        """Let time pass, or go back: ``hours=3``."""
        self.now += timedelta(**duration)


def number(rank: int) -> str:
    """The number of the invoice issued in this rank."""
    return f"BSN-{CAMPAIGN.year}-{rank:05d}"


def light_render(invoice: Invoice, statement: Statement | None) -> Sequence[Document]:
    """A deposit and a statement in a few bytes that say what the real ones say."""
    said = {
        "number": invoice.number,
        "issued": invoice.issue_date.isoformat(),
        "recipient": invoice.buyer.siret,
        "cents": invoice.totals.gross.cents,
        "service": invoice.service_code,
        "engagement": invoice.engagement,
    }
    deposited = _document(DocumentKind.FACTURX, json.dumps(said))
    if statement is None:
        return (deposited,)
    detail = f"{statement.number} {statement.total.cents}"
    return deposited, _document(DocumentKind.STATEMENT, detail)


def _document(kind: DocumentKind, text: str) -> Document:
    return Document(kind=kind, profile="light", media_type="text/plain", content=text.encode())


def light_check(document: Document) -> CheckedDocument:
    """Every light document passes."""
    assert document.content
    rules = RuleSet(name="light", version="1", sha256="0" * 64)
    return CheckedDocument(document=document, reports=(Report(rule_set=rules, valid=True),))


@cache
def real_press() -> Press:
    """The true documents, with one validation process for all tests."""
    return partial(
        draw_up,
        look=Look(),
        profiles=ALWAYS,
        pages=ThreadPoolExecutor(2),
        check=service().submit,
    )


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
    """

    watch: Callable[[bytes], None] = staticmethod(lambda _: None)
    watch_after: Callable[[bytes], None] = staticmethod(lambda _: None)
    amend: Callable[[FoundInvoice], FoundInvoice] = staticmethod(lambda found: found)

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(
            read=read_deposit,
            structures=[OURSELVES, *(_structure(index) for index in range(len(STORY)))],
            services={case.siret: _services(index) for index, case in enumerate(STORY)},
            clock=clock,
        )
        self.not_indexed: set[str] = set()
        self.unreadable: set[str] = set()
        self.falls_at = ""
        self.answers: list[DepositAnswer] = []
        self.asked: list[str] = []

    def deposit(self, *, file_name: str, kind: DocumentKind, content: bytes) -> DepositAnswer:
        """Let the test look before and after."""
        self.watch(content)
        if self.answers:
            return self.answers.pop(0)
        answer = super().deposit(file_name=file_name, kind=kind, content=content)
        self.watch_after(content)
        return answer

    def integration_report(self, flux_number: str) -> IntegrationReport:
        """Note the question."""
        self.asked.append(f"report {flux_number}")
        return super().integration_report(flux_number)

    def search(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        """What is indexed."""
        self.asked.append(f"search {invoice_number or flux_number}")
        found = super().search(invoice_number=invoice_number, flux_number=flux_number)
        return tuple(self.amend(item) for item in found if item.number not in self.not_indexed)

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        """Note the question."""
        self.asked.append(f"changed {since:%Y-%m-%dT%H:%M} {until:%Y-%m-%dT%H:%M}")
        found = super().changed(since, until)
        return tuple(self.amend(item) for item in found if item.number not in self.not_indexed)

    def history(self, cpp_id: int) -> InvoiceHistory:
        """Note the question."""
        self.asked.append(f"history {cpp_id}")
        return super().history(cpp_id)

    def structure(self, siret: str) -> StructureRecord | None:
        """Note the question; fall, or answer nonsense, about those the test says."""
        self.asked.append(f"structure {siret}")
        if self.asked[-1] == self.falls_at:
            self.condition = Condition.DOWN
        if siret in self.unreadable:
            raise PortalAnswerError("Réponse incomplète.")
        return super().structure(siret)

    def change(self, siret: str, **facts: object) -> None:
        """Have a structure declare something else."""
        self._structures[siret] = replace(self._structures[siret], **facts)  # type: ignore[arg-type] # its own fields

    def know(self, structure: StructureRecord) -> None:
        """Have a structure in the directory, in place of the one of its SIRET."""
        self._structures[structure.siret] = structure

    def forget(self, siret: str) -> None:
        """Have no such structure in the directory."""
        del self._structures[siret]

    def tell(self, number: str, report: IntegrationReport) -> None:
        """Give the latest deposit of this invoice a report of the test's own."""
        flux = next(f for f in reversed(self.fluxes) if read_deposit(f.content).number == number)
        flux.report = replace(report, flux_number=flux.number)

    def integrated(self) -> list[DepositedFacts]:
        """Every invoice the portal holds."""
        return [invoice.facts for invoice in self._invoices.values()]


def _structure(index: int) -> StructureRecord:
    case = STORY[index]
    return StructureRecord(
        portal_id=index + 1,
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


@dataclass(slots=True, kw_only=True)
class Desk:
    """One office, its portal and its clock, and what a test wants to see of them."""

    config: Path
    clock: MovableClock
    portal: StagePortal
    office: Office
    real: bool = False
    render: Callable[[Invoice, Statement | None], Sequence[Document]] = field(default=light_render)
    check: Callable[[Document], CheckedDocument] = field(default=light_check)
    drawer: Executor | None = None
    lots: LotLimits = ALONE

    @property
    def folder(self) -> Path:
        """The demonstration."""
        return self.config.parent

    def second(self) -> "Desk":
        """Another process on the same database and portal."""
        office = open_office(self.config, self.clock)
        return replace(self, office=replace(office, actor="other@elsewhere:1"))

    def issuer(self) -> Issuer:
        """The batch, with light documents unless the desk is ``real``."""
        press = real_press() if self.real else self.light_press
        return self.office.issuer(self.portal, press, self.drawer)

    def light_press(
        self, invoice: Invoice, statement: Statement | None
    ) -> tuple[CheckedDocument, ...]:
        """Light documents, found valid unless the test says otherwise."""
        return tuple(self.check(document) for document in self.render(invoice, statement))

    def bring(self, name: str, kind: ImportKind) -> None:
        """Import one of the example files."""
        path = self.folder / EXAMPLES / name
        take_in(self.office.store, path, kind, clock=self.clock, actor=self.office.actor)

    def write(self, kind: ImportKind, *rows: str) -> None:
        """Import rows: a header, then records."""
        name = f"{kind.value}-{len(list((self.folder / EXAMPLES).iterdir()))}.csv"
        (self.folder / EXAMPLES / name).write_text("\n".join(rows) + "\n", "utf-8")
        self.bring(name, kind)

    def issue(self, stop: Callable[[], bool] = campaign.never) -> list[MemberOutcome]:
        """The batch."""
        return list(issue_year(self.issuer(), YEAR, stop))

    def depositor(self) -> Depositor:
        """What deposits, in the lots of this desk."""
        return replace(self.office.depositor(self.portal), lots=self.lots)

    def deposit(self) -> list[DepositResult]:
        """Deposit what is due."""
        results: list[DepositResult] = []
        deposit_due(self.depositor(), results.append)
        return results

    def recover(self) -> int:
        """Take over what a dead process left."""
        return recover_interrupted(self.office.depositor(self.portal))

    def reconcile(self) -> list[TrackedInvoice]:
        """Look for what is uncertain and due."""
        looked: list[TrackedInvoice] = []
        reconcile_due(self.office.reconciler(self.portal), looked.append)
        return looked

    def follow(self, stop: Callable[[], bool] = campaign.never) -> list[TrackedInvoice]:
        """Ask what is due."""
        asked: list[TrackedInvoice] = []
        follow_due(self.office.follower(self.portal), asked.append, stop)
        return asked

    def resend(self, number: str, **references: str) -> TrackedInvoice:
        """Send again, for the reason of the test."""
        return resend(self.issuer(), number, "essai", **references)

    def credit(self, number: str, *, deposits: bool = True, **asked: Any) -> TrackedInvoice:  # noqa: ANN401 - fields of the request
        """A credit note, for the reason of the test."""
        request = Request(number=number, reason="essai", **asked)
        return issue_credit_note(self.issuer(), request, deposits=deposits)

    def invoices(self) -> tuple[TrackedInvoice, ...]:
        """All, by number."""
        with self.office.store.reading() as session:
            return invoices.tracked(session)

    def one(self, number: str) -> TrackedInvoice:
        """The invoice of this number, as it is now."""
        with self.office.store.reading() as session:
            found = invoices.by_number(session, number)
        assert found is not None
        return found

    def attempts(self, number: str) -> tuple[Attempt, ...]:
        """Every deposit call of an invoice."""
        with self.office.store.reading() as session:
            return deposits.attempts(session, self.one(number).id)

    def observations(self, number: str) -> tuple[Observation, ...]:
        """Everything the portal said of an invoice."""
        with self.office.store.reading() as session:
            return deposits.observations(session, self.one(number).id)

    def documents(self, number: str, version: int | None = None) -> tuple[StoredDocument, ...]:
        """What is kept of an invoice."""
        with self.office.store.reading() as session:
            return documents_of(session, self.one(number).id, version)

    def events(self, *tags: EventTag) -> list[tuple[str, dict[str, Any]]]:
        """Subject and payload of the journal's events of these tags, in order."""
        with self.office.store.reading() as session:
            return [
                (event.subject, json.loads(event.payload))
                for event in journal.events(session)
                if not tags or event.tag in tags
            ]

    def archived(self) -> dict[str, bytes]:
        """Every file of the archive."""
        folder = self.office.store.archive.folder
        return {path.name: path.read_bytes() for path in folder.glob("*/*")}


def open_desk(session_folder: Path, folder: Path, *, real: bool = False, issued: int = 0) -> Desk:
    """A copy of the demonstration in ``folder``, its four files imported.

    Args:
        session_folder: where the original is kept for the whole session.
        folder: of the test.
        real: true documents.
        issued: that many invoices are there already, with light documents.
    """
    original = session_folder / f"office-{issued}"
    if not original.is_dir():
        _make(original, issued)
    # Not the folder itself: pytest made it.
    shutil.copytree(original, folder / "office")
    return _sit_down(folder / "office", real=real)


def _make(folder: Path, issued: int) -> None:
    building = folder.with_suffix(".building")
    config = write_demo(building, YEAR, len(STORY), 1)
    text = config.read_text("utf-8")
    shipped = text.replace("reconcile_minutes = [0]", "reconcile_minutes = [15, 60, 240]")
    config.write_text(shipped.replace("report_minutes = [0, 1, 2,", "report_minutes = [1, 2,"))
    desk = _sit_down(building, real=False)
    for name in FILES:
        desk.bring(f"{name}.csv", ImportKind(name))
    for _ in zip(range(issued), issue_year(desk.issuer(), YEAR), strict=False):
        pass
    building.rename(folder)


def _sit_down(folder: Path, *, real: bool) -> Desk:
    clock = MovableClock()
    config = folder / "worker.toml"
    return Desk(
        config=config,
        clock=clock,
        portal=StagePortal(clock),
        office=open_office(config, clock),
        real=real,
    )
