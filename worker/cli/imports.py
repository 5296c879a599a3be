"""``import``: the files that finance brings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from worker.billing.money import count
from worker.billing.period import french_time
from worker.cli import json_views
from worker.cli.console import put, put_json, show_findings, table
from worker.cli.options import Config, Data, DryRun, Json, argument, option
from worker.cli.reading import open_reading
from worker.imports import ImportKind
from worker.imports.columns import OF_THE_TREASURY
from worker.imports.history import ChangedValue, changed_values, files_and_changes, save, the_file
from worker.imports.intake import take_in
from worker.service.opening import open_app
from worker.storage.source_files import ImportedFile, Kept
from worker.storage.versions import Changes

FRENCH_KINDS = {
    ImportKind.MEMBERS: "membres",
    ImportKind.SUBSCRIPTIONS: "abonnements",
    ImportKind.USAGE: "consommations",
    ImportKind.REFERENCES: "références de facturation",
    ImportKind.PREVIOUS: "montants d'une année passée",
    ImportKind.SETTLEMENTS: "paiements",
    ImportKind.TITLES: "titres",
    ImportKind.UNITS: "unités datées",
    ImportKind.POPULATION: "population",
}
KEPT = {Kept.WHOLE: "tel quel", Kept.WITHOUT_CONTACTS: "sans contacts", Kept.NOT: "non"}
MOST_SHOWN = 100


def import_(
    kind: Annotated[ImportKind, argument("NATURE", ", ".join(ImportKind))],
    file: Annotated[Path, argument("FICHIER", "CSV, XLSX ou ODS")],
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lit un fichier : membres, abonnements, consommations, références, et ce qui s'y ajoute.

    Tout ou rien : une ligne incorrecte et rien du fichier n'est pris. Le même fichier deux fois
    ne change rien. Le fichier est gardé dans l'archive, sans les contacts : voyez « import list ».
    """
    app = open_app(config, writes=not dry_run)
    if kind in OF_THE_TREASURY:
        # Loaded by the few who bring such a file here, and not by its own command.
        from worker.accounting import settlements  # noqa: PLC0415
        from worker.accounting.titles import returned  # noqa: PLC0415
        from worker.cli.settlements import tell_intake  # noqa: PLC0415

        take = settlements.take_in if kind is ImportKind.SETTLEMENTS else returned.take_in
        taken = take(app, file, dry_run=dry_run)
        tell_intake(taken, FRENCH_KINDS[kind], dry_run=dry_run, as_json=as_json)
        return
    intake = take_in(app, file, kind, dry_run=dry_run)
    if as_json:
        put_json(**json_views.intake(intake, dry_run=dry_run))
        return
    name = f"{intake.file.name} ({FRENCH_KINDS[kind]})"
    if intake.already:
        put(f"{name} : déjà importé, rien n'a changé.")
        return
    changes = intake.changes
    rehearsal = " (essai : rien n'a été gardé)" if dry_run else ""
    put(
        f"{name} : {count(intake.rows, 'ligne lue')}, "
        f"{count(changes.added, 'ajoutée')}, {count(changes.changed, 'modifiée')}, "
        f"{count(changes.unchanged, 'inchangée')}{rehearsal}."
    )
    if intake.left_out:
        put(f"Le fichier est gardé sans {' ni '.join(intake.left_out)} : données personnelles.")
    show_findings(intake.findings, "À vérifier")


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
                file.name,
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
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Affiche un fichier importé : d'où il vient, les valeurs qu'il a changées, leurs cellules."""
    app = open_reading(config, data)
    with app.reading() as session:
        file_id, found, changes = the_file(session, file)
        values = list(changed_values(session, file_id, found))
    if to is not None:
        save(app.store.archive, found, to)
    if as_json:
        put_json(**json_views.imported_file_shown(found, changes, values, to))
        return
    _show_file(found, changes)
    if to is not None:
        put(f"Fichier écrit : {to}.")
    if values:
        put()
        _show_values(values)


def _show_file(file: ImportedFile, changes: Changes) -> None:
    sheet = f", feuille « {file.sheet} »" if file.sheet else ""
    put(f"{file.name}{sheet} ({FRENCH_KINDS[ImportKind(file.kind)]})")
    put(f"Importé le {french_time(file.imported_at)} par {file.imported_by or 'on ne sait qui'}.")
    put(
        f"{count(file.rows, 'ligne')} : {count(changes.added, 'ajoutée')}, "
        f"{count(changes.changed, 'modifiée')}, {count(changes.unchanged, 'inchangée')}."
    )
    put(f"Empreinte SHA-256 du fichier reçu : {file.sha256} ({count(file.size, 'octet')}).")
    match file.how_kept:
        case Kept.WHOLE:
            put("Il est gardé tel quel dans l'archive.")
        case Kept.WITHOUT_CONTACTS:
            put(
                "L'archive en garde une copie sans les colonnes de contact, données personnelles ; "
                f"empreinte de la copie : {file.kept_sha256}."
            )
        case Kept.NOT:
            put("Il n'a pas été gardé : une version antérieure du programme l'a importé.")


def _show_values(values: Sequence[ChangedValue]) -> None:
    table(
        ("ligne", "cellule", "SIRET", "objet", "colonne", "avant", "après"),
        [
            (
                str(one.row),
                one.cell or "—",
                one.siret,
                one.subject,
                one.column,
                one.before or "—",
                one.after or "—",
            )
            for one in values[:MOST_SHOWN]
        ],
        right=("ligne",),
        narrow=("ligne", "SIRET", "colonne", "avant", "après"),
    )
    if len(values) > MOST_SHOWN:
        put(f"… et {count(len(values) - MOST_SHOWN, 'autre')} ; --json les donne toutes.")
