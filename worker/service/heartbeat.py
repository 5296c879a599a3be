"""The unattended worker: every few minutes it asks "what is due?", and does it.

Nothing here depends on having been awake at one moment: a January spent switched off is caught
up at the next heartbeat. One job at a time, in this process's only working thread.
"""

import json
import signal
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from queue import SimpleQueue
from threading import Event

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.money import count
from worker.billing.period import paris_day
from worker.billing.status import ON_THEIR_WAY, InvoiceStatus
from worker.corrections.todo import advised
from worker.errors import PortalAccessRefused, PortalDown, Refused, WorkerError, WrongUse
from worker.portals import Portal
from worker.service.bootstrap import open_portal
from worker.service.campaign import Progress, move_forward, run_year
from worker.service.systemd import tell_systemd
from worker.storage import Session, due, imported, invoices, journal
from worker.transmission import statuses

_log = structlog.get_logger()
REST = timedelta(hours=12)
"""How long the portal is left alone after it refused our credentials, and at most when it asks for
it; a restart tries at once."""


def serve(app: App, *, once: bool = False) -> None:
    """Work until SIGTERM or SIGINT; the item under way is finished first.

    ``once`` does a single heartbeat: what a timer or a test wants.
    """
    stopping = Event()
    if once:
        if (error := beat(app, stopping.is_set)) is not None:
            raise error
        return
    # Not the event itself: its lock may be held by the very thread that the signal interrupts.
    asked: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: asked.put(received))
    minutes = app.settings.worker.heartbeat_minutes
    scheduler = BackgroundScheduler(
        timezone="UTC",
        # A late beat is run, not dropped; several missed ones are one; never two at a time.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    heartbeat = Heartbeat(app, stopping.is_set)
    scheduler.add_job(
        heartbeat.beat,
        "interval",
        minutes=minutes,
        next_run_time=datetime.now(scheduler.timezone),
        id="heartbeat",
    )
    scheduler.start()
    tell_systemd("READY=1")
    _log.info("worker.started", heartbeat_minutes=minutes)
    asked.get()
    stopping.set()
    tell_systemd("STOPPING=1")
    scheduler.shutdown(wait=True)
    _log.info("worker.stopped")


class Heartbeat:
    """The heartbeats of a process, and the rest it takes when the portal refuses us or asks so."""

    def __init__(self, app: App, stop: Callable[[], bool]) -> None:
        self._app = app
        self._stop = stop
        self._resting_until: datetime | None = None

    def beat(self) -> None:
        """One heartbeat, unless it is time to rest."""
        now = self._app.clock()
        # Further ahead, the clock was wrong when we were refused.
        if self._resting_until is not None and now < self._resting_until <= now + REST:
            tell_systemd("WATCHDOG=1")
            return
        match beat(self._app, self._stop):
            case PortalAccessRefused():
                # Insisting with a wrong password may lock the technical account.
                rest = REST
            case PortalDown(wait=wait):
                rest = min(timedelta(seconds=wait), REST)
            case _:
                return
        self._resting_until = self._app.clock() + rest


def beat(app: App, stop: Callable[[], bool]) -> WorkerError | None:
    """One heartbeat. A failure is logged, shown and returned; the next beat tries again."""
    tell_systemd("WATCHDOG=1")
    try:
        with open_portal(app) if app.deposits else nullcontext() as portal:
            year = due_year(app)
            failure = None if year is None else _bill(app, portal, year, stop)
            if portal is not None and anything_waiting(app):
                portal.sign_in()
                move_forward(app, portal, _note, stop)
    except WorkerError as error:
        return _failed(error)
    if failure is None:
        with app.reading() as session:
            acts = advised(invoices.tracked(session), app.clock(), deposits=app.deposits)
        tell_systemd(f"STATUS={count(len(acts), 'facture')} à traiter par une personne")
    return failure


def _bill(
    app: App, portal: Portal | None, year: int, stop: Callable[[], bool]
) -> WorkerError | None:
    """Run the year; the error when a person must act first: following up goes on."""
    try:
        run_year(app, portal, year, _note, stop)
    except (WrongUse, Refused) as error:
        return _failed(error)
    return None


def _failed(error: WorkerError) -> WorkerError:
    _log.warning("heartbeat.failed", error=type(error).__name__, message=error.message)
    tell_systemd(f"STATUS={error.message}")
    return error


_TO_BILL = frozenset({InvoiceStatus.PARKED, InvoiceStatus.CANCELLED})
"""A cancelled invoice does not count: once its hold is lifted, the year is due again."""


def due_year(app: App) -> int | None:
    """Last year, from the campaign day on, while a member of it has neither number nor holder.

    Parked members are looked at again when anything was imported or done since the last run,
    and otherwise once a day: their correction may have arrived.
    """
    today = paris_day(app.clock())
    month, day = app.settings.billing.campaign_day.split("-")
    if (today.month, today.day) < (int(month), int(day)):
        return None
    year = today.year - 1
    with app.reading() as session:
        members = {member.siret for member in imported.members_of_year(session, year)}
        issued = {
            invoice.siret
            for invoice in invoices.tracked(session, year=year)
            if not invoice.is_credit_note and invoice.status not in _TO_BILL
        }
        if not members - issued or _just_run(session, year, len(members), today):
            return None
    return year


def _just_run(session: Session, year: int, members: int, today: date) -> bool:
    """Whether the last thing ever done is a run of today that looked at every member."""
    last = next(journal.events(session, after=journal.head(session).seq - 1), None)
    return (
        last is not None
        and (last.tag, last.subject) == (EventTag.RUN_ENDED, str(year))
        and sum(json.loads(last.payload).values()) == members
        and paris_day(datetime.fromisoformat(last.at)) == today
    )


def anything_waiting(app: App) -> bool:
    """Whether the portal has anything to be asked or told now."""
    now, told = app.clock(), app.settings.portal
    longest = max(*told.reconcile_after, *told.report_after)
    with app.reading() as session:
        waiting = due.invoices_due(session, ON_THEIR_WAY, now, longest=longest, limit=1)
        return bool(waiting) or statuses.is_due(session, now, told.status_after)


def _note(progress: Progress) -> None:
    tell_systemd("WATCHDOG=1")
    for finding in progress.findings:
        _log.warning("seller.finding", code=finding.code, message=finding.message)
    if (outcome := progress.member) is not None:
        _log.info(
            "member.billed",
            siret=outcome.member.siret,
            result=outcome.result.value,
            number=outcome.number,
            findings=[finding.code for finding in outcome.findings],
        )
    if (invoice := progress.invoice) is not None:
        _log.info(
            "invoice.moved",
            step=progress.step.value,
            number=invoice.number,
            status=invoice.status.value,
            flux=invoice.flux_number,
        )
