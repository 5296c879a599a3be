"""``import``: the files that finance brings."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from worker.app import App
from worker.billing.money import count
from worker.billing.period import french_date, french_time
from worker.cli import json_views
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    put,
    put_json,
    show_findings,
    table,
    table_file,
    write_table_file,
)
from worker.cli.given_back import given_back
from worker.cli.options import Config, Corrections, Data, DryRun, Json, argument, option
from worker.cli.reading import open_reading
from worker.imports import ImportKind
from worker.imports.destinations import DESTINATIONS
from worker.imports.grouping import grouped
from worker.imports.history import ChangedValue, changed_values, files_and_changes, save, the_file
from worker.imports.intake import Intake, take_in
from worker.imports.kinds import KINDS
from worker.imports.template import told_columns, write_template
from worker.service.opening import open_app
from worker.storage.source_files import ImportedFile, Kept, place
from worker.storage.versions import Changes

FRENCH_KINDS = {kind: one.french for kind, one in KINDS.items()}
KEPT = {Kept.WHOLE: "tel quel", Kept.WITHOUT_CONTACTS: "sans contacts", Kept.NOT: "non"}
MOST_SHOWN = 100
VALUES = ("feuille", "ligne", "cellule", "SIRET", "objet", "colonne", "avant", "après")
"""The columns of what a file changed."""


def import_(
    kind: Annotated[ImportKind, argument("NATURE", ", ".join(ImportKind))],
    file: Annotated[Path, argument("FICHIER", "CSV, XLSX ou ODS")],
    dry_run: DryRun = False,
    corrections: Corrections = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lit un fichier : membres, abonnements, consommations, références, et ce qui s'y ajoute.

    Tout ou rien : une ligne incorrecte et rien du fichier n'est pris. Le même fichier deux fois
    ne change rien. Le fichier est gardé dans l'archive, sans les contacts : voyez « import list ».
    """
    app = open_app(config, writes=not dry_run)
    with given_back(app, file, kind, corrections):
        intake = _taken(app, file, kind, dry_run=dry_run)
    if as_json:
        put_json(**json_views.intake(intake, dry_run=dry_run))
    else:
        _show_intake(intake, rehearsal=dry_run)
    raise typer.Exit(TO_LOOK_AT if intake.is_empty else DONE)


def _taken(app: App, file: Path, kind: ImportKind, *, dry_run: bool) -> Intake:
    if not DESTINATIONS[kind].command:
        return take_in(app, file, kind, dry_run=dry_run)
    # Loaded by the few who bring such a file here, and not by its own command.
    from worker.accounting import settlements  # noqa: PLC0415
    from worker.accounting.titles import returned  # noqa: PLC0415

    take = settlements.take_in if kind is ImportKind.SETTLEMENTS else returned.take_in
    return take(app, file, dry_run=dry_run)


def _show_intake(intake: Intake, *, rehearsal: bool) -> None:
    name = f"{intake.file.name} ({FRENCH_KINDS[intake.kind]})"
    if intake.already:
        put(f"{name} : déjà importé, rien n'a changé.")
        return
    if len(intake.sheets) > 1:
        for sheet in intake.sheets:
            put(f"Feuille « {sheet.sheet} » : {_counts(sheet.rows, sheet.changes)}.")
    after = " (essai : rien n'a été gardé)" if rehearsal else ""
    put(f"{name} : {_counts(intake.rows, intake.changes)}{after}.")
    if intake.left_out:
        kept = "serait gardé" if rehearsal else "est gardé"
        put(f"Le fichier {kept} sans {' ni '.join(intake.left_out)} : données personnelles.")
    show_findings(grouped(intake.findings), "À vérifier")


def _counts(rows: int, changes: Changes) -> str:
    return (
        f"{count(rows, 'ligne lue')}, {count(changes.added, 'ajoutée')}, "
        f"{count(changes.changed, 'modifiée')}, {count(changes.unchanged, 'inchangée')}"
    )


def template(
    kind: Annotated[ImportKind, argument("NATURE", ", ".join(ImportKind))],
    to: Annotated[
        Path | None, option("--to", "classeur à écrire, prêt à remplir", "FICHIER.xlsx")
    ] = None,
    as_json: Json = False,
) -> None:
    """Dit ce que porte un fichier à importer ; avec --to, en écrit le modèle prêt à remplir."""
    columns = told_columns(kind)
    if to is not None:
        write_template(kind, to)
    if as_json:
        put_json(**json_views.template(kind, columns, to))
        return
    table(
        ("colonne", "exemple fictif", "ce qu'elle porte"),
        [
            (
                one.name + "*" * one.compulsory,
                french_date(one.example) if isinstance(one.example, date) else str(one.example),
                one.note,
            )
            for one in columns
        ],
    )
    put("* : colonne obligatoire.")
    if to is not None:
        put(f"Modèle écrit : {to}. Sa ligne d'exemple est refusée à l'import : remplacez-la.")


def list_(config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """Liste les fichiers importés : quand, par qui, ce que chacun a changé."""
    with open_reading(config, data).reading() as session:
        files = [(file, changes) for _, file, changes in files_and_changes(session)]
    if as_json:
        put_json(**json_views.imported_files(files))
        return
    table(
        (
            *("importé le", "nature", "fichier", "lignes", "ajoutées", "modifiées"),
            *("inchangées", "gardé", "par", "empreinte"),
        ),
        [
            (
                file.imported_at,
                FRENCH_KINDS[ImportKind(file.kind)],
                place(file.name, file.sheet),
                file.rows,
                changes.added,
                changes.changed,
                changes.unchanged,
                KEPT[file.how_kept],
                file.imported_by or None,
                f"{file.sha256[:12]}…",
            )
            for file, changes in files
        ],
        narrow=("importé le", "nature", "fichier", "lignes", "par"),
    )


def show(
    file: Annotated[str, argument("FICHIER", "son nom, ou le début de son empreinte")],
    to: Annotated[Path | None, option("--to", "y écrire le fichier gardé", "FICHIER")] = None,
    values_to: Annotated[
        Path | None,
        option("--values", "y écrire les valeurs changées : .csv, .xlsx ou .json", "FICHIER"),
    ] = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Affiche un fichier importé : d'où il vient, les valeurs qu'il a changées, leurs cellules."""
    table_file(values_to, as_json=as_json, name="--values")
    app = open_reading(config, data)
    with app.reading() as session:
        found = the_file(session, file)
        values = [
            value for file_id, one, _ in found for value in changed_values(session, file_id, one)
        ]
    if to is not None:
        save(app.store.archive, [one for _, one, _ in found], to)
    if as_json:
        put_json(**json_views.imported_file_shown(found, values, to))
        return
    _show_file(found)
    if to is not None:
        put(f"Fichier écrit : {to}.")
    if values_to is not None:
        write_table_file(VALUES, _rows(values), values_to)
    elif values:
        put()
        _show_values(values)


def _show_file(sheets: Sequence[tuple[int, ImportedFile, Changes]]) -> None:
    (_, file, _), *others = sheets
    put(f"{file.name} ({FRENCH_KINDS[ImportKind(file.kind)]})")
    put(f"Importé le {french_time(file.imported_at)} par {file.imported_by or 'on ne sait qui'}.")
    for _, one, changes in sheets:
        sheet = f"Feuille « {one.sheet} », " if one.sheet else ""
        put(
            f"{sheet}{count(one.rows, 'ligne')} : {count(changes.added, 'ajoutée')}, "
            f"{count(changes.changed, 'modifiée')}, {count(changes.unchanged, 'inchangée')}."
        )
    put(f"Empreinte SHA-256 du fichier reçu : {file.sha256} ({count(file.size, 'octet')}).")
    match file.how_kept:
        case Kept.WHOLE:
            put("Il est gardé tel quel dans l'archive.")
        case Kept.WITHOUT_CONTACTS:
            each = ", une par feuille" if others else ""
            put(
                "L'archive en garde une copie sans les colonnes de contact, données personnelles"
                f"{each} ; empreinte : {', '.join(one.kept_sha256 for _, one, _ in sheets)}."
            )
        case Kept.NOT:
            put("Il n'a pas été gardé : une version antérieure du programme l'a importé.")


def _show_values(values: Sequence[ChangedValue]) -> None:
    table(
        VALUES,
        _rows(values[:MOST_SHOWN]),
        right=("ligne",),
        narrow=("ligne", "SIRET", "colonne", "avant", "après"),
    )
    if len(values) > MOST_SHOWN:
        put(f"… et {count(len(values) - MOST_SHOWN, 'autre')} ; --values les écrit toutes.")


def _rows(values: Sequence[ChangedValue]) -> list[tuple[str | None, ...]]:
    return [
        (
            one.sheet or None,
            str(one.row),
            one.cell or None,
            one.siret,
            one.subject,
            one.column,
            one.before or None,
            one.after or None,
        )
        for one in values
    ]
