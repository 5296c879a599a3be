"""``preview``, ``run``, ``deposit``, ``follow``, ``reconcile``: what moves a year forward."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from worker.app import App
from worker.audit.anchors import anchor
from worker.billing.comparison import french_percent
from worker.billing.money import count, french, signed
from worker.billing.period import french_time
from worker.cli import json_views
from worker.cli.checkpoint import show_anchoring
from worker.cli.console import (
    DONE,
    MOST_FINDINGS,
    TO_LOOK_AT,
    command,
    put,
    put_json,
    say,
    show_findings,
    table,
)
from worker.cli.invoices import show_acts, show_beyond, show_invoices
from worker.cli.options import Config, Json, Year, argument, option
from worker.cli.progress import tell
from worker.cli.reading import directory_told, open_reading
from worker.corrections.unknown import close_unknown
from worker.errors import WorkerError, WrongUse
from worker.issuing.preview import Preview, table_of
from worker.issuing.preview import preview as compute
from worker.issuing.proofs import write_proofs
from worker.portals import Portal
from worker.service import campaign, decisions
from worker.service.bootstrap import branding, open_portal, open_verified, verified
from worker.service.reports import report_after_run
from worker.storage import invoices, portal_documents
from worker.tables.files import format_of, write_table


def preview(
    year: Year,
    to: Annotated[
        Path | None, option("--to", "écrit le tableau : .csv, .xlsx ou .json", "FICHIER")
    ] = None,
    documents: Annotated[
        Path | None,
        option("--documents", "écrit les pages, marquées « projet », sans numéro", "DOSSIER"),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Calcule les montants d'une année, membre par membre ; rien n'est enregistré."""
    if to is not None:
        format_of(to)
    app = verified(open_reading(config, None))
    look = branding(app)  # in December, a logo that cannot be printed is still easily changed
    previewed = compute(app, year)
    pages = () if documents is None else write_proofs(app, previewed, look, documents)
    if to is not None:
        write_table(table_of(previewed), to, at=app.clock())
    if as_json:
        put_json(**json_views.preview(previewed, to, pages))
    else:
        _show_preview(app, previewed)
        if to is not None:
            put(f"Tableau écrit : {to}.")
        if documents is not None:
            put(f"{count(len(pages), 'page écrite')} dans {documents}, marquées « projet ».")
    return TO_LOOK_AT if previewed.blocked else DONE


def _show_preview(app: App, previewed: Preview) -> None:
    year = previewed.year
    first = app.settings.billing.first_year
    if first is not None and year < first:
        say(f"L'année {year} n'est pas facturée par ce programme : la première est {first}.")
    table(
        ("membre", "SIRET", f"{year} TTC", f"{year - 1} TTC", "écart", "%", "état"),
        [
            (
                one.name,
                one.siret,
                french(one.total),
                "—" if one.previous is None else french(one.previous),
                "—" if one.previous is None else signed(one.difference),
                "—" if one.change is None else french_percent(one.change),
                one.group.french,
            )
            for one in previewed.compared.members
        ],
        right=(f"{year} TTC", f"{year - 1} TTC", "écart", "%"),
        narrow=("membre", f"{year} TTC", "écart", "%", "état"),
    )
    _show_groups(previewed)
    if app.deposits:
        put(directory_told(year, previewed.directory))
    blocked = previewed.blocked
    warned = [one for one in previewed.compared.members if one.findings and one not in blocked]
    for found in (blocked, warned):
        for one in found[:MOST_FINDINGS]:
            show_findings(one.findings, f"{one.name} ({one.siret})")
        if len(found) > MOST_FINDINGS:
            say(f"… et {count(len(found) - MOST_FINDINGS, 'autre')} ; « --to » les donne tous.")


def _show_groups(previewed: Preview) -> None:
    year, everything = previewed.year, previewed.compared.share()
    table(
        ("", "membres", f"{year} TTC", f"{year - 1} TTC", "écart"),
        [
            (
                name,
                str(share.members),
                french(share.total),
                french(share.previous) if share.previous else "—",
                signed(share.total - share.previous) if share.previous else "—",
            )
            for name, share in (
                *((group.french, share) for group, share in previewed.shares.items()),
                ("total", everything),
            )
            if share.members
        ],
        right=("membres", f"{year} TTC", f"{year - 1} TTC", "écart"),
    )
    put("Rien n'a été enregistré.")


def run(year: Year, config: Config = None, as_json: Json = False) -> int:
    """Facture une année : émet ce qui est dû, le dépose, demande des nouvelles.

    Relancée, la commande continue où elle en était ; rien n'est fait deux fois.
    """
    app = open_verified(config)
    with open_portal(app) if app.deposits else nullcontext() as portal:
        head = campaign.run_year(app, portal, year, tell)
    tried = anchor(app)
    report = report_after_run(app, year)
    with app.reading() as session:
        found = invoices.tracked(session, year=year)
    code = show_invoices(app, found, as_json=as_json)
    if not as_json:
        show_acts(app, found)
        put(f"Journal : {head.seq} événements, empreinte {head.hash[:16]}…")
        show_anchoring(tried)
        if isinstance(report, WorkerError):
            say(f"Rapport de campagne non écrit : {report.message} {report.remedy}")
        else:
            put(f"Rapport de campagne : {report}")
    return code


def deposit(config: Config = None, as_json: Json = False) -> int:
    """Dépose les factures émises qui attendent."""
    return _take_step(campaign.deposit, config, as_json=as_json)


def follow(
    number: Annotated[
        str | None, argument("NUMÉRO", "cette facture seule, sans attendre son échéance")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Demande au portail ce que deviennent les factures déposées."""
    if number is not None:
        app = open_verified(config)
        with open_portal(app) as portal:
            invoice = decisions.ask_now(app, portal, number, tell)
        return show_invoices(app, [invoice], as_json=as_json)
    return _take_step(campaign.follow, config, as_json=as_json)


def reconcile(
    adopted: Annotated[
        str | None,
        option(
            "--adopt",
            "la facture du portail, presque identique à celle-ci, est bien la nôtre",
            "NUMÉRO",
        ),
    ] = None,
    closed: Annotated[
        str | None,
        option(
            "--close",
            "facture du portail hors de nos livres, ou qui les contredit, vue par une personne",
            "NUMÉRO",
        ),
    ] = None,
    reason: Annotated[
        str | None, option("--reason", "pourquoi, avec --adopt ou --close", "TEXTE")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Cherche sur le portail les factures dont le dépôt est incertain."""
    if (adopted is None) == (closed is None) and (adopted or reason) is not None:
        raise WrongUse(
            "--reason va avec --adopt ou avec --close.",
            "Tapez « reconcile » seul, ou avec --reason et un seul des deux.",
        )
    if closed is not None:
        app = open_verified(config)
        close_unknown(app, closed, reason or "")
        with app.reading() as session:
            left = portal_documents.still_beyond(session)
        return show_beyond(left, as_json=as_json)
    if adopted is not None:
        app = open_verified(config)
        invoice = decisions.adopt(app, open_portal(app), adopted, reason or "", tell)
        return show_invoices(app, [invoice], as_json=as_json)
    return _take_step(campaign.reconcile, config, as_json=as_json)


def _take_step(
    step: Callable[[App, Portal, campaign.Tell], None], config: Path | None, *, as_json: bool
) -> int:
    app = open_verified(config)
    with open_portal(app) as portal:
        outcome = campaign.take_step(app, portal, step, tell)
    if outcome.invoices or as_json:
        return show_invoices(app, outcome.invoices, as_json=as_json)
    at = outcome.next_look
    when = f" ; prochaine échéance le {french_time(at)}" if at else ""
    put(f"Rien n'était à faire maintenant{when}.")
    if step is campaign.follow:
        put(f"Pour une facture, sans attendre : {command('follow NUMÉRO')}")
    return DONE
