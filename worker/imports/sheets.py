"""The sheets of a file whose rows are read: the header is found, what is passed over is said.

Every visible sheet is read under a header of its own, or the file is refused by the name of the
sheet. Lines above a header, sheets of text alone and hidden sheets hold no row; they are told.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from worker.errors import ImportRefused, Severity
from worker.imports import values
from worker.imports.columns import Layout, known_headers, lay_out
from worker.imports.kinds import FileKind
from worker.imports.source import MOST_ABOVE, SourceFile, Table, is_typed
from worker.imports.wording import (
    CellFinding,
    finding,
    place_of,
    quoted,
    quoted_list,
    refusal,
    words_of,
)

_YEAR = re.compile(r"(?<!\d)(?<!\d[/.-])20\d\d(?!\d|[/-]\d)")
"""A year that is no part of a date: that of an edition is not that of the figures."""
CORRECTIONS = "À corriger"
"""A column of our own, in a file that is given back with what is wrong in it."""
TEMPLATE_NOTE = "Note du modèle"
"""Another, in the workbook that is given to be filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Where the columns of a sheet stand: the row of the header, and what this names."""

    sheet: str
    row: int
    layout: Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is said of a sheet or of a file as a whole; a blocking one refuses the file."""

    finding: CellFinding


Headed = tuple[Table, Heading, tuple[Note, ...]]
"""A sheet, whose rows come after its header, and what is said of it."""


def headed(
    source: SourceFile, kind: FileKind, tables: Iterator[Table], only: str | None = None
) -> Iterator[Headed | Note]:
    """The sheets of a file under their headers, and a note about those without any.

    ``only``: the one sheet to read, the others being passed over.

    Raises:
        ImportRefused: a sheet has a table without a known header, or a header that does not fit;
            or there is no table in the whole file.
    """
    seen, found = "", False
    for table in tables:
        if only is not None and table.sheet != only:
            continue
        if table.hidden:
            yield _passed(source, table, "sheet-hidden")
            continue
        top = top_of(table)
        header = header_of(top, kind)
        if header is not None:
            found = True
            yield _under(source, kind, table, top, header)
        elif title := _text_alone(source, kind, chain(top, table.rows), table):
            seen = seen or title
            yield _passed(source, table, "sheet-text")
    if not found:
        if not seen:
            raise refusal("empty", source.name)
        raise _without_header(source, kind, "", seen)


Rows = list[tuple[int, list[str]]]


def top_of(table: Table) -> Rows:
    """The first filled rows of a sheet."""
    top: Rows = []
    for number, cells in table.rows:
        if filled(cells):
            top.append((number, cells))
            if len(top) > MOST_ABOVE:
                break
    return top


def filled(cells: Sequence[str]) -> list[str]:
    """The cells of a row in which something is typed."""
    return [cell for cell in cells if is_typed(cell)]


def header_of(top: Rows, kind: FileKind) -> int | None:
    """The place, among the first rows, of the one that names most columns: two at least."""
    named = [known_headers(cells, kind.columns) for _, cells in top[:MOST_ABOVE]]
    best = max(named, default=0)
    return named.index(best) if best >= 2 else None


def _under(source: SourceFile, kind: FileKind, table: Table, top: Rows, header: int) -> Headed:
    above, (row, cells), below = top[:header], top[header], top[header + 1 :]
    for number, skipped in above:
        if _is_data(skipped, kind):
            raise refusal("row-above", place_of(source.name, table.sheet), line=number, header=row)
    titles = [cell for _, skipped in above for cell in filled(skipped)]
    year, of_year = _year(source, table, titles)
    where = place_of(source.name, table.sheet, row)
    layout = lay_out(cells, kind.columns, where, across=kind.across, year=year, beside=kind.beside)
    if not isinstance(layout, Layout):
        findings = [replace(one, file=source.name, sheet=table.sheet, row=row) for one in layout]
        raise ImportRefused(*words_of("wrong-header", file=source.name), findings=findings)
    notes = []
    if above:
        lines = f"{above[0][0]}" if len(above) == 1 else f"{above[0][0]} à {above[-1][0]}"
        word = "une ligne non lue" if len(above) == 1 else "lignes non lues"
        told = {"lines": f"{word} ({lines})", "seen": quoted_list(titles, 3)}
        notes.append(_note(source, table, "IMPORT-LINES-SKIPPED", **told))
    ours = {CORRECTIONS, TEMPLATE_NOTE}
    unread = [name for name in layout.unread if name.partition("\n")[0].strip() not in ours]
    if unread:
        notes.append(_note(source, table, "IMPORT-COLUMN-UNREAD", seen=quoted_list(unread)))
    if layout.dated_by_title:
        notes.append(_note(source, table, "IMPORT-MONTHS-YEAR", year=year, told=of_year))
    heading = Heading(sheet=table.sheet, row=row, layout=layout)
    rest = replace(table, rows=chain(below, table.rows))
    return rest, heading, tuple(notes)


def _note(source: SourceFile, table: Table, code: str, **facts: object) -> Note:
    said = finding(
        code,
        where=place_of(source.name, table.sheet),
        severity=Severity.WARNING,
        **facts,  # type: ignore[arg-type] # never the names of its own
    )
    return Note(finding=replace(said, file=source.name, sheet=table.sheet))


def _is_data(cells: Sequence[str], kind: FileKind) -> bool:
    """Whether a row above a header looks like one of those below it."""
    texts = filled(cells)
    compulsory = sum(column.compulsory for column in kind.columns)
    return len(texts) >= compulsory and any(
        isinstance(values.siret(text.strip()), str) for text in texts if len(text) < 40
    )


def _year(source: SourceFile, table: Table, titles: Sequence[str]) -> tuple[int | None, str]:
    """The one year that titles name, else the sheet, else the file; and which of them does."""
    for texts, told in (
        (titles, "le titre du tableau"),
        ((table.sheet,), "le nom de la feuille"),
        ((source.name,), "le nom du fichier"),
    ):
        years = {int(year) for text in texts for year in _YEAR.findall(text)}
        if years:
            return (years.pop(), told) if len(years) == 1 else (None, "")
    return None, ""


def _text_alone(
    source: SourceFile, kind: FileKind, rows: Iterator[tuple[int, list[str]]], table: Table
) -> str:
    """What a sheet without header begins with, quoted; empty when nothing is typed in it.

    Raises:
        ImportRefused: a row of it has two cells: it is a table.
    """
    first = ""
    for _, cells in rows:
        texts = filled(cells)
        if len(texts) > 1:
            shown = ", ".join(map(quoted, texts[:10]))
            raise _without_header(source, kind, table.sheet, shown)
        first = first or (quoted(texts[0]) if texts else "")
    return first


def _without_header(source: SourceFile, kind: FileKind, sheet: str, seen: str) -> ImportRefused:
    known = ", ".join(column.name + "*" * column.compulsory for column in kind.columns)
    words = "no-header-sheet" if sheet else "no-header"
    return refusal(words, source.name, sheet=sheet, seen=seen, known=known)


def _passed(source: SourceFile, table: Table, words: str) -> Note:
    said = finding(
        "IMPORT-SHEET-UNREAD",
        words,
        where=source.name,
        value=table.sheet,
        severity=Severity.WARNING,
    )
    return Note(finding=replace(said, file=source.name, sheet=table.sheet))
