"""The file of a person given back with what is wrong in it: cells coloured, and a column that says.

A new workbook with the cells of every visible sheet where they were, whatever the form of the file;
a line's findings stand at its end, under « À corriger ». It is the person's own file, contacts
included, for its owner alone. Corrected, it is imported as any other: that column is not read.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from itertools import chain
from pathlib import Path

from worker.errors import Finding, Refused, StorageUnavailable, WrongUse
from worker.imports import csv_file, spreadsheet
from worker.imports.kinds import KINDS, FileKind, ImportKind
from worker.imports.sheets import CORRECTIONS, header_of, top_of
from worker.imports.source import MERGED, UNCOMPUTED, SourceFile, Table, is_workbook
from worker.imports.wording import CellFinding
from worker.isolation.files import replacing_regular
from worker.settings.rights import told
from worker.tables.marked import Mark, MarkedCell, MarkedSheet, write_marked

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,10})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,10})\.[0-9]{1,6}")
_DAY = re.compile(r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}")


def check_new(path: Path) -> None:
    """Make sure that a new workbook may be written there.

    Raises:
        WrongUse: the name is not that of a workbook.
        Refused: something is there already.
    """
    if path.suffix.lower() != ".xlsx":
        raise WrongUse(f"Le nom {path} n'est pas celui d'un classeur.", "Donnez-lui la fin .xlsx.")
    if path.exists() or path.is_symlink():
        raise Refused(f"{path} existe déjà : il n'est pas remplacé.", "Donnez un autre nom.")


def write_corrections(
    source: SourceFile, kind: ImportKind, findings: Sequence[Finding], to: Path, at: datetime
) -> bool:
    """Write the file with its findings; whether one of them has a place in it.

    Raises:
        ImportRefused, WrongUse: the file can no longer be read.
        WrongUse, Refused: as ``check_new``.
        StorageUnavailable: it cannot be written there.
    """
    check_new(to)
    wrong = _by_row(findings)
    if not wrong:
        return False
    layouts = {one.sheet: one for one in _layouts(source, KINDS[kind])}
    try:
        with replacing_regular(to) as file, _tables(source) as tables:
            sheets = (
                layouts[table.sheet].marked(table, wrong)
                for table in tables
                if table.sheet in layouts
            )
            write_marked(file, source.name, sheets, at)
    except OSError as error:
        raise StorageUnavailable(*told(error, to, writing=True)) from error
    return True


Wrong = Mapping[tuple[str, int], Sequence[CellFinding]]
"""What is wrong, by sheet and row; row 0 for a sheet as a whole."""


def _by_row(findings: Sequence[Finding]) -> Wrong:
    found: dict[tuple[str, int], list[CellFinding]] = defaultdict(list)
    for one in findings:
        if isinstance(one, CellFinding) and one.file:
            found[one.sheet, one.row].append(one)
    return found


@contextmanager
def _tables(source: SourceFile) -> Iterator[Iterator[Table]]:
    reader = spreadsheet if is_workbook(source) else csv_file
    with closing(reader.tables(source)) as tables:
        yield tables


def _layouts(source: SourceFile, kind: FileKind) -> Iterator["_Layout"]:
    """Where the header and the column of notes of each visible sheet stand."""
    with _tables(source) as tables:
        for table in tables:
            if table.hidden:
                continue
            top = top_of(table)
            place = header_of(top, kind)
            row, header = (1, []) if place is None else top[place]
            width = max((len(cells) for _, cells in chain(top, table.rows)), default=0)
            ours = [cell.partition("\n")[0].strip() == CORRECTIONS for cell in header]
            note = ours.index(True) if True in ours else width
            yield _Layout(table.sheet, row, note, is_text=not table.sheet)


class _Layout:
    """A sheet that is given back: the row of its header, the place of its column of notes."""

    def __init__(self, sheet: str, header: int, note: int, *, is_text: bool) -> None:
        self.sheet = sheet
        self._header = header
        self._note = note
        self._is_text = is_text

    def marked(self, table: Table, wrong: Wrong) -> MarkedSheet:
        """The sheet with what is wrong in it."""
        return MarkedSheet(
            name=self.sheet or "Données",
            rows=self._rows(table, wrong),
            header=self._header,
            note=self._note,
        )

    def _rows(self, table: Table, wrong: Wrong) -> Iterator[tuple[int, list[MarkedCell]]]:
        for number, cells in table.rows:
            found = list(wrong.get((self.sheet, number), ()))
            if number == self._header:
                found += wrong.get((self.sheet, 0), ())
            places = {one.place for one in found}
            # What is wrong with a row as a whole colours it all.
            whole = any(not one.place and one.row == number for one in found)
            row = [
                self._cell(text, number, wrong=whole or place in places)
                for place, text in enumerate(cells, start=1)
            ]
            row += [MarkedCell(None, Mark.TEXT)] * (self._note + 1 - len(row))
            row[self._note] = self._said(number, found)
            yield number, row

    def _said(self, number: int, found: Sequence[CellFinding]) -> MarkedCell:
        title = [CORRECTIONS] if number == self._header else []
        if title and not found:
            return MarkedCell(CORRECTIONS, Mark.HEADER)
        said = [
            f"{one.column and f'{one.column} : '}{one.message}. {one.remedy}".strip()
            for one in found
        ]
        text = "\n".join([*title, *dict.fromkeys(said)])
        return MarkedCell(text, Mark.NOTE) if text else MarkedCell(None, Mark.TEXT)

    def _cell(self, text: str, number: int, *, wrong: bool) -> MarkedCell:
        cell = MarkedCell(text, Mark.HEADER) if number == self._header else self._typed(text)
        return MarkedCell(cell.value, cell.mark.wrong, cell.number) if wrong else cell

    def _typed(self, text: str) -> MarkedCell:
        """A cell of the type that it had, as far as its text tells it."""
        if not text or text in {MERGED, UNCOMPUTED}:
            return MarkedCell(None, Mark.TEXT)
        if _WHOLE.fullmatch(text):
            return MarkedCell(int(text), Mark.NUMBER)
        if self._is_text:
            return MarkedCell(text, Mark.TEXT)
        if _DECIMAL.fullmatch(text):
            return MarkedCell(None, Mark.NUMBER, text)
        if _DAY.fullmatch(text):
            try:
                return MarkedCell(date.fromisoformat(text), Mark.DATE)
            except ValueError:
                pass
        return MarkedCell(text, Mark.TEXT)
