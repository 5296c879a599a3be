"""Tokens of time-stamping authorities, kept or given, against the chain; no network is used."""

import json
from collections.abc import Iterator
from contextlib import suppress

from worker.app import App
from worker.audit import timestamps
from worker.audit.checkpoints import REMEDY, Watch
from worker.audit.timestamps import MOST_ROOTS, SAYS, Problem, Stamp
from worker.billing.journal import JournalEvent
from worker.billing.period import french_time
from worker.errors import ConfigurationError, Finding, IntegrityError
from worker.isolation.files import read_bounded
from worker.settings.rights import told
from worker.storage import Store
from worker.storage.tables import utc_text


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
