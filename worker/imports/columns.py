"""A column of an import file, and how a header is matched to the columns of a kind of file."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from worker.billing.period import Month
from worker.imports import values
from worker.imports.source import MERGED
from worker.imports.wording import CellFinding, finding, quoted, quoted_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: ``parse`` makes a value or a Finding of a filled cell, ``blank`` stands for none.

    ``field`` is the record's name for its value. ``blank`` is never used in a compulsory column:
    an empty cell there is a finding. What is ``personal`` stays out of the copy that is kept (C11).
    """

    name: str
    field: str
    parse: Callable[[str], object]
    compulsory: bool
    blank: object = ""
    personal: bool = False

    def value(self, text: str) -> object:
        """What a filled cell holds, or a Finding. A sign for nothing is as good as no text."""
        if self.blank is None and header_key(text) in NOTHING:
            return None
        return self.parse(text)


NOTHING = frozenset({"", "–", "—", "neant", "aucun"})
"""How people write that there is none, in a column that may have no value; ``-`` is dropped."""
MOST_WRONG_HEADERS = 30
"""Listed at most: each costs a search for the nearest name."""
MOST_COMPARED = 200
"""Unknown headers that are compared with the names of columns: each costs such a search."""
LONGEST_HEADER = 40
"""Characters of a header that may be a month."""
NEAR_ABSENT, NEAR_PRESENT = 0.6, 0.8
"""How like the name of a column a header is (difflib) that is refused as a misspelling of it."""
_IGNORED = str.maketrans("", "", "_-*\ufeff")
_WORDS = re.compile("[a-z0-9]+")
_BESIDE = frozenset(
    ["n", "no", "num", "numero", "nb", "nombre", "de", "du", "des", "d", "la", "le", "l", "les"]
)
"""Words of a header that name nothing: *numéro de facture*, *n° SIRET*, *date du paiement*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """Two columns that one for each month may stand for: that of the month, that of a figure."""

    month: str
    figure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which cell of a row goes to which column.

    Attributes:
        width: the number of cells up to the last one that is read.
        end: that up to the last header of any kind.
        places: the positions, 0 for the first, and the columns.
        unnamed: the cells before the last whose header is empty.
        blanks: the value of an empty cell, by field.
        months: the positions of the columns that are a month each.
        figure: what these hold; None when there are none.
        month_field: the field of a record that their header gives.
        unread: the headers of the columns that are not known.
        dated_by_title: whether a header names its month alone, the year being that of a title.
    """

    width: int
    end: int
    places: tuple[tuple[int, Column], ...]
    unnamed: tuple[int, ...]
    blanks: Mapping[str, object]
    months: tuple[tuple[int, Month], ...] = ()
    figure: Column | None = None
    month_field: str = ""
    unread: tuple[str, ...] = ()
    dated_by_title: bool = False

    @property
    def columns(self) -> dict[str, int]:
        """The position of each column, 1 for the first, by its name; of a month, by ``2025-03``."""
        named = {column.name: place + 1 for place, column in self.places}
        return named | {str(month): place + 1 for place, month in self.months}

    @property
    def personal(self) -> tuple[str, ...]:
        """The names of the columns that hold personal data."""
        return tuple(column.name for _, column in self.places if column.personal)


def header_key(header: str) -> str:
    """A header without case, accents, spaces, ``_``, ``-``, ``*`` and byte order mark."""
    return "".join(values.plain_letters(header).translate(_IGNORED).split())


def _names(header: str) -> tuple[str, str]:
    """The keys that a header may be known by: all of it, and without the words beside."""
    words = _WORDS.findall(values.plain_letters(header))
    return header_key(header), "".join(word for word in words if word not in _BESIDE)


def known_headers(header: Sequence[str], columns: Sequence[Column]) -> int:
    """How many cells of a row name one of these columns."""
    known = {header_key(column.name) for column in columns}
    return sum(not known.isdisjoint(_names(cell)) for cell in header)


def lay_out(
    header: Sequence[str],
    known: Sequence[Column],
    place: str,
    *,
    across: Across | None = None,
    year: int | None = None,
    beside: frozenset[str] = frozenset(),
) -> Layout | tuple[CellFinding, ...]:
    """Match a header to the columns of a kind of file; findings when it does not fit.

    Args:
        header: its cells.
        known: the columns of the kind.
        place: says where the header stands, for people.
        across: the columns that one for each month may stand for.
        year: of the months whose header does not tell it.
        beside: headers of our own tables that come back with the file, neither read nor told.
    """
    return _Header(known, place, across, year, beside).matched(header)


class _Header:
    """The cells of a header, one after the other."""

    def __init__(
        self,
        known: Sequence[Column],
        place: str,
        across: Across | None,
        year: int | None,
        beside: frozenset[str],
    ) -> None:
        self._columns = {header_key(column.name): column for column in known}
        self._place = place
        self._across = across
        self._year = year
        self._beside = {header_key(name) for name in beside}
        self._places: dict[str, tuple[int, Column]] = {}
        self._months: dict[Month, int] = {}
        self._unnamed: list[int] = []
        self._unknown: list[tuple[int, str]] = []
        self._findings: list[CellFinding] = []
        self._dated_by_title = False

    def matched(self, header: Sequence[str]) -> Layout | tuple[CellFinding, ...]:
        for position, cell in enumerate(header):
            if len(self._findings) >= MOST_WRONG_HEADERS:
                return tuple(self._findings)
            self._match(position, cell)
        replaced = self._replaced()
        absent = [
            column
            for key, column in self._columns.items()
            if key not in self._places and key not in replaced
        ]
        missing = [column for column in absent if column.compulsory]
        unread = []
        for rank, (position, cell) in enumerate(self._unknown):
            if header_key(cell) in self._beside:
                continue
            if rank < MOST_COMPARED and self._misspelt(cell, absent):
                self._add("IMPORT-COLUMN-UNKNOWN", position, cell, **self._advice(cell))
            else:
                unread.append(cell)
        seen = f" ; non lues : {quoted_list(unread)}" if unread else ""
        for column in missing:
            self._findings.append(
                finding("IMPORT-COLUMN-MISSING", where=self._place, name=column.name, seen=seen)
            )
        if self._findings:
            return tuple(self._findings[:MOST_WRONG_HEADERS])
        return self._layout(tuple(unread))

    def _match(self, position: int, cell: str) -> None:
        whole, named = _names(cell)
        key = named if whole not in self._columns and named in self._columns else whole
        if not key or cell == MERGED:
            self._unnamed.append(position)
        elif key in self._places:
            self._add("IMPORT-COLUMN-DUPLICATE", position, cell)
        elif key in self._columns:
            self._places[key] = position, self._columns[key]
        elif not (self._across and self._match_month(position, cell)):
            self._unknown.append((position, cell))

    def _match_month(self, position: int, cell: str) -> bool:
        """Whether the cell is a month; one without year, or that comes twice, is a finding."""
        month = values.month_of_header(cell.strip()) if len(cell) < LONGEST_HEADER else None
        if month is None:
            return False
        number, year = month
        self._dated_by_title |= year is None
        year = year or self._year
        if year is None:
            self._add("IMPORT-MONTH", position, cell, words="month-without-year")
        elif (found := Month(year, number)) in self._months:
            told = {"words": "month-twice", "month": found.french}
            self._add("IMPORT-COLUMN-DUPLICATE", position, cell, **told)
        else:
            self._months[found] = position
        return True

    def _replaced(self) -> set[str]:
        """The columns that those of months stand for; a finding when they are there as well."""
        if not self._months or self._across is None:
            return set()
        keys = {header_key(self._across.month), header_key(self._across.figure)}
        for key in sorted(keys & self._places.keys()):
            position, column = self._places[key]
            self._add("IMPORT-COLUMN-DUPLICATE", position, column.name, words="months-as-well")
        return keys

    def _misspelt(self, cell: str, absent: Sequence[Column]) -> bool:
        """Whether a header is nearly the name of a column; of one that is there, by a letter."""
        key = header_key(cell)
        missing = [header_key(column.name) for column in absent]
        return bool(
            difflib.get_close_matches(key, missing, n=1, cutoff=NEAR_ABSENT)
            or difflib.get_close_matches(key, self._columns, n=1, cutoff=NEAR_PRESENT)
        )

    def _advice(self, cell: str) -> dict[str, str]:
        close = difflib.get_close_matches(header_key(cell), self._columns, n=1)
        return {
            "advice": f"Vouliez-vous dire « {self._columns[close[0]].name} » ? " if close else "",
            "known": ", ".join(column.name for column in self._columns.values()),
        }

    def _add(self, code: str, position: int, cell: str, *, words: str = "", **facts: str) -> None:
        where = f"{self._place}, colonne {quoted(cell)}"
        said = finding(code, words, where=where, value=cell, **facts)  # type: ignore[arg-type]
        self._findings.append(replace(said, place=position + 1))

    def _layout(self, unread: tuple[str, ...]) -> Layout:
        read = [position for position, _ in self._places.values()] + list(self._months.values())
        width = 1 + max(read)
        end = max([width, *(position + 1 for position, _ in self._unknown)])
        by_name = {column.name: column for column in self._columns.values()}
        across = self._across if self._months else None
        return Layout(
            width=width,
            end=end,
            places=tuple(self._places.values()),
            unnamed=tuple(position for position in self._unnamed if position < end),
            blanks={column.field: column.blank for column in self._columns.values()},
            months=tuple((position, month) for month, position in self._months.items()),
            figure=by_name[across.figure] if across else None,
            month_field=by_name[across.month].field if across else "",
            unread=unread,
            dated_by_title=self._dated_by_title,
        )
