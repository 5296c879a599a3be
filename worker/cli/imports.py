"""``import``: the files that finance brings."""

from pathlib import Path
from typing import Annotated

from worker.billing.money import count
from worker.cli import json_views
from worker.cli.console import put, put_json, show_findings
from worker.cli.options import Config, DryRun, Json, argument
from worker.imports import ImportKind
from worker.imports.intake import take_in
from worker.service.opening import open_app

FRENCH_KINDS = {
    ImportKind.MEMBERS: "membres",
    ImportKind.SUBSCRIPTIONS: "abonnements",
    ImportKind.USAGE: "consommations",
    ImportKind.REFERENCES: "références de facturation",
}


def import_(
    kind: Annotated[ImportKind, argument("NATURE", "members, subscriptions, usage ou references")],
    file: Annotated[Path, argument("FICHIER", "CSV, XLSX ou ODS")],
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lit un fichier de membres, d'abonnements, de consommations ou de références.

    Tout ou rien : une ligne incorrecte et rien du fichier n'est pris. Le même fichier deux fois
    ne change rien.
    """
    intake = take_in(open_app(config, writes=not dry_run), file, kind, dry_run=dry_run)
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
    show_findings(intake.findings, "À vérifier")
