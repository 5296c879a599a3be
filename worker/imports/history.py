"""The files that were imported, for people: what each is, and which values it changed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from worker.billing.consumption import service_name
from worker.billing.journal import EventTag
from worker.billing.money import Money, french
from worker.billing.period import Month, french_date
from worker.billing.quantity import french_quantity, in_parts
from worker.billing.tariff import NO_TIER
from worker.errors import StorageUnavailable, WrongUse
from worker.imports.columns import COLUMNS, OF_THE_TREASURY, ImportKind
from worker.imports.source import MAX_BYTES
from worker.isolation.files import create_regular, open_regular
from worker.settings.rights import told
from worker.storage import Archive, Session, journal, source_files, versions
from worker.storage.source_files import ImportedFile, cell
from worker.storage.versions import Changes, Versions

TABLES: Mapping[ImportKind, Versions] = {
    ImportKind.MEMBERS: versions.MEMBERS,
    ImportKind.SUBSCRIPTIONS: versions.SUBSCRIPTIONS,
    ImportKind.USAGE: versions.USAGE,
    ImportKind.REFERENCES: versions.REFERENCES,
    ImportKind.PREVIOUS: versions.PREVIOUS,
    ImportKind.SETTLEMENTS: versions.SETTLEMENTS,
    ImportKind.TITLES: versions.TITLES,
    ImportKind.UNITS: versions.UNITS,
    ImportKind.POPULATION: versions.POPULATION,
}
"""The table that each kind of file fills; contacts stand apart."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedValue:
    """A value that a file changed.

    Attributes:
        row, cell: where the new value stands in the file; the sheet is the file's.
        subject: what is said of the member, in French: a service, a month, a year.
        column: of the file.
    """

    row: int
    cell: str
    siret: str
    subject: str
    column: str
    before: str
    after: str


def files_and_changes(session: Session) -> Iterator[tuple[int, ImportedFile, Changes]]:
    """Every imported file, in order, with what the journal says that it did."""
    did: dict[tuple[str, str], Changes] = {}
    for event in journal.events(session, tags=(EventTag.FILE_IMPORTED,)):
        payload = json.loads(event.payload)
        counts = {name: int(payload.get(name, 0)) for name in ("added", "changed", "unchanged")}
        did[str(payload.get("kind")), event.subject] = Changes(**counts)
    for file_id, file in source_files.imported_files(session):
        yield file_id, file, did.get((file.kind, file.sha256), Changes())


def the_file(session: Session, text: str) -> tuple[int, ImportedFile, Changes]:
    """The file of a name, or whose SHA-256 so begins. Raises WrongUse: none, or several."""
    found = dict(source_files.called(session, text))
    if not found:
        raise WrongUse(
            f"Aucun fichier importé n'a ce nom, ni d'empreinte qui commence ainsi : « {text} ».",
            "Tapez « chorus-worker import list ».",
        )
    if len(found) > 1:
        listed = " ; ".join(f"{one.sha256[:16]}, {one.kind}" for one in found.values())
        raise WrongUse(
            f"Plusieurs fichiers importés s'appellent « {text} » : {listed}.",
            "Retapez la commande avec le début de l'empreinte de l'un d'eux.",
        )
    return next(one for one in files_and_changes(session) if one[0] in found)


def changed_values(session: Session, file_id: int, file: ImportedFile) -> Iterator[ChangedValue]:
    """The values that a file changed, in its order; what it added is in the file."""
    kind = ImportKind(file.kind)
    if kind in OF_THE_TREASURY:
        return  # what they add stands beside what there was
    if kind is ImportKind.MEMBERS:
        yield from _changed_natures(session, file_id, file)
    for replaced, new in versions.replaced_by(session, TABLES[kind], file_id):
        before, after = _with_quantity(replaced), _with_quantity(new)
        for column in COLUMNS[kind]:
            if column.field in after and before[column.field] != after[column.field]:
                place = file.columns.get(column.name)
                yield ChangedValue(
                    row=after["row"],
                    cell=cell(place, after["row"]) if place else "",
                    siret=after["siret"],
                    subject=_subject(kind, after),
                    column=column.name,
                    before=_text(before[column.field], column.field),
                    after=_text(after[column.field], column.field),
                )


def _changed_natures(session: Session, file_id: int, file: ImportedFile) -> Iterator[ChangedValue]:
    """Those that a file changed; what none had said before is empty."""
    replaced = versions.replaced_by(session, versions.NATURES, file_id)
    before = {new["id"]: old["nature"] for old, new in replaced}
    place = file.columns.get("nature")
    for new in versions.written_by(session, versions.NATURES, file_id):
        yield ChangedValue(
            row=new["row"],
            cell=cell(place, new["row"]) if place else "",
            siret=new["siret"],
            subject="",
            column="nature",
            before=before.get(new["id"], ""),
            after=new["nature"],
        )


def save(archive: Archive, file: ImportedFile, to: Path) -> None:
    """Write what is kept of a file.

    Raises:
        WrongUse: it was not kept.
        IntegrityError: it is missing or altered.
        StorageUnavailable: it cannot be read, or not be written there.
    """
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


def _subject(kind: ImportKind, row: Mapping[str, Any]) -> str:
    match kind:
        case ImportKind.MEMBERS:
            return str(row["name"])
        case ImportKind.SUBSCRIPTIONS:
            return f"{_service(row)}, à partir du {french_date(row['start'])}"
        case ImportKind.USAGE:
            return f"{_service(row)}, {Month(row['year'], row['month']).french}"
        case ImportKind.REFERENCES | ImportKind.PREVIOUS | ImportKind.POPULATION:
            return str(row["year"])
        case ImportKind.SETTLEMENTS | ImportKind.TITLES:
            return ""
        case ImportKind.UNITS:
            return f"{row['service']}, {french_date(row['day'])} ({row['reference']})"


def _with_quantity(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with its quantity of units, which is stored in whole parts."""
    parts = row.get("ten_thousandths")
    return row if parts is None else {**row, "quantity": french_quantity(in_parts(parts))}


def _service(row: Mapping[str, Any]) -> str:
    return service_name(row["service"], None if row["tier"] == NO_TIER else row["tier"])


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
