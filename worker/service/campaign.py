"""Moves a year forward: issue, deposit, reconcile, follow. What ``run`` and ``serve`` both do.

Each step asks "what is due?", so that a campaign stopped anywhere goes on where it was.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from worker.accounting.settlements import settle_paid
from worker.app import App
from worker.audit.placing import place
from worker.billing.journal import EventTag, JournalHead
from worker.billing.status import ON_THEIR_WAY, TrackedInvoice
from worker.errors import (
    DepositsRefused,
    Finding,
    PortalAnswerError,
    SellerUnfit,
    UnreadableRecord,
    has_blocking,
)
from worker.issuing.batch import LOOK_AHEAD, MemberOutcome, MemberResult, issue_year
from worker.issuing.directory import Directory
from worker.issuing.go_ahead import is_open, require_go
from worker.issuing.render import RenderChecked
from worker.portals import Portal
from worker.service.bootstrap import rendering
from worker.storage import due, invoices, journal
from worker.transmission.beyond import look_beyond
from worker.transmission.deposit import deposit_due, recover_interrupted
from worker.transmission.integration import follow_due
from worker.transmission.reconcile import reconcile_due


class Step(StrEnum):
    """The steps, as progress shows them."""

    VET = "vet"
    ISSUE = "issue"
    DEPOSIT = "deposit"
    RECONCILE = "reconcile"
    FOLLOW = "follow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One thing done: a member billed or parked, an invoice that moved, or what was found of us."""

    step: Step
    findings: tuple[Finding, ...] = ()
    member: MemberOutcome | None = None
    invoice: TrackedInvoice | None = None


Tell = Callable[[Progress], None]
Rendering = Callable[[App], AbstractContextManager[RenderChecked]]
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What one step came to: the invoices it looked at, and when something is due again."""

    invoices: tuple[TrackedInvoice, ...]
    next_look: datetime | None


def never() -> bool:
    """Never stop."""
    return False


def run_year(
    app: App,
    portal: Portal | None,
    year: int,
    tell: Tell,
    stop: Stop = never,
    *,
    rendering: Rendering = rendering,
) -> JournalHead:
    """The January batch for a year, ended by a checkpoint; returns where the journal ends.

    ``rendering`` opens what renders and checks the documents.

    Raises:
        Refused: no person opened the campaign of the year, or it is not over; nothing was begun.
        SellerUnfit: the portal would refuse all of it; nothing was begun.
        Refused: also while the portal holds documents of our series that the books do not know.
        TariffError, PortalDown, PortalAccessRefused, StorageUnavailable: the step that
            could not go on; everything before it is kept, and running again continues.
    """
    require_go(app, year)
    if portal is not None:
        portal.sign_in()
        vet_seller(app, portal, tell)
        look_beyond(app, portal)
    _journal(app, EventTag.RUN_STARTED, year)
    counts = dict.fromkeys(map(str, MemberResult), 0)
    try:
        with (
            app.at_work(),
            rendering(app) as render,
            ThreadPoolExecutor(LOOK_AHEAD, "documents") as executor,
        ):
            # A go that is taken back meanwhile ends the issuing; what is issued goes on.
            ended = partial(_has_ended, app, year, stop)
            for outcome in issue_year(app, portal, render, year, ended, executor):
                counts[outcome.result] += 1
                tell(Progress(step=Step.ISSUE, member=outcome))
        if portal is None:
            settle_paid(app)
        else:
            move_forward(app, portal, tell, stop)
    finally:
        _journal(app, EventTag.RUN_ENDED, year, **counts)
        place(app)
    with app.reading() as session:
        return journal.head(session)


def _has_ended(app: App, year: int, stop: Stop) -> bool:
    return stop() or not is_open(app, year)


def vet_seller(app: App, portal: Portal, tell: Tell) -> None:
    """Tell what the portal finds wrong with us. Raises SellerUnfit when it would refuse all."""
    findings = Directory(app=app, portal=portal).ourselves().findings
    if has_blocking(findings):
        raise SellerUnfit(
            "Chorus Pro refuserait toutes les factures du syndicat : rien n'a été émis.",
            "Corrigez ce qui est signalé, puis retapez la commande ; « check » le vérifie.",
            findings=findings,
        )
    if findings:
        tell(Progress(step=Step.VET, findings=findings))


def move_forward(app: App, portal: Portal, tell: Tell, stop: Stop = never) -> None:
    """The waiting half, once: take over what was interrupted, then every step that is due.

    Raises:
        PortalAnswerError, DepositsRefused: a step stopped at answers that cannot be used, or at
            refusals for one reason; the others were done.
        UnreadableRecord: rows about one invoice cannot be read; the others were done.
        PortalError, PortalAccessRefused: the portal is not to be asked anything more now.
    """
    stopped: list[PortalAnswerError | DepositsRefused | UnreadableRecord] = []
    for step in (reconcile, deposit, follow):
        try:
            with app.at_work():
                step(app, portal, tell, stop)
        except (PortalAnswerError, DepositsRefused, UnreadableRecord) as error:
            stopped.append(error)
    for invoice in settle_paid(app):
        tell(Progress(step=Step.FOLLOW, invoice=invoice))
    if stopped:
        raise stopped[0]


def deposit(app: App, portal: Portal, tell: Tell, stop: Stop = never) -> None:
    """Deposit what is issued and due."""
    recover_interrupted(app)
    report = _reporting(tell, Step.DEPOSIT)
    deposit_due(app, portal, lambda result: report(result.invoice), stop)


def reconcile(app: App, portal: Portal, tell: Tell, stop: Stop = never) -> None:
    """Look for uncertain deposits that are due."""
    recover_interrupted(app)
    reconcile_due(app, portal, _reporting(tell, Step.RECONCILE), stop)


def follow(app: App, portal: Portal, tell: Tell, stop: Stop = never) -> None:
    """Ask for news of what is pending and due."""
    follow_due(app, portal, _reporting(tell, Step.FOLLOW), stop)


def _reporting(tell: Tell, step: Step) -> Callable[[TrackedInvoice], None]:
    return lambda invoice: tell(Progress(step=step, invoice=invoice))


def take_step(
    app: App, portal: Portal, step: Callable[[App, Portal, Tell], None], tell: Tell
) -> StepOutcome:
    """One of the steps above, alone. Raises what it raises."""
    moved: dict[int, None] = {}

    def note(progress: Progress) -> None:
        if progress.invoice is not None:
            moved[progress.invoice.id] = None
        tell(progress)

    portal.sign_in()
    with app.at_work():
        step(app, portal, note)
    with app.reading() as session:
        return StepOutcome(
            invoices=tuple(invoices.by_id(session, invoice_id) for invoice_id in moved),
            next_look=due.next_look(session, ON_THEIR_WAY),
        )


def _journal(app: App, tag: EventTag, year: int, **counts: int) -> None:
    with app.transaction() as tx:
        tx.journal(tag, str(year), **counts)
