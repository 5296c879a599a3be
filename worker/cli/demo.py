"""``demo``: a whole January batch on example data, for a first look at the program."""

from pathlib import Path
from typing import Annotated

from worker.billing.status import InvoiceStatus
from worker.cli.console import command, put, remember_config, say
from worker.cli.imports import FRENCH_KINDS
from worker.cli.invoices import show_invoices
from worker.cli.options import option
from worker.cli.progress import tell
from worker.imports import ImportKind
from worker.imports.intake import take_in
from worker.issuing import go_ahead
from worker.issuing.preview import campaign_figures
from worker.service.bootstrap import open_portal, open_verified
from worker.service.campaign import run_year
from worker.service.demo import COMPLEMENT, EXAMPLES, FILES, write_demo
from worker.storage import invoices


def demo(
    folder: Annotated[Path, option("--dir", "demo par défaut", "DOSSIER")] = Path("demo"),
    year: Annotated[
        int | None,
        option("--year", "année des services ; 2025 par défaut", "ANNÉE", min=2023, max=2100),
    ] = 2025,
    members: Annotated[int, option("--members", "12 par défaut", "N", min=1, max=50_000)] = 12,
    seed: Annotated[int, option("--seed", "tirage des membres au-delà de 12", "S")] = 2025,
) -> None:
    """Joue un mois de janvier complet sur des données d'exemple.

    Crée un dossier, y importe des fichiers fictifs, émet les factures et les dépose sur un
    Chorus Pro local lancé pour l'occasion. Toutes les autres commandes marchent ensuite dessus.
    """
    year = year or 2025
    again = folder.exists() and any(folder.iterdir())
    config = write_demo(folder, year, members, seed)
    remember_config(config)
    say(f"Dossier de démonstration : {folder} (données fictives, année {year})")
    if again:
        say("La démonstration précédente, et tout ce que ce dossier contenait, est remplacée.")
    app = open_verified(config)
    for name in FILES:
        path, kind = folder / EXAMPLES / f"{name}.csv", ImportKind(name)
        say(f"importé   {path} : {take_in(app, path, kind).rows} {FRENCH_KINDS[kind]}")
    go_ahead.open_campaign(app, year, campaign_figures(app, year), "démonstration")
    with open_portal(app) as portal:
        head = run_year(app, portal, year, tell)
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
