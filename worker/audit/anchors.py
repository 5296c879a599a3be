"""Anchors: a time-stamping authority signs the hash of a checkpoint, and so all that came before.

What waits is the newest checkpoint without token: one over an older checkpoint, asked for later,
would prove nothing more. An authority that is away stops nothing: the next heartbeat or ``run``
asks again.
"""

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from worker.app import App
from worker.audit import timestamps
from worker.audit.checkpoints import unanchored
from worker.audit.placing import SUBJECT
from worker.audit.timestamps import MOST_ROOTS, SAYS, Problem, Stamp
from worker.billing.journal import EventTag, JournalEvent
from worker.errors import IntegrityError, StorageUnavailable
from worker.isolation.files import read_bounded
from worker.portals.http.attempt import HttpAnswer, HttpRequest, NoAnswer, Transport
from worker.settings.rights import told
from worker.storage.tables import utc_text

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchoring:
    """What became of a try.

    Attributes:
        stamp: what the authority signed; None when it did not.
        problem: why not, a French sentence.
    """

    checkpoint: JournalEvent
    stamp: Stamp | None = None
    problem: str = ""


def anchor(app: App, heard: Callable[[], None] = lambda: None) -> Anchoring | None:
    """Have the newest checkpoint stamped; None when no authority is configured or none waits.

    ``heard`` is called once the authority answered, or did not.
    """
    url, roots = app.settings.journal.timestamp_url, app.configuration.timestamp_certificates
    if not url or roots is None:
        return None
    with app.reading() as session:
        waiting = unanchored(session)
    if not waiting:
        return None
    checkpoint = waiting[-1]
    try:
        stamp = _stamped(app, url, roots, checkpoint, heard)
    except OSError as error:
        return _in_vain(checkpoint, " ".join(told(error, roots)))
    except (IntegrityError, StorageUnavailable) as error:
        return _in_vain(checkpoint, error.message)
    if isinstance(stamp, str):
        return _in_vain(checkpoint, stamp)
    return Anchoring(checkpoint=checkpoint, stamp=stamp)


def _stamped(
    app: App, url: str, roots: Path, checkpoint: JournalEvent, heard: Callable[[], None]
) -> Stamp | str:
    """Ask, verify, keep and journal; what the authority signed, or why nothing is kept of it.

    Raises:
        OSError: the trusted certificates cannot be read.
        IntegrityError, StorageUnavailable: the archive or the database refuses.
    """
    trusted = read_bounded(roots, MOST_ROOTS)
    if not timestamps.are_certificates(trusted):
        return f"{roots} : {SAYS[Problem.ROOTS]}."
    request = timestamps.request_for(checkpoint)
    token = _ask(app, url, request.as_bytes(), heard)
    if isinstance(token, str):
        return token
    placed = datetime.fromisoformat(checkpoint.at)
    stamp = timestamps.proven(token, trusted, checkpoint.hash, placed, request.nonce)
    if isinstance(stamp, Problem):
        return f"{SAYS[stamp]}."
    kept, kept_roots = app.store.archive.put_all([token, trusted])
    with app.transaction() as tx:
        tx.journal(
            EventTag.JOURNAL_ANCHORED,
            SUBJECT,
            checkpoint=checkpoint.seq,
            token=kept,
            roots=kept_roots,
            authority=stamp.authority,
            instant=utc_text(stamp.instant),
        )
    return stamp


def _in_vain(checkpoint: JournalEvent, problem: str) -> Anchoring:
    _log.warning("checkpoint.not_anchored", checkpoint=checkpoint.seq, message=problem)
    return Anchoring(checkpoint=checkpoint, problem=problem)


def _ask(app: App, url: str, query: bytes, heard: Callable[[], None]) -> bytes | str:
    """The authority's answer, or why there is none, a French sentence."""
    portal = app.settings.portal
    transport = Transport(
        connect_timeout=portal.connect_timeout_seconds,
        read_timeout=portal.read_timeout_seconds,
        turn=nullcontext,
        heard=heard,
    )
    request = HttpRequest(
        method="POST",
        url=url,
        route="timestamp",
        headers={
            "Content-Type": "application/timestamp-query",
            "Accept": "application/timestamp-reply",
        },
        body=query,
        most_bytes=timestamps.LARGEST,
    )
    with closing(transport):
        match transport.attempt(request):
            case NoAnswer(reason=reason):
                return f"L'autorité d'horodatage n'a pas répondu : {reason}."
            case HttpAnswer(status=200, body=body):
                return body
            case HttpAnswer(status=status):
                return f"L'autorité d'horodatage a répondu par l'erreur HTTP {status}."
