"""Every version of a record stays, and is found again at the instant when it counted."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.golden.samples import MEMBER
from tests.support.storage_samples import NOW, OTHER, SIRET, UNREAD, writing
from worker.billing.consumption import SourceRow, UsageRecord
from worker.billing.members import BillingReferences, Contact, Subscription
from worker.billing.period import Month
from worker.storage import Store, Transaction, imported, source_files
from worker.storage.imported import Imported, columns_of
from worker.storage.tables import utc_text
from worker.storage.usage_stage import UsageStage
from worker.storage.versions import (
    BESIDE,
    CONTACTS,
    MEMBERS,
    REFERENCES,
    SUBSCRIPTIONS,
    USAGE,
    Versions,
)

SIRETS = st.sampled_from((SIRET, OTHER))
NUMBERS = st.integers(1, 2)
RECORDS: Sequence[tuple[Versions, st.SearchStrategy[Imported]]] = (
    (
        MEMBERS,
        st.builds(lambda siret, n: replace(MEMBER, siret=siret, name=f"Nom {n}"), SIRETS, NUMBERS),
    ),
    (CONTACTS, st.builds(lambda siret, n: Contact(siret=siret, name=f"Nom {n}"), SIRETS, NUMBERS)),
    (
        SUBSCRIPTIONS,
        st.builds(
            lambda siret, n, tier: Subscription(
                siret=siret, service="stockage", tier=tier, category=n, start=date(2025, 1, 1)
            ),
            SIRETS,
            NUMBERS,
            st.sampled_from((None, 1)),
        ),
    ),
    (
        REFERENCES,
        st.builds(
            lambda siret, n, year: BillingReferences(siret=siret, year=year, engagement=f"EJ-{n}"),
            SIRETS,
            NUMBERS,
            st.sampled_from((2024, 2025)),
        ),
    ),
    (
        USAGE,
        st.builds(
            lambda siret, n, month: UsageRecord(
                siret=siret,
                service="gfu",
                tier=None,
                month=Month(2025, month),
                users=n,
                source=SourceRow(file_sha256="0" * 64, row=2),
            ),
            SIRETS,
            NUMBERS,
            st.sampled_from((1, 2)),
        ),
    ),
)
"""Records of each table that has versions: few keys, few values, so that they follow each other."""
FILES = st.lists(
    st.one_of(
        *(
            st.tuples(st.just(kind), st.lists(records, min_size=1, max_size=3))
            for kind, records in RECORDS
        )
    ),
    max_size=8,
)
Key = tuple[object, ...]
Known = dict[Key, Imported]


def _by_key(kind: Versions, records: Sequence[Imported]) -> Known:
    return {tuple(columns_of(one)[name] for name in kind.key): one for one in records}


def _take_in(tx: Transaction, kind: Versions, records: Sequence[Any], at: datetime) -> None:
    """Write these records as the import of a file of that instant does."""
    sha256 = hashlib.sha256(at.isoformat().encode()).hexdigest()
    file_id = source_files.add(tx, replace(UNREAD, sha256=sha256, imported_at=at))
    placed = [(record, (file_id, row)) for row, record in enumerate(records, start=2)]
    match kind:
        case _ if kind is MEMBERS:
            imported.put_members(tx, placed, at)
        case _ if kind is CONTACTS:
            imported.put_contacts(tx, placed, at)
        case _ if kind is SUBSCRIPTIONS:
            imported.put_subscriptions(tx, placed, at)
        case _ if kind is REFERENCES:
            imported.put_references(tx, placed, at)
        case _:
            stage = UsageStage(tx)
            stage.add(records)
            stage.apply(tx, file_id, at)


def _counted(tx: Transaction, kind: Versions, at: datetime) -> list[dict[str, str]]:
    """What counted at an instant, by what the rows alone say of it."""
    since = f"v.{kind.since}" if kind.since else "f.imported_at"
    rows = tx.execute(
        text(
            f"SELECT v.* FROM {kind.name} v LEFT JOIN source_file f ON f.id = v.file_id "
            f"WHERE {since} <= :at AND (v.superseded_at IS NULL OR v.superseded_at > :at)"
        ),
        {"at": utc_text(at)},
    ).mappings()
    return sorted(
        ({name: str(row[name]) for name in row if name not in BESIDE} for row in rows), key=str
    )


@given(FILES)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_version_is_found_at_its_instant(
    store: Store, files: list[tuple[Versions, list[Imported]]]
) -> None:
    """Any files one after the other: at each instant, exactly what had been brought by then."""
    first: list[Imported] = [replace(MEMBER, siret=siret) for siret in (SIRET, OTHER)]
    known: dict[str, Known] = {kind.name: {} for kind, _ in RECORDS}
    wanted: list[tuple[datetime, dict[str, Known]]] = []
    with writing(store, commit=False) as tx:
        for rank, (kind, drawn) in enumerate([(MEMBERS, first), *files]):
            records = _by_key(kind, drawn)
            known = known | {kind.name: known[kind.name] | records}
            wanted.append((NOW + timedelta(hours=rank), known))
            _take_in(tx, kind, list(records.values()), wanted[-1][0])
        found = [{kind.name: _counted(tx, kind, at) for kind, _ in RECORDS} for at, _ in wanted]

    assert found == [
        {
            name: sorted(
                (
                    {column: str(value) for column, value in columns_of(one).items()}
                    for one in records.values()
                ),
                key=str,
            )
            for name, records in then.items()
        }
        for _, then in wanted
    ]
