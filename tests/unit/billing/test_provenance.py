"""Which version of a record was in force at a moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker.billing.provenance import (
    ImportedFile,
    Moment,
    Origin,
    Version,
    in_force,
    replaced_since,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ISSUE = Moment(seq=10, at=NOON, actor="finance@machine:1")
FILE = ImportedFile(
    kind="usage", name="usage.csv", sha256="a" * 64, imported_at=NOON, taken_in=None
)


def version(value: str, *, before: bool, end: datetime | None = None) -> Version[str]:
    """A version of the one record."""
    return Version(
        value=value, key="k", origin=Origin(file=FILE, row=2), before=before, superseded_at=end
    )


@given(st.integers(0, 4), st.integers(0, 4), st.sampled_from((-1, 1)))
def test_the_last_version_that_came_before_is_in_force(before: int, after: int, hours: int) -> None:
    """By the order of the journal: instants that a wrong clock wrote change nothing."""
    end = NOON + timedelta(hours=hours)
    versions = [
        version(str(index), before=index < before, end=end) for index in range(before + after)
    ]
    if versions:
        versions[-1] = replace(versions[-1], superseded_at=None)

    assert [one.value for one in in_force(versions, ISSUE)] == ([str(before - 1)] if before else [])


def test_a_record_that_was_taken_out_was_in_force_until_its_instant() -> None:
    """Nothing follows it: its own instant alone tells when it ended."""
    ended, later = (
        [version("a", before=True, end=NOON + timedelta(hours=hours))] for hours in (-1, 1)
    )

    assert in_force(ended, ISSUE) == ()
    assert in_force(later, ISSUE) == tuple(later)


def test_a_record_without_any_version_from_before_was_replaced_or_is_new() -> None:
    """Its first version is given: whether it is older than the moment, what it covers tells."""
    new = version("new", before=False)
    kept = [replace(version("a", before=True), key="other"), replace(new, key="other")]

    assert replaced_since([*kept, new]) == (new,)


def test_a_file_came_when_the_journal_says_whatever_its_clock() -> None:
    """Without an event, its own instant is believed."""
    late = replace(FILE, imported_at=NOON + timedelta(hours=1))
    told = replace(late, taken_in=replace(ISSUE, seq=9))

    assert told.came_before(ISSUE)
    assert not replace(told, taken_in=replace(ISSUE, seq=11)).came_before(ISSUE)
    assert not late.came_before(ISSUE)
    assert FILE.came_before(ISSUE)
