"""What is kept of an imported file, beside its rows: the file itself, or a copy without contacts.

The copy is a CSV of the sheet that was read. Each cell stays where it was, line and column, so that
both are read alike; the columns that hold personal data are empty in it, names included (C11).
"""

import csv
import re
from io import StringIO

from worker.imports import ImportKind, SourceFile, fingerprint, opened
from worker.imports.wording import refusal
from worker.storage import Archive

_BREAK = re.compile(r"[\r\n]+")


def keep(archive: Archive, source: SourceFile, kind: ImportKind, *, personal: bool) -> str:
    """Keep it durably; returns the SHA-256 of the archived piece.

    ``personal``: it has columns of contacts, and a copy without these is kept in its place.

    Raises:
        ImportRefused: it changed since it was fingerprinted.
        StorageUnavailable: the archive refuses it.
        WrongUse: it can no longer be read.
    """
    if personal:
        return archive.put(without_personal(source, kind))
    with source.opened() as file:
        if not archive.keep(file, source.sha256):
            raise refusal("changed", source.name)
    return source.sha256


def without_personal(source: SourceFile, kind: ImportKind) -> bytes:
    """The copy, in UTF-8. Raises as ``keep``."""
    text = StringIO()
    write = csv.writer(text, delimiter=";", lineterminator="\n").writerow
    with opened(source, kind) as (table, heading):
        layout, line = heading.layout, heading.row
        names = {place: column.name for place, column in layout.places if not column.personal}
        text.write("\n" * (line - 1))
        write(names.get(place, "") for place in range(layout.width))
        for number, cells in table.rows:
            if any(map(str.strip, cells)):
                text.write("\n" * (number - line - 1))
                write(
                    _BREAK.sub(" ", cells[place]) if place in names else ""
                    for place in range(layout.width)
                )
                line = number
    if fingerprint(source.path).sha256 != source.sha256:
        raise refusal("changed", source.name)
    return f"\ufeff{text.getvalue()}".encode()
