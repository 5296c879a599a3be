"""Where the records of each kind of file go, what of the books refuses them, how they are told."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.billing.consumption import service_name
from worker.billing.period import Month, french_date, paris_day
from worker.billing.tariff import NO_TIER
from worker.imports import billed
from worker.imports.kinds import ImportKind
from worker.imports.problems import Place, Problem
from worker.imports.records import MemberRow
from worker.storage import Session, Transaction, imported, versions
from worker.storage.contacts import erased
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
        beside: another that the same rows fill, of which a row has one column told to people.
        put: writes them in a transaction; None when they pass through a stage (usage), or when a
            command of their own takes them in.
        command: the words of that command.
        adds: whether what a file has stands beside what there was, and changes no value.
        problems: what of the books refuses some of them; asked before the lock and within it.
        left_out: what of a row is not taken in, which is said and stops nothing.
        subject: what a row of the table is about, in French, beside its member.
    """

    table: Versions
    put: Callable[[Transaction, Placed], Changes] | None
    subject: Callable[[Mapping[str, Any]], str] = lambda _row: ""
    command: str = ""
    adds: bool = False
    beside: Versions | None = None
    problems: Callable[[Session, Sequence[tuple[Place, Any]]], Iterator[Problem]] = _nothing
    left_out: Callable[[Session, Sequence[tuple[Place, Any]]], Iterator[Problem]] = _nothing


def _put_members(tx: Transaction, records: Sequence[tuple[MemberRow, tuple[int, int]]]) -> Changes:
    """Members, contacts and natures: one whose nature alone changes is changed.

    What a row does not say of a contact or a nature is left as it is.
    """
    contacts = [(one, place) for (_, one, _), place in records if one is not None]
    gone = erased(tx, [one for one, _ in contacts])
    imported.put_contacts(tx, [pair for pair in contacts if pair[0].siret not in gone], tx.now)
    natures = [(one, place) for (_, _, one), place in records if one is not None]
    changing = imported.changed_natures(tx, natures)
    sirets = {one.siret for one, _ in changing}
    members = [(one, place) for (one, _, _), place in records]
    others = imported.put_members(
        tx, [one for one in members if one[0].siret not in sirets], tx.now
    )
    theirs = imported.put_members(tx, [one for one in members if one[0].siret in sirets], tx.now)
    imported.put_natures(tx, changing, tx.now)
    return Changes(
        added=others.added + theirs.added,
        changed=others.changed + theirs.changed + theirs.unchanged,
        unchanged=others.unchanged,
    )


def _erased_contacts(
    session: Session, records: Sequence[tuple[Place, MemberRow]]
) -> Iterator[Problem]:
    """The contacts that were erased and that the file brings again (C11)."""
    placed = [(place, contact) for place, (_, contact, _) in records if contact is not None]
    gone = erased(session, [contact for _, contact in placed])
    for place, contact in placed:
        if (at := gone.get(contact.siret)) is not None:
            day = french_date(paris_day(at))
            yield Problem(place=place, words="erased-contact", detail=day, siret=contact.siret)


def _service(row: Mapping[str, Any]) -> str:
    return service_name(row["service"], None if row["tier"] == NO_TIER else row["tier"])


DESTINATIONS: Mapping[ImportKind, Destination] = {
    ImportKind.MEMBERS: Destination(
        table=versions.MEMBERS,
        put=_put_members,
        subject=lambda row: str(row.get("name", "")),
        beside=versions.NATURES,
        left_out=_erased_contacts,
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
