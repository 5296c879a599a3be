"""A trial with one's own members: ``try`` makes a folder beside, on a local Chorus Pro.

What was imported is imported again there, contacts apart: no mail can reach a member. The local
portal knows each of them, with the demands that Chorus Pro's directory last told of it. Members
that took the place of others do so there. What was billed comes along as amounts to compare with;
decisions about a year, payments and titles do not. The real data are only read.
"""

import csv
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from worker.app import App
from worker.errors import Refused, StorageUnavailable
from worker.imports import ImportKind, fingerprint, read
from worker.imports.destinations import DESTINATIONS
from worker.imports.intake import Intake, take_in, take_rows
from worker.issuing.directory_rules import DirectoryEntry
from worker.issuing.successions import succeed
from worker.portals import ServiceRecord, StructureRecord
from worker.service.installation import DATA, TARIFFS, install
from worker.service.local_portal import CREDENTIALS, STRUCTURES
from worker.service.opening import open_app
from worker.settings.keys import Channel, Environment
from worker.settings.loading import Configuration, flatten
from worker.settings.rights import told
from worker.storage import Session, directory, imported, invoices, successions, year_amounts
from worker.storage.snapshots import load
from worker.storage.source_files import Kept, imported_files

MARKER = ".essai"
SECRETS = "secrets.toml"
PREVIOUS = "montants-anterieurs.csv"
_ELSEWHERE = ("data", "site", "journal", "mail")
"""Tables of the settings of which nothing is taken over: places, and whom the program talks to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was made.

    Attributes:
        config: the configuration of the trial.
        imports: each file that was imported again.
        lost: files that a former release took in without keeping them.
        members: that the local portal knows.
        known: of these, those whose demands the directory had told.
    """

    config: Path
    imports: tuple[Intake, ...]
    lost: tuple[str, ...]
    members: int
    known: int


def make_trial(app: App, folder: Path) -> Trial:
    """Make the folder; one that a former trial made is replaced.

    Raises:
        Refused: the folder holds something else.
        StorageUnavailable: it cannot be written.
        ImportRefused: a kept file is no longer accepted as it is.
    """
    with app.reading() as session:
        files = tuple(imported_files(session))
        members = [imported.member(session, one) for one in sorted(imported.known_sirets(session))]
        entries = [_entry(session, one.siret, one.name) for one in members]
        amounts = _amounts(session)
        given = tuple(successions.in_force(session).values())
    seller = {"siret": app.settings.syndicat.siret, "name": app.settings.syndicat.name}
    structures = [seller | {"public": True, "active": True}, *(entry for entry, _ in entries)]
    try:
        _empty(folder)
        install(folder, _config(app.configuration), app.configuration.tariff_folder)
        secrets = folder / SECRETS
        secrets.touch(mode=0o600)
        secrets.write_text(
            "".join(f"{name} = {json.dumps(value)}\n" for name, value in CREDENTIALS.items())
        )
        text = json.dumps(structures, ensure_ascii=False, indent=1)
        (folder / DATA / STRUCTURES).write_text(text, "utf-8")
        if amounts:
            (folder / PREVIOUS).write_text(amounts, "utf-8-sig", newline="")
    except OSError as error:
        raise StorageUnavailable(*told(error, folder, writing=True)) from error
    trial = open_app(folder / "worker.toml", app.clock, writes=True)
    imports = []
    for _, file in files:
        kind = ImportKind(file.kind)
        # Payments and titles, which have commands of their own, are of invoices that stay behind.
        if file.how_kept is not Kept.NOT and not DESTINATIONS[kind].command:
            kept = replace(fingerprint(app.store.archive.path(file.kept_sha256)), name=file.name)
            imports.append(take_rows(trial, kept, kind, read(kept, kind)))
    for one in given:
        succeed(trial, one.siret, one.successor, one.effective_on, one.reason)
    if amounts:
        imports.append(take_in(trial, folder / PREVIOUS, ImportKind.PREVIOUS))
    return Trial(
        config=folder / "worker.toml",
        imports=tuple(imports),
        lost=tuple(file.name for _, file in files if file.how_kept is Kept.NOT),
        members=len(entries),
        known=sum(known for _, known in entries),
    )


def _empty(folder: Path) -> None:
    """Make an empty folder with our mark. Raises Refused, OSError."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise Refused(
                f"Le dossier {folder} contient autre chose qu'un essai.",
                "Choisissez un dossier vide, ou qui n'existe pas encore.",
            )
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / MARKER).write_text("Dossier d'essai : peut être effacé.\n", "utf-8")


def _config(configuration: Configuration) -> str:
    """What the installation was told, on a local portal, and in this folder only."""
    settings = configuration.settings
    told_here = settings.model_dump(mode="json", exclude_defaults=True)
    values: dict[str, Any] = {
        key: value
        for key, value in flatten(told_here)
        if key.partition(".")[0] not in _ELSEWHERE and value is not None
    }
    values |= {
        "channel": Channel.API.value,
        "secrets_file": SECRETS,
        "portal.environment": Environment.LOCAL.value,
        "portal.requests_per_second": 100,
        # The local portal integrates and indexes at once: one look is proof.
        "portal.reconcile_minutes": [0],
        "portal.report_minutes": [0, *settings.portal.report_minutes],
        "data.tariffs": TARIFFS,
    }
    values.pop("portal.local_url", None)
    for key, path in {
        "look.logo": configuration.logo,
        "late_interest.rates": configuration.interest_rates,
    }.items():
        if key in values and path is not None:
            values[key] = str(path)
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    return "# Configuration d'essai, faite par « try » : rien ne part vers Chorus Pro.\n" + "".join(
        lines
    )


def _entry(session: Session, siret: str, name: str) -> tuple[dict[str, object], bool]:
    """A structure as the local portal reads it; whether the directory had told of it."""
    kept = directory.cached_entry(session, siret)
    try:
        entry = None if kept is None else load(DirectoryEntry, kept[1])
    except ValueError:
        entry = None
    structure = None if entry is None else entry.structure
    if entry is None or structure is None:
        return {"siret": siret, "name": name, "public": True, "active": True}, False
    services = [] if entry.service is None else [_service(entry.service)]
    return _structure(structure) | {"services": services}, True


def _structure(record: StructureRecord) -> dict[str, object]:
    return {
        "siret": record.siret,
        "name": record.name,
        "public": record.public,
        "active": record.active,
        "moa_only": record.works_only,
        "service_code_required": record.service_code_required,
        "engagement_required": record.engagement_required,
        "service_or_engagement": record.service_or_engagement_required,
        "payment_status_not_reported": record.payment_not_reported,
    }


def _service(record: ServiceRecord) -> Mapping[str, object]:
    days = {"valid_from": record.valid_from, "valid_to": record.valid_to}
    return {
        "code": record.code,
        "name": record.name,
        "active": record.active,
        "engagement_required": record.engagement_required,
    } | {name: day.isoformat() for name, day in days.items() if day is not None}


def _amounts(session: Session) -> str:
    """What was billed of each year, or brought in, as a file to import; empty without any."""
    rows = list(_rows(session))
    if not rows:
        return ""
    text = StringIO()
    write = csv.writer(text, delimiter=";", lineterminator="\r\n").writerow
    write(("siret", "annee", "montant_ttc", "nom"))
    for row in rows:
        write(row)
    return text.getvalue()


def _rows(session: Session) -> Iterator[tuple[str, int, str, str]]:
    tracked = invoices.tracked(session)
    names = {one.siret: one.member_name for one in tracked}
    for year in sorted({one.year for one in tracked if one.number}):
        found = year_amounts.year_amounts(session, year)
        for siret, amount in sorted(found.amounts.items()):
            yield siret, year, str(amount), found.names.get(siret) or names.get(siret, "")
