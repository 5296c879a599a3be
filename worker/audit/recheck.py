"""In the background, a slice of the issued documents is computed again at each heartbeat.

Where it is stands in a file of the data folder: lost, the round begins anew, and nothing else.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from worker.app import App
from worker.audit.recomputation import Books, Recomputed, recompute, recompute_one
from worker.errors import Finding, has_blocking
from worker.isolation.files import read_bounded, replace_regular
from worker.storage import Session, invoices

FILE = "recomputation.json"
LARGEST = 10_000
MOST_KEPT = 20
"""Documents that differ and are looked at again each time: ``journal verify`` tells all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How far the round is.

    Attributes:
        after: the id of the last document that was computed again; 0 at the beginning.
        differing: ids of documents that were found to differ.
    """

    after: int = 0
    differing: tuple[int, ...] = ()


def slice_size(total: int, beat: timedelta, within: timedelta) -> int:
    """How many documents are computed again at one heartbeat.

    Twice what the time asks for: half of the heartbeats may be missed.
    """
    return max(1, -(-2 * total * beat // within))


def recheck(app: App, tell: Callable[[Recomputed], None]) -> Round:
    """Compute the next slice again, and first what was found to differ; returns what is next."""
    settings = app.settings
    folder = app.data_folder
    present = last_round(folder)
    with app.reading() as session:
        most = slice_size(
            invoices.issued_count(session),
            timedelta(minutes=settings.worker.heartbeat_minutes),
            timedelta(days=settings.audit.recompute_days),
        )
    after, differing = present.after, dict.fromkeys(present.differing)
    for document in recompute(app.store, only=present.differing):
        if not has_blocking(document.findings):
            differing.pop(document.id, None)
    for document in recompute(app.store, after=after, most=most):
        after = document.id
        if has_blocking(document.findings):
            differing[document.id] = None
        tell(document)
    with app.reading() as session:
        more = invoices.issued_ids(session, after, 1)
    done = Round(after=after if more else 0, differing=tuple(differing)[:MOST_KEPT])
    if done != present:
        with suppress(OSError):  # the same slice again, next time
            replace_regular(folder / FILE, json.dumps(asdict(done)).encode())
    return done


def altered(app: App, session: Session) -> tuple[Finding, ...]:
    """What is wrong now with the documents that were found to differ."""
    ids = last_round(app.data_folder).differing
    if not ids:
        return ()
    books = Books(session)
    return tuple(
        finding
        for invoice_id in ids
        if invoices.issued_ids(session, invoice_id - 1, 1) == (invoice_id,)
        for finding in recompute_one(books, invoice_id).findings
    )


def last_round(folder: Path) -> Round:
    """How far it was; from the beginning when the file is absent or cannot be read."""
    try:
        told = json.loads(read_bounded(folder / FILE, LARGEST))
        return Round(after=int(told["after"]), differing=tuple(map(int, told["differing"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Round()
