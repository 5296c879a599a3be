"""``demo``: a whole January batch on example data, for whoever has just cloned the project."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.console import command, put, remember_config, say
from worker.cli.typer_french import FrenchCommand


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("demo", cls=FrenchCommand)(demo)


def demo(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DOSSIER", help="demo par défaut", show_default=False)
    ] = Path("demo"),
    year: Annotated[
        int | None,
        typer.Option(
            "--year",
            metavar="ANNÉE",
            help="année des services ; 2025 par défaut",
            min=2023,
            max=2100,
            show_default=False,
        ),
    ] = 2025,
    members: Annotated[
        int,
        typer.Option(
            "--members", metavar="N", help="12 par défaut", min=1, max=50_000, show_default=False
        ),
    ] = 12,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="S", help="tirage des membres au-delà de 12", show_default=False
        ),
    ] = 2025,
) -> None:
    """Joue un mois de janvier complet sur des données d'exemple.

    Crée un dossier, y importe des fichiers fictifs, émet les factures et les dépose sur un
    Chorus Pro local lancé pour l'occasion. Toutes les autres commandes marchent ensuite dessus.
    """
    from worker.billing.status import InvoiceStatus
    from worker.cli.imports import FRENCH_KINDS, Kind
    from worker.cli.run import show_invoices, teller
    from worker.imports import ImportKind
    from worker.imports.intake import take_in
    from worker.service.bootstrap import open_portal, open_verified
    from worker.service.campaign import run_year
    from worker.service.demo import COMPLEMENT, EXAMPLES, FILES, write_demo
    from worker.storage import invoices

    year = year or 2025
    again = folder.exists() and any(folder.iterdir())
    config = write_demo(folder, year, members, seed)
    remember_config(config)
    say(f"Dossier de démonstration : {folder} (données fictives, année {year})")
    if again:
        say("La démonstration précédente, et tout ce que ce dossier contenait, est remplacée.")
    app = open_verified(config)
    for name in FILES:
        path = folder / EXAMPLES / f"{name}.csv"
        intake = take_in(app, path, ImportKind(name))
        say(f"importé   {path} : {intake.rows} {FRENCH_KINDS[Kind(name)]}")
    with open_portal(app) as portal:
        head = run_year(app, portal, year, teller())
    with app.reading() as session:
        found = invoices.tracked(session, year=year)
    put()
    show_invoices(app, found, as_json=False)
    put(f"Journal : {head.seq} événements, empreinte {head.hash[:16]}…")
    put()
    if any(invoice.status is InvoiceStatus.PARKED for invoice in found):
        put("Un membre est retenu exprès : sa structure exige un engagement qu'il n'a pas donné.")
        put("Aucun numéro n'a été consommé pour lui. Pour le facturer, tapez :")
        put(f"  {command(f'import references {folder / EXAMPLES / COMPLEMENT}')}")
        put(f"  {command(f'run {year}')}")
        put()
    put("À voir ensuite :")
    first = next((invoice.number for invoice in found if invoice.number), "")
    for text in (
        f"status {year} --todo",
        f"show {first}",
        f"documents export {year} --to {folder / 'factures'}",
        "journal verify",
    ):
        put(f"  {command(text)}")
