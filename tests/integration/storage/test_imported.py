"""Members, subscriptions, usage and references: what is current, what is kept beside it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from tests.golden.samples import MEMBER
from tests.support.storage_samples import NOW, OTHER, SIRET, add_members, counts, writing
from worker.billing.consumption import SourceRow, UsageRecord
from worker.billing.members import BillingReferences, Contact, Subscription
from worker.billing.period import Month
from worker.storage import Store, imported, member_years
from worker.storage.usage_stage import UsageStage
from worker.storage.versions import Changes

NEIGHBOUR = replace(MEMBER, siret=OTHER, name="Commune fictive")
STORAGE = Subscription(siret=SIRET, service="stockage", tier=2, category=4, start=date(2025, 5, 17))
GFU = replace(STORAGE, service="gfu", tier=None, end=date(2025, 9, 30))
CONTACTS = "SELECT name FROM contact WHERE superseded_at IS NULL"
REFERENCES = BillingReferences(siret=SIRET, year=2025, service_code="SERV", engagement="EJ-1")


def test_a_member_is_brought_up_to_date(store: Store) -> None:
    """Added, unchanged, changed: and the last version is what is read."""
    file_id = add_members(store)
    moved = replace(MEMBER, address=replace(MEMBER.address, city="Villefictive"))
    with writing(store) as session:
        assert imported.put_members(session, [(MEMBER, (file_id, 2))], NOW) == Changes(unchanged=1)
        assert imported.put_members(session, [(moved, (file_id, 3))], NOW) == Changes(changed=1)
        assert imported.put_members(session, [(NEIGHBOUR, (file_id, 4))], NOW) == Changes(added=1)
        imported.put_subscriptions(session, [(STORAGE, (file_id, 2))], NOW)
    with store.reading() as session:
        assert imported.known_sirets(session) == {SIRET, OTHER}
        assert member_years.members_of_year(session, 2025) == (moved,)


def test_contacts_stand_apart(store: Store) -> None:
    """Personal data is in its own table: erasing it touches no accounting record."""
    file_id = add_members(store)
    for name in ("Camille", "Dominique"):
        with writing(store) as session:
            contact = Contact(siret=SIRET, name=name, email="referent@exemple.invalid")
            imported.put_contacts(session, [(contact, (file_id, 2))], NOW)
    with writing(store) as session:
        assert session.execute(text(CONTACTS)).scalars().all() == ["Dominique"]
        session.execute(text("DELETE FROM contact"))
    with store.reading() as session:
        assert imported.known_sirets(session) == {SIRET}


def test_subscriptions_keep_their_tier_or_have_none(store: Store) -> None:
    """A service without tiers is read back without one; end and category may be corrected."""
    file_id = add_members(store)
    ended = replace(STORAGE, end=date(2025, 12, 31), category=5)
    with writing(store) as session:
        assert imported.put_subscriptions(session, [(STORAGE, (file_id, 2))], NOW) == Changes(
            added=1
        )
        assert imported.put_subscriptions(session, [(GFU, (file_id, 3))], NOW) == Changes(added=1)
    with writing(store) as session:
        assert imported.put_subscriptions(session, [(GFU, (file_id, 9))], NOW) == Changes(
            unchanged=1
        )
        assert imported.put_subscriptions(session, [(ended, (file_id, 9))], NOW) == Changes(
            changed=1
        )
    with store.reading() as session:
        assert set(imported.subscriptions_of(session, SIRET)) == {ended, GFU}
        assert imported.subscriptions_of(session, OTHER) == ()


@pytest.mark.parametrize(
    "start, end, concerned",
    [
        (date(2024, 1, 1), None, True),
        (date(2025, 12, 31), None, True),
        (date(2026, 1, 1), None, False),
        (date(2020, 1, 1), date(2025, 1, 1), True),
        (date(2020, 1, 1), date(2024, 12, 31), False),
    ],
)
def test_a_year_concerns_who_subscribed_a_day_of_it(
    store: Store, start: date, end: date | None, *, concerned: bool
) -> None:
    """First and last days of the year included."""
    file_id = add_members(store)
    with writing(store) as session:
        imported.put_subscriptions(
            session, [(replace(STORAGE, start=start, end=end), (file_id, 2))], NOW
        )
    with store.reading() as session:
        assert member_years.members_of_year(session, 2025) == ((MEMBER,) if concerned else ())


def test_references_of_a_year_are_superseded_not_erased(store: Store) -> None:
    """The last ones are current, the old row stays with the instant it was replaced."""
    file_id = add_members(store)
    corrected = replace(REFERENCES, engagement="EJ-2")
    with writing(store) as session:
        assert imported.put_references(session, [(REFERENCES, (file_id, 2))], NOW) == Changes(
            added=1
        )
    later = NOW + timedelta(days=1)
    with writing(store) as session:
        again = imported.put_references(session, [(REFERENCES, (file_id, 3))], later)
        assert again == Changes(unchanged=1)
        assert imported.put_references(session, [(corrected, None)], later) == Changes(changed=1)
    with store.reading() as session:
        assert imported.references_of(session, SIRET, 2025) == corrected
        assert imported.references_of(session, SIRET, 2026) == BillingReferences(
            siret=SIRET, year=2026
        )
        rows = session.execute(
            text(
                "SELECT engagement, file_id, row, superseded_at FROM billing_reference ORDER BY id"
            )
        ).all()

    assert rows == [
        ("EJ-1", file_id, 2, "2026-01-06T02:00:00.000000Z"),
        ("EJ-2", None, None, None),
    ]


def _usage(month: int, users: int, row: int) -> UsageRecord:
    return UsageRecord(
        siret=SIRET,
        service="gfu",
        tier=None,
        month=Month(2025, month),
        users=users,
        source=SourceRow(file_sha256="0" * 64, row=row),
    )


def test_staged_usage_is_applied_as_differences(store: Store) -> None:
    """New, changed and equal figures are told apart; the stage can be used again."""
    file_id = add_members(store)
    changes = []
    for users in (5, 5, 6):
        with writing(store) as session:
            stage = UsageStage(session)
            stage.add([_usage(month, users if month < 3 else 5, month + 1) for month in (1, 2, 3)])
            assert list(stage.problems()) == []
            changes.append(stage.apply(session, file_id, NOW))
    assert changes == [Changes(added=3), Changes(unchanged=3), Changes(changed=2, unchanged=1)]
    with store.reading() as session:
        found = sorted(imported.usage_of(session, SIRET, 2025), key=lambda record: record.month)
        assert found == [_usage(1, 6, 2), _usage(2, 6, 3), _usage(3, 5, 4)]
        assert counts(session) == {
            "members": 1,
            "subscriptions": 0,
            "invoices": 0,
            "usage": 3,
        }
        assert session.execute(text("SELECT COUNT(*) FROM usage_record")).scalar() == 5
        assert member_years.members_of_year(session, 2025) == (MEMBER,)


def test_december_and_january_are_neighbours(store: Store) -> None:
    """A series over two years has no hole between December and January; it has one elsewhere."""
    add_members(store)
    with writing(store, commit=False) as session:
        stage = UsageStage(session)
        months = [Month(2024, 11), Month(2024, 12), Month(2025, 1), Month(2025, 3)]
        stage.add(
            [replace(_usage(1, 5, row), month=month) for row, month in enumerate(months, start=2)]
        )
        gaps = list(stage.gaps())

    assert gaps == [((0, 5), SIRET, "gfu", None, Month(2025, 1), Month(2025, 3))]
