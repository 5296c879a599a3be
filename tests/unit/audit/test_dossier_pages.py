"""What the pages of a dossier are made of: words, shapes, names, pages of a list."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.written_tables import HOSTILE
from worker.audit.dossier import charts, words
from worker.audit.dossier.pages import ROWS, file_name, parts_of
from worker.audit.dossier.site import imported_name
from worker.billing.document import DocumentKind
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.billing.provenance import ImportedFile
from worker.imports import ImportKind


@pytest.mark.parametrize(
    "known, french",
    [
        (EventTag, words.EVENTS),
        (DocumentKind, words.DOCUMENTS),
        (ImportKind, words.FILES),
    ],
)
def test_everything_that_has_a_name_of_ours_has_its_french(
    known: type[EventTag | DocumentKind | ImportKind], french: Mapping[str, str]
) -> None:
    """A new event, document or kind of file finds its words, or this fails."""
    assert set(french) == {one.value for one in known}


def test_days_and_instants_are_those_of_paris_in_full() -> None:
    """As a person says them; the first of a month is an ordinal."""
    midnight = datetime(2026, 6, 30, 22, 0, 5, tzinfo=UTC)

    assert words.long_day(date(2026, 1, 5)) == "5\u00a0janvier\u00a02026"
    assert words.long_moment(midnight) == "1er\u00a0juillet\u00a02026 à\u00a000:00:05"
    assert words.iso_moment(midnight) == "2026-06-30T22:00:05Z"


def test_an_instant_that_was_altered_is_no_instant() -> None:
    """The page then shows what stands there."""
    told = [words.kept_instant(text) for text in ("", "hier", "2026-01-05", "2026-01-05T00:00:00")]

    assert told == [None] * 4


@pytest.mark.parametrize(
    "plain, printed",
    [
        ("Ligne 1 : deux", "Ligne 1\u00a0: deux"),
        ("un ; deux ? trois !", "un\u202f; deux\u202f? trois\u202f!"),
        ("« mot » et 20 %, 3 €.", "«\u00a0mot\u00a0» et 20\u00a0%, 3\u00a0€."),
        ("{% if a != b %}{{ a }}{% endif %}", "{% if a != b %}{{ a }}{% endif %}"),
        ("http://exemple.fr:80/a?b=c", "http://exemple.fr:80/a?b=c"),
    ],
)
def test_signs_of_french_are_never_alone_on_a_line(plain: str, printed: str) -> None:
    """The space before them does not break; what is no French stays."""
    assert words.spaced(plain) == printed


@given(st.text())
def test_nothing_hides_in_a_legible_text(text: str) -> None:
    """What is seen is what is there, and can be written as UTF-8."""
    shown = words.legible(text)

    assert words.legible(shown) == shown
    assert shown.encode().decode() == shown
    assert not {"\x00", "\u202e", "\r", "\x1b"} & set(shown)


@pytest.mark.parametrize("size, said", [(0, "0"), (999, "999"), (34_567, "34"), (1_250_000, "1,2")])
def test_a_size_is_told_in_the_unit_that_fits(size: int, said: str) -> None:
    """Octets, kilo-octets, mega-octets."""
    assert words.french_size(size).split("\u00a0")[0] == said


@given(st.lists(st.integers(min_value=0, max_value=10**12)))
def test_bars_are_in_proportion_and_none_of_them_vanishes(values: list[int]) -> None:
    """The longest is whole, a figure above zero has a bar, and order is kept."""
    lengths = charts.shares([Money(value) for value in values])

    assert max(lengths, default=0) == (charts.FULL if any(values) else 0)
    assert [bool(one) for one in lengths] == [bool(one) for one in values]
    ordered = sorted(zip(values, lengths, strict=True))

    assert [one for _, one in ordered] == sorted(lengths)


@given(st.dictionaries(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.integers(1, 10**6)))
def test_a_calendar_has_each_day_of_its_months_once(counts: dict[date, int]) -> None:
    """With its count, on its day of the week, and the fullest day in the last shade."""
    months = charts.calendar(counts)
    squares = [square for month in months for square in month.squares]

    assert {square.day: square.count for square in squares if square.count} == counts
    assert len({square.day for square in squares}) == len(squares)
    assert all(square.x == 30 * square.day.weekday() for square in squares)
    assert all(square.y < month.height for month in months for square in month.squares)
    assert max((one.level for one in squares), default=0) == (charts.LEVELS if counts else 0)
    assert all(bool(one.level) == bool(one.count) for one in squares)


def test_a_series_has_twelve_months_whatever_was_used() -> None:
    """A month without any use is one without a bar."""
    (gfu, storage) = charts.yearly_series([(3, "stockage", 2, 1, 40), (12, "gfu", 0, 2, 7)])

    assert [bar.value for bar in storage.bars] == [0, 0, 40, *[0] * 9]
    assert (gfu.highest, gfu.bars[11].height, gfu.bars[0].height) == (7, charts.HEIGHT, 0)


@pytest.mark.parametrize("total", [0, 1, ROWS, ROWS + 1, 2 * ROWS, 2 * ROWS + 500])
def test_a_list_is_cut_into_pages_of_a_thousand(total: int) -> None:
    """Every row once, in order; each page knows which rows it has, and where the others are."""
    pages = list(parts_of("liste", total, iter(range(1, total + 1))))

    assert [row for _, rows in pages for row in rows] == list(range(1, total + 1))
    assert all(len(rows) <= ROWS for _, rows in pages)
    assert {len(pages)} == {part.parts for part, _ in pages}
    assert [part.path for part, _ in pages][:2] == ["liste.html", "liste-2.html"][: len(pages)]
    assert all([part.first, part.last] == [rows[0], rows[-1]] for part, rows in pages if rows)


@given(st.text())
def test_a_file_name_is_plain_whatever_it_is_made_from(text: str) -> None:
    """It leaves its folder by no way, hides nowhere and fits."""
    name = file_name(text, ".html").removesuffix(".html")

    assert name.isascii()
    assert set(name) <= set("-_+") | {sign for sign in name if sign.isalnum()}
    assert 0 < len(name) < 100


def test_numbers_keep_their_name_and_hostile_texts_are_told_apart() -> None:
    """A number as « documents export » names its folder; no two hostile texts share a file."""
    names = {file_name(text) for text in HOSTILE}

    assert file_name("F/2026-00012") == "F-2026-00012"
    assert len(names) == len(HOSTILE)


@pytest.mark.parametrize(
    "name, without_contacts, given",
    [
        ("members.csv", False, "0123456789ab-members.csv"),
        ("Membres 2025.XLSX", False, "0123456789ab-Membres-2025-"),
        ("membres.xlsx", True, "0123456789ab-membres.csv"),
        ("../../etc/passwd", False, "0123456789ab-passwd"),
        ("=cmd|'/C calc'!A0.exe", False, "0123456789ab-C-calc"),
    ],
)
def test_a_copy_of_a_file_bears_its_name_and_hash(
    name: str, given: str, *, without_contacts: bool
) -> None:
    """As a person knows it; its end is one of those that are imported, or none."""
    file = ImportedFile(
        kind="members",
        name=name,
        sha256="0123456789ab" + "0" * 52,
        imported_at=datetime(2026, 1, 5, tzinfo=UTC),
        taken_in=None,
    )
    made = imported_name(file, without_contacts=without_contacts)

    assert made.startswith(given)
    assert "/" not in made
    assert Path(made).suffix in {"", ".csv", ".xlsx"}
