"""The files that were imported, for people: what each is, and which values it changed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from worker.billing.journal import EventTag
from worker.billing.money import Money, french
from worker.billing.period import Month, french_date
from worker.billing.provenance import cell
from worker.billing.quantity import french_quantity, in_parts
from worker.errors import StorageUnavailable, WrongUse
from worker.imports.destinations import DESTINATIONS
from worker.imports.kinds import KINDS, ImportKind
from worker.imports.source import MAX_BYTES
from worker.isolation.files import create_regular, open_regular
from worker.settings.rights import told
from worker.storage import Archive, Session, journal, source_files, versions
from worker.storage.source_files import ImportedFile
from worker.storage.versions import Changes, Versions

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedValue:
    """A value that a file changed.

    Attributes:
        sheet, row, cell: where the new value stands in the file.
        subject: what is said of the member, in French: a service, a month, a year.
        column: of the file.
    """

    sheet: str
    row: int
    cell: str
    siret: str
    subject: str
    column: str
    before: str
    after: str


def files_and_changes(session: Session) -> Iterator[tuple[int, ImportedFile, Changes]]:
    """Every imported file, in order, with what the journal says that it did."""
    did: dict[tuple[str, str, str | None], Changes] = {}
    for event in journal.events(session, tags=(EventTag.FILE_IMPORTED,)):
        payload = json.loads(event.payload)
        counts = {name: int(payload.get(name, 0)) for name in ("added", "changed", "unchanged")}
        did[str(payload.get("kind")), event.subject, payload.get("sheet")] = Changes(**counts)
    for file_id, file in source_files.imported_files(session):
        key = file.kind, file.sha256
        # A text has no sheet, and former releases read one and did not name it here.
        told = did.get((*key, file.sheet)) or did.get((*key, None), Changes())
        yield file_id, file, told


def the_file(session: Session, text: str) -> tuple[tuple[int, ImportedFile, Changes], ...]:
    """The sheets of the file of a name, or whose SHA-256 so begins.

    Raises:
        WrongUse: there is none, or several.
    """
    found = dict(source_files.called(session, text))
    if not found:
        raise WrongUse(
            f"Aucun fichier importé n'a ce nom, ni d'empreinte qui commence ainsi : « {text} ».",
            "Tapez « chorus-worker import list ».",
        )
    several = {(one.sha256, one.kind): one for one in found.values()}
    if len(several) > 1:
        listed = " ; ".join(f"{one.sha256[:16]}, {one.kind}" for one in several.values())
        raise WrongUse(
            f"Plusieurs fichiers importés s'appellent « {text} » : {listed}.",
            "Retapez la commande avec le début de l'empreinte de l'un d'eux.",
        )
    return tuple(one for one in files_and_changes(session) if one[0] in found)


def changed_values(session: Session, file_id: int, file: ImportedFile) -> Iterator[ChangedValue]:
    """The values that a file changed, in its order; what it added is in the file."""
    kind = ImportKind(file.kind)
    destination = DESTINATIONS[kind]
    if destination.adds:
        return
    if destination.beside is not None:
        yield from _beside(session, destination.beside, file_id, file)
    for replaced, new in versions.replaced_by(session, destination.table, file_id):
        before, after = _with_quantity(replaced), _with_quantity(new)
        for column in KINDS[kind].columns:
            if column.field in after and before[column.field] != after[column.field]:
                place = file.columns.get(column.name) or _of_month(file, after)
                yield ChangedValue(
                    sheet=file.sheet,
                    row=after["row"],
                    cell=cell(place, after["row"]) if place else "",
                    siret=after["siret"],
                    subject=destination.subject(after),
                    column=column.name,
                    before=_text(before[column.field], column.field),
                    after=_text(after[column.field], column.field),
                )


def _beside(
    session: Session, table: Versions, file_id: int, file: ImportedFile
) -> Iterator[ChangedValue]:
    """Natures that a file set; what none had said before is empty."""
    before = {
        new["id"]: old["nature"] for old, new in versions.replaced_by(session, table, file_id)
    }
    place = file.columns.get("nature")
    for new in versions.written_by(session, table, file_id):
        yield ChangedValue(
            sheet=file.sheet,
            row=new["row"],
            cell=cell(place, new["row"]) if place else "",
            siret=new["siret"],
            subject="",
            column="nature",
            before=before.get(new["id"], ""),
            after=new["nature"],
        )


def save(archive: Archive, files: Sequence[ImportedFile], to: Path) -> None:
    """Write what is kept of the sheets of a file.

    Raises:
        WrongUse: it was not kept, or sheet by sheet.
        IntegrityError: it is missing or altered.
        StorageUnavailable: it cannot be read, or not be written there.
    """
    file = files[0]
    if len({one.kept_sha256 for one in files}) > 1:
        listed = " ; ".join(f"« {one.sheet} » {one.kept_sha256[:16]}" for one in files)
        raise WrongUse(
            f"« {file.name} » est gardé feuille par feuille, sans les contacts : {listed}.",
            "Retapez la commande avec le début de l'empreinte de l'une d'elles.",
        )
    if not file.kept_sha256:
        raise WrongUse(
            f"« {file.name} » n'a pas été gardé : une version antérieure du programme l'a importé.",
            f"Retrouvez-le parmi vos fichiers : son empreinte SHA-256 est {file.sha256}.",
        )
    archive.check(file.kept_sha256, most=MAX_BYTES)
    try:
        with (
            open_regular(archive.path(file.kept_sha256), MAX_BYTES) as kept,
            create_regular(to) as copy,
        ):
            while piece := kept.read(_PIECE):
                copy.write(piece)
    except OSError as error:
        raise StorageUnavailable(*told(error, to, writing=True)) from error


def _of_month(file: ImportedFile, row: Mapping[str, Any]) -> int | None:
    """The position of the column of its month, where each month has one."""
    if "month" not in row:
        return None
    return file.columns.get(str(Month(row["year"], row["month"])))


def _with_quantity(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with its quantity of units, which is stored in whole parts."""
    parts = row.get("ten_thousandths")
    return row if parts is None else {**row, "quantity": french_quantity(in_parts(parts))}


def _text(value: object, field: str) -> str:
    match value:
        case int() if field.endswith("_cents"):
            return french(Money(value))
        case None:
            return ""
        case date():
            return french_date(value)
        case _:
            return str(value)
