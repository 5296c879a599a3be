"""What the XML parts of a workbook would cost once loaded, found by streaming through them.

The spreadsheet library lays the cells of a sheet out in one full rectangle, and copies a text for
every cell that holds it; the sizes a file declares prove nothing. Cells in error are noted on the
way, because the library reads ``#N/A`` as an empty cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from xml.parsers import expat

from worker.errors import ImportRefused
from worker.imports.wording import refusal

MAX_CELLS = 12_000_000
"""In the rectangles of all sheets: one sheet filled to its last row with eleven columns."""
MAX_TEXT = 512 * 2**20
"""Characters, if every filled cell held the longest text that cells may share or repeat."""
MAX_ERRORS = 10_000

_DIGITS = "0123456789"

Place = tuple[int, int]
"""Row and column of a cell, both from 1."""


@dataclass(slots=True, kw_only=True)
class Load:
    """What a workbook costs, gathered over its parts. ``name`` is the file's, for messages."""

    name: str
    cells: int = 0
    filled: int = 0
    longest: int = 0
    errors: dict[str, set[Place]] = field(default_factory=dict)
    """By part (XLSX) or sheet name (ODS)."""
    sheets: dict[str, str] = field(default_factory=dict)
    """XLSX: relationship id to sheet name."""
    targets: dict[str, str] = field(default_factory=dict)
    """XLSX: relationship id to part."""

    def add_error(self, key: str, row: int, column: int) -> None:
        """Note a cell in error; refuses a sheet made of them."""
        known = self.errors.setdefault(key, set())
        known.add((row, column))
        if len(known) > MAX_ERRORS:
            raise refusal(
                f"« {self.name} » a plus de {MAX_ERRORS} cellules en erreur (#N/A, #REF!…)",
                "Corrigez les formules de la feuille.",
            )

    def check(self) -> None:
        """Refuse a workbook that would not fit in memory."""
        if self.cells > MAX_CELLS or self.filled * self.longest > MAX_TEXT:
            raise refusal(
                f"« {self.name} » occuperait trop de mémoire : des cellules sont remplies très "
                "loin du tableau, ou des textes sont démesurés",
                "Supprimez les lignes et colonnes autour du tableau, ou enregistrez la feuille en "
                "« CSV UTF-8 ».",
            )

    def errors_by_sheet(self) -> Mapping[str, frozenset[Place]]:
        """Cells in error, by sheet name."""
        names = {
            _base(self.targets[key]): name
            for key, name in self.sheets.items()
            if key in self.targets
        }
        return {
            names.get(_base(part), part): frozenset(places) for part, places in self.errors.items()
        }


class XlsxScan:
    """One part of an XLSX workbook: a sheet, the shared texts, or what ties them together."""

    def __init__(self, load: Load, part: str) -> None:
        self._load = load
        self._part = part
        self._row = self._column = 0
        self._reference = ""
        self._rows = self._columns = self._filled = 0
        self._digits = ""
        self._letters: set[str] = set()
        self._length = 0
        self._parser = _parser(load)
        self._parser.StartElementHandler = self._start

    def feed(self, chunk: bytes) -> None:
        """Scan some more bytes of the part."""
        self._parser.Parse(chunk)

    def close(self) -> None:
        """The part is complete: add its cost."""
        self._parser.Parse(b"", True)  # noqa: FBT003 expat's own signature
        self._load.cells += self._rows * self._columns
        self._load.filled += self._filled

    def _start(self, name: str, attributes: Sequence[str]) -> None:
        # Written for speed: a full sheet comes here ten million times.
        if name == "c":
            self._column += 1
            if attributes and attributes[0] == "r":
                self._reference = attributes[1]
            else:
                self._reference = _attribute(attributes, "r")
            if "e" in attributes and _attribute(attributes, "t") == "e":
                self._load.add_error(self._part, *self._place())
        elif name in {"v", "is"}:
            reference = self._reference
            letters = reference.rstrip(_DIGITS)
            digits = reference[len(letters) :]
            self._filled += 1
            if not digits or digits != self._digits or letters not in self._letters:
                self._digits = digits
                self._letters.add(letters)
                row, column = self._place()
                self._rows = max(self._rows, row)
                self._columns = max(self._columns, column)
        elif name != "t":
            self._start_rare(name, attributes)

    def _start_rare(self, name: str, attributes: Sequence[str]) -> None:
        prefix, _, local = name.rpartition(":")
        if prefix and local in {"c", "v", "is"}:
            self._start(local, attributes)
        elif local == "row":
            number = _attribute(attributes, "r")
            self._row = _count(self._load, number) if number else self._row + 1
            self._column = 0
        elif local == "sst":
            self._parser.CharacterDataHandler = self._text
        elif local == "si":
            self._length = 0
        elif local == "sheet":
            self._load.sheets[_attribute(attributes, "id")] = _attribute(attributes, "name")
        elif local == "Relationship" and _base(self._part) == "workbook.xml.rels":
            target = _attribute(attributes, "Target")
            self._load.targets[_attribute(attributes, "Id")] = target

    def _text(self, text: str) -> None:
        self._length += len(text)
        self._load.longest = max(self._load.longest, self._length)

    def _place(self) -> Place:
        reference = self._reference
        if not reference:
            return max(self._row, 1), self._column
        letters = reference.rstrip(_DIGITS)
        column = _column_number(letters)
        if not column:
            raise _damaged(self._load)
        self._column = column
        return _count(self._load, reference[len(letters) :]), column


class OdsScan:
    """One part of an ODS workbook; all sheets are in ``content.xml``, with repeated cells."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._sheet = ""
        self._row = self._repeat = 0  # last row of the run being read; rows in that run
        self._column = self._width = self._filled = 0  # of the row being read
        self._rows = self._columns = 0  # of the sheet being read
        self._length = 0
        self._parser = _parser(load)
        self._parser.StartElementHandler = self._start
        self._parser.CharacterDataHandler = self._text

    def feed(self, chunk: bytes) -> None:
        """Scan some more bytes of the part."""
        self._parser.Parse(chunk)

    def close(self) -> None:
        """The part is complete: add its cost."""
        self._parser.Parse(b"", True)  # noqa: FBT003 expat's own signature
        self._end_sheet()

    def _start(self, name: str, attributes: Sequence[str]) -> None:
        local = name.rpartition(":")[2]
        if local in {"table-cell", "covered-table-cell"}:
            self._start_cell(attributes)
        elif local == "table-row":
            self._end_row()
            repeated = _attribute(attributes, "number-rows-repeated")
            self._repeat = _count(self._load, repeated) if repeated else 1
            self._row += self._repeat
        elif local == "table":
            self._end_sheet()
            self._sheet = _attribute(attributes, "name")
        elif local == "s":
            spaces = _attribute(attributes, "c")
            self._grow(_count(self._load, spaces) if spaces else 1)

    def _start_cell(self, attributes: Sequence[str]) -> None:
        repeated = _attribute(attributes, "number-columns-repeated")
        repeat = _count(self._load, repeated) if repeated else 1
        before = self._column
        self._column += repeat
        self._length = 0
        if _attribute(attributes, "value-type") or _attribute(attributes, "formula"):
            self._width = self._column
            self._filled += repeat
            self._grow(len(_attribute(attributes, "string-value")))
            if "error" in attributes:
                self._add_errors(before + 1, self._column)

    def _add_errors(self, first: int, last: int) -> None:
        for row in range(self._row - self._repeat + 1, self._row + 1):
            for column in range(first, last + 1):
                self._load.add_error(self._sheet, row, column)

    def _text(self, text: str) -> None:
        self._grow(len(text))

    def _grow(self, length: int) -> None:
        self._length += length
        self._load.longest = max(self._load.longest, self._length)

    def _end_row(self) -> None:
        if self._filled:
            self._rows = self._row
            self._columns = max(self._columns, self._width)
            self._load.filled += self._filled * self._repeat
        self._column = self._width = self._filled = 0

    def _end_sheet(self) -> None:
        self._end_row()
        self._load.cells += self._rows * self._columns
        self._row = self._repeat = self._rows = self._columns = 0


def _parser(load: Load) -> expat.XMLParserType:
    parser = expat.ParserCreate("UTF-8")  # one reading, whatever a part declares
    parser.ordered_attributes = True

    def refuse(*_: object) -> None:
        raise _damaged(load)  # no spreadsheet writes a DTD; entities are how XML bombs are made

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _attribute(attributes: Sequence[str], local: str) -> str:
    """The first attribute of that name, whatever its prefix; empty when there is none."""
    for position in range(0, len(attributes), 2):
        name = attributes[position]
        if name == local or name.rpartition(":")[2] == local:
            return attributes[position + 1]
    return ""


def _count(load: Load, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise _damaged(load)
    return max(int(text), 1)


@lru_cache(maxsize=1024)
def _column_number(letters: str) -> int:
    """``A`` is 1, ``XFD`` is 16384; 0 for what is not a column."""
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 6):
        return 0
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _base(part: str) -> str:
    return part.rpartition("/")[2]


def _damaged(load: Load) -> ImportRefused:
    return refusal(
        f"« {load.name} » est abîmé ou n'a pas été écrit par un tableur",
        "Ouvrez-le dans le tableur et enregistrez-le à nouveau.",
    )
