"""A whole office for the tests: demonstration data, a movable clock, a portal in memory.

The demonstration folder is made once, and copied for each test: cheap, and nothing is shared.
``real`` keeps the true documents; otherwise a light text stands for them, and a year is issued in
a moment.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.support.shared import made_once
from tests.support.stage_portal import StagePortal
from tests.support.validation_service import service
from worker.app import App, Clock
from worker.audit.verification import verify_books
from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.journal import ROWS, EventTag, JournalHead
from worker.billing.statement import Statement
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.corrections.credit import Request, confirm_state, issue_credit_note
from worker.corrections.resend import mark_uncertain, resend
from worker.corrections.todo import todo
from worker.corrections.todo_sentences import sentence
from worker.formats import ALWAYS, Branding
from worker.imports import ImportKind
from worker.imports.intake import take_in
from worker.issuing.batch import MemberOutcome, MemberResult, issue_year
from worker.issuing.go_ahead import open_campaign
from worker.issuing.holds import lift_hold
from worker.issuing.preview import campaign_figures
from worker.issuing.render import CheckedDocument, RenderChecked, render_checked
from worker.service import campaign
from worker.service.bootstrap import open_verified
from worker.service.demo import EXAMPLES, FILES, STORY, write_demo
from worker.service.opening import open_app
from worker.storage import (
    attempts,
    invoices,
    journal,
    observations,
)
from worker.storage.attempts import (
    Attempt,
)
from worker.storage.documents import StoredDocument, documents_of
from worker.storage.observations import (
    Observation,
)
from worker.storage.source_files import imported_files
from worker.transmission.deposit import DepositResult, deposit_due, recover_interrupted
from worker.transmission.integration import follow_due
from worker.transmission.reconcile import reconcile_due
from worker.validation import Report, RuleSet

YEAR = 2025
CAMPAIGN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PARKED = next(case.siret for case in STORY if case.owed)
"""The member whose engagement is missing."""
SEARCHES = [15, 60, 240]
"""Minutes between the searches of an uncertain deposit."""


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
def real_render_checked() -> RenderChecked:
    """The true documents, with one validation process for all tests."""
    return partial(
        render_checked,
        look=Branding(),
        profiles=ALWAYS,
        pages=ThreadPoolExecutor(2),
        check=service().submit,
    )


@dataclass(slots=True, kw_only=True)
class Desk:
    """One office, its portal and its clock, and what a test wants to see of them."""

    config: Path
    clock: MovableClock
    portal: StagePortal
    app: App
    real: bool = False
    render: Callable[[Invoice, Statement | None], Sequence[Document]] = field(default=light_render)
    check: Callable[[Document], CheckedDocument] = field(default=light_check)
    executor: Executor | None = None

    @property
    def folder(self) -> Path:
        """The demonstration."""
        return self.config.parent

    def told(self, **portal: object) -> None:
        """Have some settings of the portal be others from now on."""
        settings = self.app.settings
        changed = settings.model_copy(update={"portal": settings.portal.model_copy(update=portal)})
        configuration = replace(self.app.configuration, settings=changed)
        self.app = replace(self.app, configured=configuration)

    def second(self) -> "Desk":
        """Another process on the same database and portal."""
        app = open_verified(self.config, self.clock)
        return replace(self, app=replace(app, actor="other@elsewhere:1"))

    @property
    def rendering(self) -> RenderChecked:
        """Light documents, unless the desk is ``real``."""
        return real_render_checked() if self.real else self.light_render_checked

    def light_render_checked(
        self, invoice: Invoice, statement: Statement | None
    ) -> tuple[CheckedDocument, ...]:
        """Light documents, found valid unless the test says otherwise."""
        return tuple(self.check(document) for document in self.render(invoice, statement))

    def bring(self, name: str, kind: ImportKind) -> None:
        """Import one of the example files."""
        path = self.folder / EXAMPLES / name
        take_in(self.app, path, kind)

    def write(self, kind: ImportKind, *rows: str) -> None:
        """Import rows: a header, then records."""
        name = f"{kind.value}-{len(list((self.folder / EXAMPLES).iterdir()))}.csv"
        (self.folder / EXAMPLES / name).write_text("\n".join(rows) + "\n", "utf-8")
        self.bring(name, kind)

    def open_campaign(self, year: int = YEAR) -> None:
        """A person says that a year may be billed."""
        open_campaign(self.app, year, campaign_figures(self.app, year), "essai")

    def issue(self, stop: Callable[[], bool] = campaign.never) -> list[MemberOutcome]:
        """The batch."""
        with self.app.at_work():
            batch = issue_year(self.app, self.portal, self.rendering, YEAR, stop, self.executor)
            return list(batch)

    def run(
        self,
        tell: campaign.Tell = lambda _: None,
        stop: campaign.Stop = campaign.never,
        *,
        year: int = YEAR,
        deposits: bool = True,
    ) -> JournalHead:
        """The January batch."""
        return campaign.run_year(
            self.app,
            self.portal if deposits else None,
            year,
            tell,
            stop,
            rendering=lambda _app: nullcontext(self.rendering),
        )

    def deposit(self) -> list[DepositResult]:
        """Deposit what is due."""
        results: list[DepositResult] = []
        with self.app.at_work():
            deposit_due(self.app, self.portal, results.append)
        return results

    def recover(self) -> int:
        """Take over what a dead process left."""
        return recover_interrupted(self.app)

    def reconcile(self) -> list[TrackedInvoice]:
        """Look for what is uncertain and due."""
        looked: list[TrackedInvoice] = []
        with self.app.at_work():
            reconcile_due(self.app, self.portal, looked.append)
        return looked

    def search_to_the_end(self) -> None:
        """Reconcile until the whole window is over."""
        for minutes in SEARCHES:
            self.clock.advance(minutes=minutes)
            self.reconcile()

    def follow(self, stop: Callable[[], bool] = campaign.never) -> list[TrackedInvoice]:
        """Ask what is due."""
        asked: list[TrackedInvoice] = []
        with self.app.at_work():
            follow_due(self.app, self.portal, asked.append, stop)
        return asked

    def resend(self, number: str, **references: str) -> TrackedInvoice:
        """Send again, for the reason of the test."""
        return resend(self.app, self.portal, self.rendering, number, "essai", **references)

    def give_up(self, number: str) -> None:
        """Have a stuck deposit looked for, in vain, until nothing more is expected of it."""
        mark_uncertain(self.app, number, "sans suite")
        for _ in range(4):
            self.reconcile()
            self.clock.advance(hours=4)

    def credit(self, number: str, *, deposits: bool = True, **asked: Any) -> TrackedInvoice:  # noqa: ANN401 - fields of the request
        """A credit note, for the reason of the test."""
        request = Request(number=number, reason="essai", **asked)
        if deposits:
            confirm_state(self.app, self.portal, number)
        return issue_credit_note(
            self.app, self.portal if deposits else None, self.rendering, request
        )

    def lift_hold(self, siret: str, year: int = YEAR) -> None:
        """A person lets a member be billed again (``unpark``)."""
        with self.app.transaction() as tx:
            lift_hold(tx, siret, year, "corrigé", deposits=True)

    def is_sound(self) -> bool:
        """Whether journal, books and archive agree."""
        return verify_books(self.app.store) == ()

    def invoices(self) -> tuple[TrackedInvoice, ...]:
        """All, by number."""
        with self.app.store.reading() as session:
            return invoices.tracked(session)

    def one(self, number: str) -> TrackedInvoice:
        """The invoice of this number, as it is now."""
        with self.app.store.reading() as session:
            found = invoices.by_number(session, number)
        assert found is not None
        return found

    def advice(self, number: str) -> str:
        """What a person is told to do about the invoice of this number, now; may be empty."""
        advice = todo(self.one(number), self.clock())
        return "" if advice is None else sentence(advice)

    def attempts(self, number: str) -> tuple[Attempt, ...]:
        """Every deposit call of an invoice."""
        with self.app.store.reading() as session:
            return attempts.attempts(session, self.one(number).id)

    def observations(self, number: str) -> tuple[Observation, ...]:
        """Everything the portal said of an invoice."""
        with self.app.store.reading() as session:
            return observations.observations(session, self.one(number).id)

    def documents(self, number: str, version: int | None = None) -> tuple[StoredDocument, ...]:
        """What is kept of an invoice."""
        with self.app.store.reading() as session:
            documents = documents_of(session, self.one(number).id)
        return tuple(one for one in documents if version in (None, one.version))

    def events(self, *tags: EventTag) -> list[tuple[str, dict[str, Any]]]:
        """Subject and payload of the journal's events of these tags, in order.

        Without what they hold of the rows of the database.
        """
        with self.app.store.reading() as session:
            told = [
                (event.subject, json.loads(event.payload))
                for event in journal.events(session)
                if (event.tag in tags if tags else event.tag != EventTag.ROWS_WRITTEN)
            ]
        for _, payload in told:
            payload.pop(ROWS, None)
        return told

    def archived(self) -> dict[str, bytes]:
        """Every file of the archive, but those that were imported."""
        folder = self.app.store.archive.folder
        with self.app.reading() as session:
            brought = {file.kept_sha256 for _, file in imported_files(session)}
        return {
            path.name: path.read_bytes() for path in folder.glob("*/*") if path.name not in brought
        }


AT_WORK = ExitStack()
"""What keeps the databases of desks open until their test ends: to open one takes long."""


def numbers(outcomes: Sequence[MemberOutcome]) -> list[str]:
    """The numbers of those issued by a run."""
    return [o.number for o in outcomes if o.result is MemberResult.ISSUED]


def counters(desk: Desk) -> list[int]:
    """The last value of each series."""
    with desk.app.store.reading() as session:
        rows = session.connection().exec_driver_sql("SELECT last_value FROM number_series")
        return [int(value) for (value,) in rows]


def open_desk(
    session_folder: Path,
    folder: Path,
    *,
    real: bool = False,
    issued: int = 0,
    opened: bool = True,
) -> Desk:
    """A copy of the demonstration in ``folder``, its four files imported.

    Args:
        session_folder: where the original is kept for the whole session.
        folder: of the test.
        real: true documents.
        issued: that many invoices are there already, with light documents.
        opened: whether a person said that the year may be billed.
    """
    make = partial(_make, issued=issued, opened=opened)
    original = made_once(session_folder, f"office-{issued}-{opened}", make)
    # Not the folder itself: pytest made it.
    shutil.copytree(original, folder / "office")
    # The original was verified when it was made, and copied as it was.
    desk = _sit_down(folder / "office", real=real, opened=open_app)
    AT_WORK.enter_context(desk.app.store.at_work())
    return desk


def open_waiting_desk(session_folder: Path, folder: Path) -> Desk:
    """Two invoices deposited a minute ago, that wait for their verdict."""
    desk = open_desk(session_folder, folder, issued=2)
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(minutes=1)
    return desk


def in_the_buyers_hands(desk: Desk) -> Desk:
    """What was deposited is integrated, and a day has passed."""
    desk.portal.integrate()
    desk.follow()
    desk.clock.advance(days=1)
    assert {i.status for i in desk.invoices()} == {InvoiceStatus.INTEGRATED}
    return desk


def _make(folder: Path, issued: int, *, opened: bool) -> None:
    config = write_demo(folder, YEAR, len(STORY), 1)
    text = config.read_text("utf-8")
    shipped = text.replace("reconcile_minutes = [0]", f"reconcile_minutes = {SEARCHES}")
    config.write_text(shipped.replace("report_minutes = [0, 1, 2,", "report_minutes = [1, 2,"))
    desk = _sit_down(folder, real=False)
    for name in FILES:
        desk.bring(f"{name}.csv", ImportKind(name))
    if opened:
        desk.open_campaign()
    for _ in zip(
        range(issued), issue_year(desk.app, desk.portal, desk.rendering, YEAR), strict=False
    ):
        pass
    desk.app.store.engine.dispose()


def _sit_down(
    folder: Path, *, real: bool, opened: Callable[[Path, Clock], App] = open_verified
) -> Desk:
    clock = MovableClock()
    config = folder / "worker.toml"
    return Desk(
        config=config,
        clock=clock,
        portal=StagePortal(clock),
        app=opened(config, clock),
        real=real,
    )
