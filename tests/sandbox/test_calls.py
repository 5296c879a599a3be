"""How the sandbox reads the bodies of calls, pages and instants."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_sandbox import paris
from chorus_sandbox.routes.calls import Body, MalformedBody, Page, read_page, success

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds, made aware by the strategy


@given(st.integers(0, 300), st.integers(1, 50))
def test_pages_cover_everything_once(total: int, size: int) -> None:
    """The announced pages, put together, hold each result once."""
    items = list(range(total))
    pages = Page(rank=1, size=size, descending=False).described(total)["pages"]
    assert isinstance(pages, int)
    slices = [Page(rank=rank, size=size, descending=False) for rank in range(1, pages + 1)]
    seen = [item for page in slices for item in items[page.offset : page.offset + page.size]]

    assert seen == items


def test_the_default_page_is_the_first_ten() -> None:
    """Nothing asked means ten results of the first page, in the service's own order."""
    page = read_page(Body({}), descending=True)

    assert (page.rank, page.size, page.descending) == (1, 10, True)


@pytest.mark.parametrize(
    "block",
    [
        {"pageResultatDemandee": 0},
        {"nbResultatsParPage": 0},
        {"nbResultatsParPage": -5},
        {"nbResultatsParPage": "dix"},
        {"nbResultatsParPage": 2**63},
        {"pageResultatDemandee": True},
        {"triSens": "Croissant"},
    ],
)
def test_a_page_that_makes_no_sense_is_malformed(block: dict[str, object]) -> None:
    """Ranks and sizes start at one and the order has two names."""
    with pytest.raises(MalformedBody):
        read_page(Body(block), descending=False)


def test_numbers_may_be_written_as_text() -> None:
    """An identifier in quotes is read, as samples of the portal have it."""
    assert Body({"idFacture": "8316845"}).mandatory_integer("idFacture") == 8316845


@pytest.mark.parametrize("value", [None, "", 3, ["a"], {"a": 1}, "\ud800"])
def test_a_mandatory_text_must_be_a_text(value: object) -> None:
    """Null, empty, other types and half characters are malformed where a text is mandatory."""
    with pytest.raises(MalformedBody):
        Body({"nomFichier": value}).mandatory_text("nomFichier")


@pytest.mark.parametrize("value", [{"a": "x"}, "x", [1], ["x", None]])
def test_a_list_of_texts_holds_texts_only(value: object) -> None:
    """One wrong element spoils the list."""
    with pytest.raises(MalformedBody):
        Body({"statutCourant": value}).texts("statutCourant")


def test_fields_without_value_are_left_out() -> None:
    """An answer omits nothings and empty lists, and keeps false and zero."""
    answer = success("X", a=None, b="", c=[], d=False, e=0, f=0.0)

    assert set(answer) == {"codeRetour", "libelle", "d", "e", "f"}


@given(INSTANTS)
def test_a_written_instant_reads_back(instant: datetime) -> None:
    """An instant written with its offset is the same instant when read, to the millisecond."""
    back = paris.read_instant(paris.to_milliseconds(instant))

    assert timedelta(0) <= instant - back < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("2026-01-15", "2026-01-14T23:00:00+00:00"),
        ("2026-07-15", "2026-07-14T22:00:00+00:00"),
        ("2026-01-15T10:00:00", "2026-01-15T09:00:00+00:00"),
        ("2026-01-15T10:00:00Z", "2026-01-15T10:00:00+00:00"),
        ("2026-01-15T10:00:00.5+01:00", "2026-01-15T09:00:00.500000+00:00"),
    ],
)
def test_an_instant_without_offset_is_paris_time(text: str, expected: str) -> None:
    """Dates and date-times without offset are those of Paris, summer time included."""
    assert paris.read_instant(text).isoformat() == expected


def test_the_end_of_a_day_is_its_last_millisecond() -> None:
    """A day of 23 hours ends when it ends, not 24 hours after its start."""
    end = paris.read_instant("2026-03-29", end_of_day=True)

    assert paris.to_milliseconds(end) == "2026-03-29T23:59:59.999+02:00"


def test_the_day_changes_at_midnight_in_paris() -> None:
    """A deposit made at 23:30 UTC in winter counts for the next day."""
    instant = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)

    assert paris.day_of(instant).isoformat() == "2026-02-01"
    assert paris.to_minutes(instant) == "2026-02-01 00:30"
