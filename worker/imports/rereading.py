"""Do the rows still say what their files say? Each kept file is read again, as it was imported.

The rows that a file wrote stay, superseded or not: each must be in the file, under its number, with
the same values. What a former release took in was not kept, and cannot be read again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from heapq import merge
from itertools import groupby, islice, zip_longest
from operator import itemgetter

from worker.app import App
from worker.billing.money import count
from worker.errors import KEEP_AND_COMPARE, Finding, IntegrityError, WrongUse
from worker.imports import ImportKind, RefusedRow, Row, fingerprint, read
from worker.imports.destinations import DESTINATIONS
from worker.imports.history import files_and_changes
from worker.imports.kinds import KINDS
from worker.imports.source import MAX_BYTES
from worker.imports.wording import place_of
from worker.storage import Session, versions
from worker.storage.imported import columns_of
from worker.storage.source_files import ImportedFile, Kept
from worker.storage.versions import Changes, Record, Versions

_HEADERS = {column.field: column.name for kind in KINDS.values() for column in kind.columns} | {
    "ten_thousandths": "quantite × 10 000"
}
"""By the name of a column of ours, the header that people know it by."""
MOST_TOLD = 5
"""Differences of one file."""


def reread(app: App) -> tuple[Finding, ...]:
    """Every difference between the kept files and the rows; none when sound.

    Raises:
        StorageUnavailable: the archive cannot be read.
    """
    findings: list[Finding] = []
    with app.reading() as session:
        try:
            for file_id, file, changes in files_and_changes(session):
                if file.kept_sha256:
                    found = _differences(app, session, file_id, file, changes)
                    findings.extend(islice(found, MOST_TOLD))
        except IntegrityError as error:
            findings.append(_differs("base", error.message))
    return tuple(findings)


def _differences(
    app: App, session: Session, file_id: int, file: ImportedFile, changes: Changes
) -> Iterator[Finding]:
    archive, kind = app.store.archive, ImportKind(file.kind)
    try:
        archive.check(file.kept_sha256, most=MAX_BYTES)
        source = replace(fingerprint(archive.path(file.kept_sha256)), name=file.name)
        table, beside = DESTINATIONS[kind].table, DESTINATIONS[kind].beside
        natures = {} if beside is None else _by_row(session, beside, file_id)
        written = versions.written_by(session, table, file_id)
        # Its copy without contacts has that sheet alone, and no name for it.
        sheet = file.sheet if file.how_kept is Kept.WHOLE else None
        rows = read(source, kind, sheet)
        total = found = 0
        for row, there, here in _side_by_side(rows, written, table.key):
            total += there is not None
            nature = natures.pop(row, None)
            found += here is not None or nature is not None
            for part, record in enumerate((here, None, nature)):
                if record is not None and (wrong := _wrong(there, record, part)):
                    yield _differs(place_of(file.name, file.sheet, row), wrong)
        for row, nature in natures.items():
            yield _differs(place_of(file.name, file.sheet, row), _wrong(None, nature))
    except (IntegrityError, WrongUse) as error:
        yield _differs(place_of(file.name, file.sheet), error.message)
        return
    wrote = changes.added + changes.changed
    if (total, found) != (file.rows, wrote):
        yield _differs(
            place_of(file.name, file.sheet),
            f"le fichier gardé a {count(total, 'ligne')} et la base en a pris {found}, alors que "
            f"l'import en avait lu {file.rows} et pris {wrote}",
        )


def _by_row(session: Session, table: Versions, file_id: int) -> dict[int, Record]:
    """What a file said beside, by its row."""
    return {int(one["row"]): one for one in versions.written_by(session, table, file_id)}


Pair = tuple[Row | RefusedRow | None, Record | None]


def _side_by_side(
    there: Iterable[Row | RefusedRow], here: Iterable[Record], key: tuple[str, ...]
) -> Iterator[tuple[int, Row | RefusedRow | None, Record | None]]:
    """Each value of the file, that of the database under its row, or one without the other."""
    both = merge(
        ((row.row, row, None) for row in there),
        ((int(row["row"]), None, row) for row in here),
        key=itemgetter(0),
    )
    for number, group in groupby(both, key=itemgetter(0)):
        _, rows, records = zip(*group, strict=True)
        for pair in _pairs(list(filter(None, rows)), list(filter(None, records)), key):
            yield number, *pair


def _pairs(
    rows: list[Row | RefusedRow], records: list[Record], key: tuple[str, ...]
) -> Iterator[Pair]:
    """The values of a row with those of the database: by key, where months are columns."""
    if len(rows) > 1:
        kept = {tuple(record[name] for name in key): record for record in records}
        left = list[Row | RefusedRow]()
        for row in rows:
            said = columns_of(row.value) if isinstance(row, Row) else {}
            record = kept.pop(tuple(said.get(name) for name in key), None)
            if record is None:
                left.append(row)
            else:
                yield row, record
        rows, records = left, list(kept.values())
    yield from zip_longest(rows, records)


def _wrong(there: Row | RefusedRow | None, here: Record, part: int = 0) -> str:
    """What a row of the database has that is not in the file; empty when it is all there.

    ``part``: of a row of the file that says several things, the one that is compared.
    """
    if there is None:
        return "la base a cette ligne, et le fichier gardé ne l'a pas"
    if not isinstance(there, Row):
        return "le fichier gardé ne donne plus de valeur à cette ligne"
    value = there.value[part] if isinstance(there.value, tuple) else there.value
    said = {} if value is None else columns_of(value)
    wrong = [name for name in said if said[name] != here[name]]
    return ", ".join(
        f"{_HEADERS.get(name, name)} : {here[name]} dans la base, {said[name]} au fichier"
        for name in wrong
    )


def _differs(where: str, what: str) -> Finding:
    return Finding(
        code="FILE-DIFFERS",
        message=what,
        remedy=KEEP_AND_COMPARE,
        where=where,
    )
