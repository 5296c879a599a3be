"""Where the records of each kind of file go, what of the books refuses them, how they are told."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.billing.consumption import service_name
from worker.billing.period import Month, french_date
from worker.billing.tariff import NO_TIER
from worker.imports import billed
from worker.imports.kinds import ImportKind
from worker.imports.problems import Place, Problem
from worker.imports.records import MemberRow
from worker.storage import Session, Transaction, imported, versions
from worker.storage.versions import Changes, Versions

Placed = Sequence[tuple[Any, tuple[int, int]]]
"""Records, each with the id of its file and its row there."""


def _nothing(_session: Session, _records: Sequence[tuple[Place, Any]]) -> Iterator[Problem]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the records of a kind of file go.

    Attributes:
        table: the one that they fill, a row per version.
        put: writes them in a transaction; None when they pass through a stage (usage), or when a
            command of their own takes them in.
        command: the words of that command.
        adds: whether what a file has stands beside what there was, and changes no value.
        problems: what of the books refuses some of them; asked before the lock and within it.
        subject: what a row of the table is about, in French, beside its member.
    """

    table: Versions
    put: Callable[[Transaction, Placed], Changes] | None
    subject: Callable[[Mapping[str, Any]], str] = lambda _row: ""
    command: str = ""
    adds: bool = False
    problems: Callable[[Session, Sequence[tuple[Place, Any]]], Iterator[Problem]] = _nothing


def _put_members(tx: Transaction, records: Sequence[tuple[MemberRow, tuple[int, int]]]) -> Changes:
    contacts = [(one, place) for (_, one), place in records if one is not None]
    imported.put_contacts(tx, contacts, tx.now)
    return imported.put_members(tx, [(one, place) for (one, _), place in records], tx.now)


def _service(row: Mapping[str, Any]) -> str:
    return service_name(row["service"], None if row["tier"] == NO_TIER else row["tier"])


DESTINATIONS: Mapping[ImportKind, Destination] = {
    ImportKind.MEMBERS: Destination(
        table=versions.MEMBERS, put=_put_members, subject=lambda row: str(row["name"])
    ),
    ImportKind.SUBSCRIPTIONS: Destination(
        table=versions.SUBSCRIPTIONS,
        put=lambda tx, records: imported.put_subscriptions(tx, records, tx.now),
        problems=billed.conflicts,
        subject=lambda row: f"{_service(row)}, à partir du {french_date(row['start'])}",
    ),
    ImportKind.USAGE: Destination(
        table=versions.USAGE,
        put=None,
        subject=lambda row: f"{_service(row)}, {Month(row['year'], row['month']).french}",
    ),
    ImportKind.REFERENCES: Destination(
        table=versions.REFERENCES,
        put=lambda tx, records: imported.put_references(tx, records, tx.now),
        problems=billed.conflicts,
        subject=lambda row: str(row["year"]),
    ),
    ImportKind.PREVIOUS: Destination(
        table=versions.PREVIOUS,
        put=lambda tx, records: imported.put_previous(tx, records, tx.now),
        subject=lambda row: str(row["year"]),
    ),
    ImportKind.SETTLEMENTS: Destination(
        table=versions.SETTLEMENTS, put=None, command="settlements import", adds=True
    ),
    ImportKind.TITLES: Destination(
        table=versions.TITLES, put=None, command="titles import", adds=True
    ),
    ImportKind.UNITS: Destination(
        table=versions.UNITS,
        put=lambda tx, records: imported.put_units(tx, records, tx.now),
        problems=billed.conflicts,
        subject=lambda row: f"{row['service']}, {french_date(row['day'])} ({row['reference']})",
    ),
    ImportKind.POPULATION: Destination(
        table=versions.POPULATION,
        put=lambda tx, records: imported.put_population(tx, records, tx.now),
        problems=billed.conflicts,
        subject=lambda row: str(row["year"]),
    ),
}
"""One for each kind of file."""
