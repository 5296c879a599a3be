"""The unattended worker: every few minutes it asks "what is due?", and does it.

Nothing here depends on having been awake at one moment: a January spent switched off is caught
up at the next heartbeat. One job at a time, in this process's only working thread.
"""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from threading import Event

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from worker.app import App
from worker.audit.anchors import anchor
from worker.audit.placing import place_daily
from worker.audit.recheck import recheck
from worker.audit.recomputation import Recomputed
from worker.billing.checkpoint import ABOUT_THE_JOURNAL
from worker.billing.journal import EventTag
from worker.billing.money import count
from worker.billing.period import paris_day
from worker.billing.status import ON_THEIR_WAY
from worker.corrections.waiting import waiting
from worker.errors import (
    PortalAccessRefused,
    PortalDown,
    PortalError,
    Refused,
    StorageUnavailable,
    UnreadableRecord,
    WorkerError,
    WrongUse,
)
from worker.issuing.batch import MemberResult
from worker.issuing.go_ahead import unbilled_year
from worker.mailing.contacts import purge as purge_contacts
from worker.portals import Portal
from worker.service.bootstrap import open_portal
from worker.service.campaign import Progress, move_forward, run_year
from worker.service.failures import FailureRecord
from worker.service.reports import report_after_run
from worker.service.site import publish
from worker.service.stop_request import StopRequest
from worker.service.systemd import tell_systemd, watchdog_pace
from worker.settings.rights import descriptor_limit
from worker.storage import Session, campaigns, due, journal
from worker.storage.alterations import require_intact
from worker.storage.documents import require_archive
from worker.storage.tables import as_written
from worker.transmission import statuses

_log = structlog.get_logger()
REST = timedelta(hours=12)
"""How long the portal is left alone after it refused our credentials, and at most when it asks for
it; a restart tries at once."""
MOST_IN_A_ROW = 3
"""Heartbeats that fail by a defect, or for want of database, disk or archive: then it ends."""
LATE = timedelta(minutes=5)
"""By how much a heartbeat may be late, before the service manager is no longer told we live."""
ALIVE = "WATCHDOG=1"


def serve(app: App, *, once: bool = False) -> None:
    """Work until SIGTERM or SIGINT; the item under way is finished first.

    ``once`` does a single heartbeat: what a timer or a test wants.

    Raises:
        WorkerError: so many heartbeats failed in a row that the service manager must act.
    """
    stopping = Event()
    if once:
        if (error := Heartbeat(app, stopping.is_set).beat()) is not None:
            raise error
        return
    request = StopRequest()
    request.listen()
    heartbeat = Heartbeat(app, stopping.is_set, request.give_up)
    minutes = app.settings.worker.heartbeat_minutes
    scheduler = BackgroundScheduler(
        timezone="UTC",
        # A late beat is run, not dropped; several missed ones are one; never two at a time.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
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
    longest = timedelta(minutes=minutes) + LATE
    while not request.comes_within(watchdog_pace()):
        # Between two heartbeats that are on time, the service manager is told we live.
        if heartbeat.is_at_rest(longest):
            tell_systemd(ALIVE)
    stopping.set()
    tell_systemd("STOPPING=1")
    scheduler.shutdown(wait=True)
    heartbeat.close()
    _log.info("worker.stopped")
    if request.failure is not None:
        raise request.failure


class Heartbeat:
    """The heartbeats of a process: its rests, and its failures in a row.

    It rests when the portal refuses us or asks so. ``give_up`` is told of the failure that is one
    too many; what waits for the portal or for a person is none of these.
    """

    def __init__(
        self,
        app: App,
        stop: Callable[[], bool],
        give_up: Callable[[WorkerError], None] = lambda _: None,
    ) -> None:
        self._app = app
        self._stop = stop
        self._give_up = give_up
        self._record = FailureRecord(app.configuration.data_folder)
        self._resting_until: datetime | None = None
        self._in_a_row = 0
        self._began: float | None = None
        self._ended = time.monotonic()

    def close(self) -> None:
        """Close the record of failures."""
        self._record.close()

    def is_at_rest(self, longest: timedelta) -> bool:
        """Whether no heartbeat is under way, and none is late."""
        waited = time.monotonic() - self._ended
        return self._began is None and waited <= longest.total_seconds()

    def beat(self) -> WorkerError | None:
        """One heartbeat, unless it is time to rest; its failure."""
        now = self._app.clock()
        # Further ahead, the clock was wrong when we were refused.
        if self._resting_until is not None and now < self._resting_until <= now + REST:
            self._ended = time.monotonic()
            tell_systemd(ALIVE)
            return None
        self._began = time.monotonic()
        failure = beat(self._app, self._stop)
        self._began, self._ended = None, time.monotonic()
        match failure:
            case PortalAccessRefused():
                # Insisting with a wrong password may lock the technical account.
                self._resting_until = self._app.clock() + REST
            case PortalDown(wait=wait):
                self._resting_until = self._app.clock() + min(timedelta(seconds=wait), REST)
            case _:
                pass
        self._count(failure)
        return failure

    def _count(self, failure: WorkerError | None) -> None:
        match failure:
            case None:
                self._in_a_row = 0
                self._record.clear()
            case PortalError():
                pass  # nothing for a person to do: todo.py tells when nothing leaves for days
            case PortalAccessRefused() | WrongUse() | Refused() | UnreadableRecord():
                self._record.keep(failure, self._app.clock(), 0)
            case _:
                self._in_a_row += 1
                self._record.keep(failure, self._app.clock(), self._in_a_row)
                if self._in_a_row >= MOST_IN_A_ROW:
                    self._give_up(failure)
                return
        tell_systemd(ALIVE)


def beat(app: App, stop: Callable[[], bool]) -> WorkerError | None:
    """One heartbeat. A failure is logged, shown and returned; the next beat tries again."""
    try:
        failure = _beat(app, stop)
    except WorkerError as error:
        failure = _failed(error)
    except Exception as error:  # noqa: BLE001 - a defect: told, counted, and three end the process
        return _failed(error)
    match failure:
        case None | PortalError() | PortalAccessRefused() | WrongUse() | Refused():
            stale = publish(app, _alive, stop, _defect)
        case _:
            return failure  # books or disk: what was published last stays
    if failure is None and stale is not None:
        tell_systemd(f"STATUS={stale.message}")
        return stale
    if failure is None:
        with app.reading() as session:
            left = len(waiting(app, session))
        tell_systemd(f"STATUS={count(left, 'point')} à traiter par une personne")
    return failure


def _beat(app: App, stop: Callable[[], bool]) -> WorkerError | None:
    with app.reading() as session:
        require_archive(session, app.store.archive)
        require_intact(session)
    with app.at_work():
        place_daily(app)
        purge_contacts(app)
        recheck(app, _recomputed)
    anchor(app, _alive)
    with (
        app.at_work(),
        open_portal(app, _alive) if app.deposits else nullcontext() as portal,
    ):
        year = due_year(app)
        failure = None if year is None else _bill(app, portal, year, stop)
        if portal is not None and anything_waiting(app):
            portal.sign_in()
            move_forward(app, portal, _note, stop)
    return failure


def _bill(
    app: App, portal: Portal | None, year: int, stop: Callable[[], bool]
) -> WorkerError | None:
    """Run the year; the error when a person must act first: following up goes on."""
    try:
        run_year(app, portal, year, _note, stop)
    except (WrongUse, Refused) as error:
        return _failed(error)
    report_after_run(app, year)
    return None


def _failed(error: Exception) -> WorkerError:
    """Log it in one line, and show it; a defect as such, with its trace in the line."""
    limit = descriptor_limit(error)
    if limit is not None:
        known: WorkerError = StorageUnavailable(*limit)
    else:
        known = error if isinstance(error, WorkerError) else _defect(error)
    _log.warning(
        "heartbeat.failed",
        error=type(error).__name__,
        message=known.message,
        exc_info=None if limit or known is error else error,
    )
    tell_systemd(f"STATUS={known.message}")
    return known


def _defect(error: Exception) -> WorkerError:
    return WorkerError(
        f"Défaut du programme au dernier battement ({type(error).__name__} : {error}).",
        "Transmettez la ligne « heartbeat.failed » des journaux techniques à qui maintient le "
        "programme.",
    )


def _alive() -> None:
    tell_systemd(ALIVE)


def due_year(app: App) -> int | None:
    """The year to bill now: a person opened its campaign, and some member is left.

    Parked members are looked at again when anything was imported or done since the last run,
    and otherwise once a day: their correction may have arrived.
    """
    today = paris_day(app.clock())
    with app.reading() as session:
        due = unbilled_year(app, session)
        if due is None or _just_run(session, due.year, due.members, today):
            return None
        if campaigns.opened(session, due.year) is None:
            _log.info("campaign.not_open", year=due.year, left=due.left)
            return None
    return due.year


def _just_run(session: Session, year: int, members: int, today: date) -> bool:
    """Whether the last thing done in the books is a run of today that looked at every member."""
    with as_written("le dernier événement du journal (table journal_event)", whole=True):
        last = journal.last(session, without=ABOUT_THE_JOURNAL)
        if last is None or (last.tag, last.subject) != (EventTag.RUN_ENDED, str(year)):
            return False
        said = json.loads(last.payload)
        looked_at = sum(said.get(result, 0) for result in MemberResult)
        return looked_at == members and paris_day(datetime.fromisoformat(last.at)) == today


def anything_waiting(app: App) -> bool:
    """Whether the portal has anything to be asked or told now."""
    now, told = app.clock(), app.settings.portal
    longest = max(*told.reconcile_after, *told.report_after)
    with app.reading() as session:
        waiting = due.invoices_due(session, ON_THEIR_WAY, now, longest=longest, limit=1)
        return bool(waiting) or statuses.is_due(session, now, told.status_after)


def _recomputed(document: Recomputed) -> None:
    _alive()
    for finding in document.findings:
        _log.error("invoice.recomputed", number=document.number, message=finding.message)


def _note(progress: Progress) -> None:
    _alive()
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
