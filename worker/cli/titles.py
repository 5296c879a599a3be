"""``titles export`` and ``titles import``: between the books and the finance software."""

from pathlib import Path
from typing import Annotated

from worker.accounting.titles.export import Exported, Layout
from worker.accounting.titles.export import export as write_titles
from worker.accounting.titles.returned import take_in
from worker.billing.money import count, french
from worker.billing.title import Edition
from worker.cli import json_views
from worker.cli.console import put, put_json
from worker.cli.given_back import given_back
from worker.cli.options import Config, Corrections, DryRun, Json, Year, argument, option
from worker.cli.settlements import tell_intake
from worker.imports import ImportKind
from worker.service.opening import open_app

EDITIONS = {
    Edition.NOTHING: "Edition 04 (aucun traitement par la DGFiP : la facture est déposée par nous)",
    Edition.TO_CHORUS: "Edition 02 (ASAP vers Chorus Pro : le titre porte la facture)",
}
SOFTWARE = {
    Layout.EMAGNUS: "Berger-Levrault e.magnus",
    Layout.CORAIL: "Cosoluce Corail",
    Layout.JVS: "JVS",
}


def export(
    year: Year,
    to: Annotated[
        Path, option("--to", "fichier .csv, .xlsx ou .json ; sinon un dossier neuf", "FICHIER")
    ],
    layout: Annotated[
        Layout, option("--layout", "neutral (sinon), emagnus, corail ou jvs", "FORMAT")
    ] = Layout.NEUTRAL,
    pieces: Annotated[
        Path | None, option("--pieces", "y écrire aussi le PDF de chaque facture", "DOSSIER")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Écrit ce qu'il faut au logiciel comptable pour faire les titres de recettes d'une année.

    Le format neutre convient à tout logiciel : une ligne par facture et service, avoirs compris.
    « emagnus », « corail » et « jvs » sont leurs fichiers d'import, à essayer d'abord sur la base
    de test du logiciel. L'édition du PES suit le canal ; réclamer deux fois est refusé.
    """
    done = write_titles(open_app(config, writes=True), year, to, layout, pieces=pieces)
    if as_json:
        put_json(**json_views.titles_export(done, to, layout))
        return
    _tell(done, to, layout)


def import_(
    file: Annotated[Path, argument("FICHIER", "CSV, XLSX ou ODS")],
    dry_run: DryRun = False,
    corrections: Corrections = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lit les titres faits par le logiciel comptable : numéros, bordereaux, dates, paiements.

    Tout ou rien : un numéro de facture inconnu, un titre deux fois, et rien n'est pris.
    """
    app = open_app(config, writes=not dry_run)
    with given_back(app, file, ImportKind.TITLES, corrections):
        intake = take_in(app, file, dry_run=dry_run)
    tell_intake(intake, "titres", dry_run=dry_run, as_json=as_json)


def _tell(done: Exported, to: Path, layout: Layout) -> None:
    put(
        f"{count(len(done.numbers), 'titre')} à faire, {count(len(done.lines), 'ligne')}, "
        f"{french(done.total)} TTC, dans {to}."
    )
    put(f"{EDITIONS[done.edition]}.")
    if layout is not Layout.NEUTRAL:
        put(f"Format {SOFTWARE[layout]} : essayez-le d'abord sur sa base de test.")
    if done.pieces:
        put(f"{count(done.pieces, 'pièce jointe', 'pièces jointes')}, le PDF de chaque facture.")
    if done.titled:
        put(f"Ont déjà leur titre, et ne sont pas ici : {', '.join(done.titled)}.")
    if done.void:
        put(
            f"Annulées avant tout titre, avec leurs avoirs, ni à faire ni à réduire : "
            f"{', '.join(done.void)}."
        )
    if done.credits:
        put(
            f"À réduire ou annuler dans le logiciel lui-même : {', '.join(done.credits)} "
            "(avoirs, factures annulées)."
        )
    if done.shortened:
        put(f"Noms coupés à 38 caractères, limite du PES : {' ; '.join(done.shortened)}.")
