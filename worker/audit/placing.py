"""Places the checkpoints of the journal, and copies them beside the database.

One is placed when a campaign ends, and for each day on which something was journalled, at the
first heartbeat of another day. Its line goes behind those of ``checkpoints.jsonl``, which can be
made again from the journal; what counts are the copies of it that are kept elsewhere.
"""

from datetime import date, datetime
from pathlib import Path

import structlog

from worker.app import App
from worker.audit.checkpoints import FILE, PLACED, lines, present_lines
from worker.billing.checkpoint import ABOUT_THE_JOURNAL, COUNTED, Tally
from worker.billing.journal import EventTag, JournalEvent
from worker.billing.period import paris_day
from worker.errors import StorageUnavailable
from worker.isolation.files import append_regular
from worker.settings.rights import told
from worker.storage import Session, Transaction, journal
from worker.storage.tables import as_written

SUBJECT = "journal"
_log = structlog.get_logger()


def place(app: App) -> JournalEvent | None:
    """Place a checkpoint, unless nothing was journalled since the last one; returns the new one.

    A line that cannot be written is logged, and written with the next one.
    """
    with app.reading() as session:
        if _unproved(session) is None:
            return None
    with app.transaction() as tx:
        tx.journal(EventTag.JOURNAL_CHECKPOINT, SUBJECT, **_payload(tx))
    try:
        write_lines(app)
    except StorageUnavailable as error:
        _log.warning("checkpoints.not_written", message=error.message)
    with app.reading() as session:
        return journal.last(session, tags=PLACED)


def place_daily(app: App) -> JournalEvent | None:
    """Place one when something was journalled on another day of Paris, and is in none yet."""
    with app.reading() as session:
        waiting = _unproved(session)
    if waiting is None or _day_of(waiting) == paris_day(app.clock()):
        return None
    return place(app)


def _unproved(session: Session) -> JournalEvent | None:
    """The first event about the books behind the last checkpoint."""
    last = journal.last(session, tags=PLACED)
    return journal.first(session, after=last.seq if last else 0, without=ABOUT_THE_JOURNAL)


def _day_of(event: JournalEvent) -> date:
    with as_written(f"l'événement n° {event.seq} du journal"):
        return paris_day(datetime.fromisoformat(event.at))


def _payload(tx: Transaction) -> dict[str, object]:
    tally = Tally()
    for event in journal.events(tx, tags=COUNTED):
        with as_written(f"l'événement n° {event.seq} du journal"):
            tally.add(event)
    return tally.payload(journal.head(tx))


def write_lines(app: App) -> Path:
    """Write behind ``checkpoints.jsonl`` every line that it lacks; returns its path.

    A line that a crash left unfinished is written again.

    Raises:
        StorageUnavailable: the folder or the file refuses.
    """
    path = app.configuration.data_folder / FILE
    with app.reading() as session:
        ours = [f"{line.text}\n".encode() for line in lines(session)]
    try:
        present = present_lines(path)
        known = set(present.splitlines(keepends=True))
        missing = b"".join(line for line in ours if line not in known)
        whole = present.rfind(b"\n") + 1
        if whole < len(present) and not missing.startswith(present[whole:]):
            whole, missing = len(present), b"\n" + missing
        if missing:
            append_regular(path, missing, behind=whole)
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error
    return path
