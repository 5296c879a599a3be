"""The stage of the tests on the second portal: the real client speaks HTTP to it.

What a test sets on the stage (condition, mishaps, an index that lags, a strict buyer) is told to
the portal as switches before each question, at the instant of the test's clock.
"""

import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import date, datetime
from decimal import Decimal

import pikepdf

from tests.contract.second import on_second
from tests.contract.second_portal import Behaviour, Operation, SecondPortal, Service
from tests.contract.second_portal.documents import read_deposit
from tests.support.memory_ledger import DepositedFacts
from tests.support.memory_portal import Condition
from tests.support.offices import light_render
from tests.support.portal_client import StillClock
from tests.support.portal_documents import SELLER as IN_CII
from tests.support.portal_documents import cii
from tests.support.stage_portal import StagePortal
from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.billing.statement import Statement
from worker.portals import (
    DepositAnswer,
    FoundInvoice,
    HeldInvoice,
    IntegrationReport,
    InvoiceHistory,
    ServiceRecord,
    StructureRecord,
)
from worker.portals.choruspro.portal import ChorusPro
from worker.service.demo import SELLER, STORY

FOREVER = 1_000_000
"""Hours or seconds that no test lasts."""


def facturx_render(invoice: Invoice, statement: Statement | None) -> Sequence[Document]:
    """A light deposit that any portal reads: a blank page with the smallest invoice inside."""
    said = DepositedFacts(
        number=invoice.number,
        issue_date=invoice.issue_date,
        recipient=invoice.buyer.siret,
        gross=invoice.totals.gross,
    )
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        content = cii(said).replace(IN_CII.encode(), SELLER.encode())
        pdf.attachments["factur-x.xml"] = pikepdf.AttachedFileSpec(pdf, content)
        target = io.BytesIO()
        pdf.save(target, deterministic_id=True)
    deposited = Document(
        kind=DocumentKind.FACTURX,
        profile="light",
        media_type="application/pdf",
        content=target.getvalue(),
    )
    return (deposited, *light_render(invoice, statement)[1:])


class SecondStage(StagePortal):
    """The stage whose portal is the second one, until it is closed.

    Attributes:
        next_deposits: the switch that each of the next deposits meets.
        ways: switches that hold for every question.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.next_deposits: list[Behaviour] = []
        self.ways: set[Behaviour] = set()
        self._numbers: dict[str, set[str]] = {}
        self._running = ExitStack()
        self._portal = self._running.enter_context(SecondPortal())
        self._portal.configure(supplier=SELLER, token_seconds=FOREVER * 3600)
        self._portal.add_structure(siret=SELLER, name="SYNDICAT")
        for case in STORY:
            services = [Service(case.service, case.service)] if case.service else []
            self._portal.add_structure(siret=case.siret, name=case.name, services=list(services))
        self._waits = StillClock()
        self._client = on_second(
            self._portal, sleep=self._waits.sleep, monotonic=self._waits.monotonic
        )

    def close(self) -> None:
        """End portal and client."""
        with self._running, closing(self._client):
            pass

    @property
    def _asked(self) -> ChorusPro:
        """The client, once the portal is as the test wants it now."""
        self._arrange()
        return self._client

    def _arrange(self) -> None:
        portal = self._portal
        # Durations of the client pass with the test's clock, and never go back with it.
        self._waits.now = max(self._waits.now, self.clock().timestamp())
        portal.disarm()
        portal.freeze(at=self.clock().isoformat())
        portal.configure(by_step=not self.integrates_at_once)
        if self.condition is Condition.DOWN:
            portal.arm(behaviour=Behaviour.LOST_BEFORE)
            portal.arm(behaviour=Behaviour.LOST_BEFORE, operation=Operation.TOKEN)
        for way in self.ways:
            portal.arm(behaviour=way)
        for number in self.not_indexed:
            portal.arm(behaviour=Behaviour.NEVER_SHOWN, number=number)
        for siret in self.refused_recipients:
            for number in self._numbers.get(siret, ()):
                portal.arm(behaviour=Behaviour.REJECTED_THEN_IN, number=number, hours=FOREVER)

    # What is asked.

    def sign_in(self) -> None:
        """By the client."""
        self._asked.sign_in()

    def deposit(self, *, file_name: str, syntax: DepositSyntax, content: bytes) -> DepositAnswer:
        """By the client; the test looks before and after."""
        self.watch(content)
        for document, _ in read_deposit(content):
            self._numbers.setdefault(document.buyer, set()).add(document.number)
        client = self._asked
        if self.next_deposits:
            switch = self.next_deposits.pop(0)
            self._portal.arm(behaviour=switch, operation=Operation.DEPOSIT, requests=1)
        answer = client.deposit(file_name=file_name, syntax=syntax, content=content)
        self.watch_after(content)
        return answer

    def integration_report(self, flux_number: str) -> IntegrationReport:
        """By the client."""
        return self._asked.integration_report(flux_number)

    def find(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        """By the client."""
        return self._asked.find(invoice_number=invoice_number, flux_number=flux_number)

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        """By the client."""
        return self._asked.changed(since, until)

    def issued(self, since: date, until: date) -> tuple[FoundInvoice, ...]:
        """By the client."""
        return self._asked.issued(since, until)

    def history(self, portal_id: str) -> InvoiceHistory:
        """By the client."""
        return self._asked.history(portal_id)

    def held(self, portal_id: str) -> HeldInvoice:
        """By the client."""
        return self._asked.held(portal_id)

    def download(self, portal_id: str) -> bytes:
        """By the client."""
        return self._asked.download(portal_id)

    def report_file(self, flux_number: str) -> bytes | None:
        """By the client."""
        return self._asked.report_file(flux_number)

    def structure(self, siret: str) -> StructureRecord | None:
        """By the client."""
        return self._asked.structure(siret)

    def service(self, structure: StructureRecord, code: str) -> ServiceRecord | None:
        """By the client."""
        return self._asked.service(structure, code)

    # What happens there.

    def integrate(self) -> None:
        """Decide what waits."""
        self._arrange()
        self._portal.step()

    def decide(self, number: str, word: str, comment: str = "") -> None:
        """Let the buyer of an invoice choose a status."""
        self._arrange()
        self._portal.buyer(number=number, status=word, reason=comment)

    def integrated(self) -> list[DepositedFacts]:
        """Every invoice that the portal holds."""
        return [
            DepositedFacts(
                number=one["document"]["number"],
                issue_date=date.fromisoformat(one["document"]["issued"]),
                recipient=one["document"]["buyer"],
                gross=Money.of(Decimal(one["document"]["gross"])),
            )
            for one in self._portal.invoices()
            if one["living"]
        ]
