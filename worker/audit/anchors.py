"""Anchors: a time-stamping authority signs the hash of a checkpoint, and so all that came before.

What waits is the newest checkpoint without token: one over an older checkpoint, asked for later,
would prove nothing more. An authority that is away stops nothing: the next heartbeat or ``run``
asks again.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from worker.app import App
from worker.audit import timestamps
from worker.audit.checkpoints import REMEDY, SUBJECT, Watch
from worker.audit.timestamps import SAYS, Problem, Stamp
from worker.billing.journal import EventTag, JournalEvent
from worker.billing.period import french_time
from worker.errors import ConfigurationError, Finding, IntegrityError
from worker.isolation.files import read_bounded
from worker.portals.http.attempt import HttpAnswer, HttpRequest, NoAnswer, Transport
from worker.settings.rights import told
from worker.storage import Session, Store, journal
from worker.storage.tables import as_written, utc_text

MOST_ROOTS = 1_000_000
"""Bytes of a file of certificates."""
_PLACED = (EventTag.JOURNAL_CHECKPOINT,)
_ANCHORED = (EventTag.JOURNAL_ANCHORED,)
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
        waiting = _unanchored(session)
    if not waiting:
        return None
    checkpoint = waiting[-1]
    try:
        trusted = read_bounded(roots, MOST_ROOTS)
    except OSError as error:
        return _in_vain(checkpoint, " ".join(told(error, roots)))
    request = timestamps.request_for(checkpoint)
    token = _ask(app, url, request.as_bytes(), heard)
    if isinstance(token, str):
        return _in_vain(checkpoint, token)
    placed = datetime.fromisoformat(checkpoint.at)
    stamp = timestamps.proven(token, trusted, checkpoint.hash, placed, request.nonce)
    if isinstance(stamp, Problem):
        return _in_vain(checkpoint, f"{SAYS[stamp]}.")
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
    return Anchoring(checkpoint=checkpoint, stamp=stamp)


def unanchored_since(session: Session) -> datetime | None:
    """When the oldest checkpoint was placed that no token covers; None when all are covered."""
    waiting = _unanchored(session)
    return datetime.fromisoformat(waiting[0].at) if waiting else None


def last_anchor(session: Session) -> tuple[int, Stamp] | None:
    """The checkpoint that was stamped last, and by whom and when, as the journal says."""
    event = journal.last(session, tags=_ANCHORED)
    if event is None:
        return None
    with as_written(f"l'événement n° {event.seq} du journal"):
        said = json.loads(event.payload)
        return int(said["checkpoint"]), Stamp(
            imprint="",
            instant=datetime.fromisoformat(said["instant"]),
            authority=str(said["authority"]),
        )


def _unanchored(session: Session) -> list[JournalEvent]:
    last = last_anchor(session)
    return list(journal.events(session, after=last[0] if last else 0, tags=_PLACED))


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


def verify_anchors(store: Store, watch: Watch) -> Iterator[Finding]:
    """Each token that does not prove its checkpoint."""
    for event in watch.anchored:
        problem = _problem_of(store, watch, event)
        if problem:
            yield Finding(
                code="TOKEN-UNPROVEN", message=problem, remedy=REMEDY, where=_where(event.seq)
            )


def _problem_of(store: Store, watch: Watch, event: JournalEvent) -> str:
    try:
        said = json.loads(event.payload)
        checkpoint = watch.placed[said["checkpoint"]]
        token, roots = (store.archive.get(said[name]) for name in ("token", "roots"))
        found = timestamps.proven(token, roots, checkpoint.hash, checkpoint.instant)
        if isinstance(found, Problem):
            return f"jeton {said['token'][:16]}… : {SAYS[found]}"
        if (found.authority, utc_text(found.instant)) != (said["authority"], said["instant"]):
            return (
                f"jeton {said['token'][:16]}… : son instant ou son autorité ne sont pas ceux dits"
            )
    except IntegrityError as error:
        return error.message
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "son contenu ne se lit plus"
    return ""


def _where(seq: int) -> str:
    return f"horodatage, journal n° {seq}"


def verify_given(
    app: App, watch: Watch, name: str, token: bytes, stamp: Stamp
) -> Iterator[Finding]:
    """A token from elsewhere: its checkpoint is still in the chain, and its signature is good.

    Trusted are the authorities of the configuration, else those kept with earlier tokens.

    Raises:
        ConfigurationError: the authorities of the configuration cannot be read.
    """
    held = [line for line in watch.placed.values() if line.hash == stamp.imprint]
    if not held:
        yield Finding(
            code="CHECKPOINT-LOST",
            message=f"l'empreinte {stamp.imprint[:16]}… que ce jeton atteste au "
            f"{french_time(stamp.instant)} n'est celle d'aucun point de contrôle du journal : il "
            "a été coupé ou réécrit depuis un point antérieur à cet instant",
            remedy=REMEDY,
            where=name,
        )
    not_before = held[0].instant if held else stamp.instant
    found = [
        timestamps.proven(token, roots, stamp.imprint, not_before) for roots in _trusted(app, watch)
    ]
    problems = [one for one in found if isinstance(one, Problem)]
    if len(problems) == len(found):
        yield Finding(
            code="TOKEN-UNPROVEN",
            message=SAYS[problems[-1] if problems else Problem.UNTRUSTED],
            remedy="Vérifiez journal.timestamp_certificates, et d'où vient ce jeton.",
            where=name,
        )


def _trusted(app: App, watch: Watch) -> Iterator[bytes]:
    roots = app.configuration.timestamp_certificates
    if roots is not None:
        try:
            yield read_bounded(roots, MOST_ROOTS)
        except OSError as error:
            raise ConfigurationError(*told(error, roots)) from error
        return
    for event in watch.anchored:
        with suppress(IntegrityError, ValueError, LookupError, TypeError):
            yield app.store.archive.get(json.loads(event.payload)["roots"])
