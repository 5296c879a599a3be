"""What was altered behind the program: triggers, shape, digests and rows against the journal.

The chain of the journal is proved by itself (``billing.journal``). Each event holds the digest of
the rows that its transaction wrote (``row_digests``), so that every row is proved by the chain.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import sqlalchemy
from sqlalchemy import Table
from sqlmodel import Session

from worker.billing import journal as chain
from worker.billing.journal import EventTag, JournalHead, rows_written
from worker.errors import IntegrityError, Severity
from worker.storage import journal, row_digests, shape, triggers
from worker.storage.proved import proved_tables
from worker.storage.row_digests import CHUNK, GONE, key_of, shown

FEW = 50_000
"""Digests that are all compared before anything is written: about a second."""


class How(StrEnum):
    """The manner of an alteration."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    TRIGGER = "trigger"
    SHAPE = "shape"
    DIGESTS = "digests"
    NOTED = "noted"


SAYS = {
    How.CHANGED: "cette ligne n'est plus celle que le programme a écrite",
    How.REMOVED: "cette ligne a été supprimée hors du programme",
    How.ADDED: "cette ligne a été ajoutée hors du programme",
    How.TRIGGER: "ce déclencheur manque, ou il a été modifié",
    How.SHAPE: "cet élément de la base a été ajouté, supprimé ou modifié hors du programme",
    How.DIGESTS: "les empreintes des lignes écrites alors ne sont plus celles du journal",
    How.NOTED: "cette ligne a été écrite hors du programme : un déclencheur l'a notée",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """Something that is not as the program left it.

    Attributes:
        key: JSON list of the primary key's values; the name of a trigger, or of another thing with
            its kind; the number of an event.
    """

    table: str
    key: str
    how: How

    @property
    def where(self) -> str:
        """Where it is, in French."""
        match self.how:
            case How.TRIGGER:
                return f"déclencheur {self.key} de la table {self.table}"
            case How.SHAPE:
                return f"structure de la base, {self.key}"
            case How.DIGESTS:
                return f"journal, n° {self.key}"
            case How.CHANGED | How.REMOVED | How.ADDED | How.NOTED:
                return f"table {self.table}, ligne {shown(self.key)}"


def alterations(session: Session, after: int = 0) -> Iterator[Alteration]:
    """Everything that was altered: rows, digests, the first note of a foreign row, triggers, shape.

    Args:
        session: reads.
        after: only what later events wrote; 0 for everything.

    Raises:
        IntegrityError: a table of the proofs holds what was never written to it.
    """
    present = {} if after else row_digests.rows_by_table(session)
    with row_digests.any_text(session):
        for table in proved_tables():
            yield from of_table(session, table, after, present.get(table.name))
    for seq in _digests_that_differ(session, after):
        yield Alteration(table="journal_event", key=str(seq), how=How.DIGESTS)
    if (noted := row_digests.written_outside(session)) is not None:
        yield Alteration(table=noted[0], key=noted[1], how=How.NOTED)
    for name, guarded in triggers.altered(session.connection()):
        yield Alteration(table=guarded, key=name, how=How.TRIGGER)
    for place in shape.altered(session.connection()):
        yield Alteration(table="", key=place, how=How.SHAPE)


def require_intact(session: Session, few: int = FEW) -> None:
    """Let nothing be added to books that something else has changed.

    The chain and the rows: all of them in a small database; in a large one, what was written
    since the last checkpoint.

    Args:
        session: reads.
        few: digests that a small database has at most.

    Raises:
        IntegrityError: something was altered; its place, and what remains possible.
    """
    start = _start(session, few)
    findings = chain.verify(
        journal.events(session, after=start.seq), journal.head(session), after=start
    )
    broken = [one for one in findings if one.severity is Severity.BLOCKING]
    found = next(alterations(session, start.seq), None)
    if broken:
        raise _stop(f"{broken[0].where} : {broken[0].message}")
    if found is not None:
        raise _stop(f"{found.where} : {SAYS[found.how]}")


def _start(session: Session, few: int) -> JournalHead:
    if row_digests.count(session) <= few:
        return chain.EMPTY
    event = journal.last(session, tags=(EventTag.JOURNAL_CHECKPOINT,))
    return chain.EMPTY if event is None else JournalHead(seq=event.seq, hash=event.hash)


def _stop(what: str) -> IntegrityError:
    return IntegrityError(
        f"Les données ont été modifiées hors du programme ({what}) : rien n'est émis, déposé, "
        "crédité ni complété.",
        "Conservez tout en l'état, tapez « journal verify » et comparez à une sauvegarde ; "
        "consulter et exporter reste possible.",
    )


def _digests_that_differ(session: Session, after: int) -> Iterator[int]:
    """The events whose digest of rows is not that of the digests that are kept."""
    kept = row_digests.held(session, after)
    present = next(kept, None)
    for event in journal.events(session, after=after):
        said = rows_written(event)
        while present is not None and present[0] < event.seq:
            yield present[0]
            present = next(kept, None)
        of_this = present if present is not None and present[0] == event.seq else None
        # Of an erased payload, the chain says what is to be said.
        if event.payload and (None if of_this is None else asdict(of_this[1])) != said:
            yield event.seq
        if of_this is not None:
            present = next(kept, None)
    while present is not None:
        yield present[0]
        present = next(kept, None)


def of_table(
    session: Session, table: Table, after: int = 0, present: int | None = None
) -> Iterator[Alteration]:
    """The rows of one table that were altered; see ``alterations``.

    ``present``: how many rows it has; None: those without a digest are not looked for.
    """
    seen = 0
    for last in row_digests.last_digests(session, table, after):
        rows = row_digests.digests_of(session, table, list(last))
        seen += sum(key in rows for key in last)
        for key, sha256 in last.items():
            if (now := rows.get(key, GONE)) != sha256:
                how = How.REMOVED if now == GONE else How.ADDED if sha256 == GONE else How.CHANGED
                yield Alteration(table=table.name, key=key, how=how)
    if present not in {None, seen}:
        yield from _added(session, table)


def _added(session: Session, table: Table) -> Iterator[Alteration]:
    keys = sqlalchemy.select(*table.primary_key).execution_options(yield_per=CHUNK)
    for values in session.execute(keys):
        key = key_of(values)
        if not row_digests.known(session, table, key):
            yield Alteration(table=table.name, key=key, how=How.ADDED)
