"""What is kept of an imported file, beside its rows: the file itself, or a copy without contacts.

The copy is a CSV of a sheet that was read. Each cell stays where it was, line and column, so that
both are read alike; the columns that hold personal data are empty in it, names included (C11).
"""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO

from worker.imports import Heading, ImportKind, Note, SourceFile, fingerprint, opened
from worker.imports.source import Table, is_typed
from worker.imports.wording import refusal
from worker.storage import Archive

_BREAK = re.compile(r"[\r\n]+")


def keep(
    archive: Archive, source: SourceFile, kind: ImportKind, sheets: Sequence[str], *, personal: bool
) -> dict[str, str]:
    """Keep it durably; returns the SHA-256 of the archived piece of each of its sheets.

    ``personal``: it has columns of contacts, and copies without these are kept in its place.

    Raises:
        ImportRefused: it changed since it was fingerprinted.
        StorageUnavailable: the archive refuses it.
        WrongUse: it can no longer be read.
    """
    if personal:
        return {
            sheet: archive.put(copy)
            for sheet, copy in without_personal(source, kind)
            if sheet in sheets
        }
    with source.opened() as file:
        if not archive.keep(file, source.sha256):
            raise refusal("changed", source.name)
    return dict.fromkeys(sheets, source.sha256)


def without_personal(source: SourceFile, kind: ImportKind) -> Iterator[tuple[str, bytes]]:
    """The copy of each sheet, in UTF-8. Raises as ``keep``."""
    with opened(source, kind) as sheets:
        for one in sheets:
            if not isinstance(one, Note):
                table, heading, _ = one
                yield table.sheet, _copied(table, heading)
    if fingerprint(source.path).sha256 != source.sha256:
        raise refusal("changed", source.name)


def _copied(table: Table, heading: Heading) -> bytes:
    text = StringIO()
    write = csv.writer(text, delimiter=";", lineterminator="\n").writerow
    layout, line = heading.layout, heading.row
    names = {place: column.name for place, column in layout.places if not column.personal}
    text.write("\n" * (line - 1))
    write(names.get(place, "") for place in range(layout.width))
    for number, cells in table.rows:
        if any(map(is_typed, cells)):
            text.write("\n" * (number - line - 1))
            write(
                _BREAK.sub(" ", cells[place]) if place in names else ""
                for place in range(layout.width)
            )
            line = number
    return f"\ufeff{text.getvalue()}".encode()
