"""``preview``, ``run``, ``deposit``, ``follow``, ``reconcile``: what moves a year forward."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from worker.billing.money import count
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    Config,
    Json,
    Year,
    command,
    finding_json,
    invoice_json,
    is_narrow,
    put,
    put_json,
    say,
    show_findings,
    table,
    typed,
)
from worker.cli.typer_french import FrenchCommand

ISSUED_ONLY = "émise (canal Hélios)"
MOST_ACTS = 5
"""Things to do that the closing lines name; the command they quote lists all."""

if TYPE_CHECKING:
    from pathlib import Path

    from worker.app import App
    from worker.billing.status import TrackedInvoice
    from worker.portals import Portal
    from worker.service.campaign import Progress, Tell


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for name, function in (
        ("preview", preview),
        ("run", run),
        ("deposit", deposit),
        ("follow", follow),
        ("reconcile", reconcile),
    ):
        app.command(name, cls=FrenchCommand)(function)


def preview(year: Year, config: Config = None, as_json: Json = False) -> None:
    """Calcule les montants d'une année, membre par membre ; rien n'est enregistré."""
    from worker.billing.money import Money, french
    from worker.errors import has_blocking
    from worker.issuing.prepare import preview_year
    from worker.service.bootstrap import branding, open_verified
    from worker.settings.loading import find_config
    from worker.storage import invoices

    app = open_verified(find_config(config))
    branding(app)  # in December, a logo that cannot be printed is still easily changed
    prepared = list(preview_year(app, year))
    with app.reading() as session:
        before: dict[str, Money] = {}
        for invoice in invoices.tracked(session, year=year - 1):
            if invoice.number:
                known = before.get(invoice.siret, Money(0))
                before[invoice.siret] = known + invoice.signed_total
    total = Money.sum(one.total for one in prepared)
    blocked = [one for one in prepared if has_blocking(one.findings)]
    if as_json:
        put_json(
            ok=not blocked,
            year=year,
            total_ttc=str(total),
            members=[
                {
                    "member_siret": one.member.siret,
                    "member_name": one.member.name,
                    "total_ttc": str(one.total),
                    "previous_year_total_ttc": str(before[one.member.siret])
                    if one.member.siret in before
                    else None,
                    "lines": [
                        {
                            "service": line.service,
                            "tier": line.tier,
                            "category": line.category,
                            "quantity": line.quantity,
                            "unit_price_ttc": str(line.unit_price),
                            "total_ttc": str(line.total),
                            "grid": line.grid_version,
                            "explanation": line.explanation,
                        }
                        for line in one.lines
                    ],
                    "findings": [finding_json(finding) for finding in one.findings],
                }
                for one in prepared
            ],
        )
    else:
        table(
            ("membre", "SIRET", f"total TTC {year}", f"facturé {year - 1}", "à signaler"),
            [
                (
                    one.member.name,
                    one.member.siret,
                    french(one.total),
                    french(before[one.member.siret]) if one.member.siret in before else "—",
                    one.findings[0].message if one.findings else "",
                )
                for one in prepared
            ],
            right=(f"total TTC {year}", f"facturé {year - 1}"),
        )
        put(f"{count(len(prepared), 'membre')}, {french(total)} TTC ; rien n'a été enregistré.")
        for one in blocked:
            say(f"{one.member.name} ({one.member.siret}) :")
            show_findings(one.findings)
    raise typer.Exit(TO_LOOK_AT if blocked else DONE)


def run(year: Year, config: Config = None, as_json: Json = False) -> None:
    """Facture une année : émet ce qui est dû, le dépose, demande des nouvelles.

    Relancée, la commande continue où elle en était ; rien n'est fait deux fois.
    """
    from contextlib import nullcontext

    from worker.service.bootstrap import open_portal, open_verified
    from worker.service.campaign import run_year
    from worker.settings.loading import find_config

    app = open_verified(find_config(config))
    with open_portal(app) if app.deposits else nullcontext() as portal:
        head = run_year(app, portal, year, teller())
    code = show_year(app, year, as_json=as_json)
    if not as_json:
        put(f"Journal : {head.seq} événements, empreinte {head.hash[:16]}…")
    raise typer.Exit(code)


def deposit(config: Config = None, as_json: Json = False) -> None:
    """Dépose les factures émises qui attendent."""
    from worker.service.campaign import deposit as step

    _one_step(step, config, as_json=as_json)


def follow(config: Config = None, as_json: Json = False) -> None:
    """Demande au portail ce que deviennent les factures déposées."""
    from worker.service.campaign import follow as step

    _one_step(step, config, as_json=as_json)


def reconcile(config: Config = None, as_json: Json = False) -> None:
    """Cherche sur le portail les factures dont le dépôt est incertain."""
    from worker.service.campaign import reconcile as step

    _one_step(step, config, as_json=as_json)


def teller() -> "Tell":
    """Prints each step as it happens."""
    from worker.billing.money import french
    from worker.issuing.batch import MemberResult

    def tell(progress: "Progress") -> None:
        show_findings(progress.findings)
        if (outcome := progress.member) is not None:
            match outcome.result:
                case MemberResult.ISSUED:
                    amount = french(outcome.total)
                    say(f"émise     {outcome.number}  {outcome.member.name}  {amount}")
                case MemberResult.PARKED:
                    say(f"retenue   {outcome.member.name}")
                    show_findings(outcome.findings)
                case MemberResult.NOTHING:
                    say(f"rien à facturer : {outcome.member.name}")
                case MemberResult.ALREADY:
                    pass
        if (invoice := progress.invoice) is not None:
            detail = f" : {invoice.french_detail}" if invoice.french_detail else ""
            flux = f"  flux {invoice.flux_number}" if invoice.flux_number else ""
            say(f"{invoice.french_status:<9} {invoice.number}{flux}{detail}")

    return tell


def show_year(app: "App", year: int, *, as_json: bool) -> int:
    """The closing table of a year, what to type next, and the exit code it deserves."""
    from worker.corrections.french import sentence
    from worker.corrections.todo import advised
    from worker.storage import invoices

    with app.reading() as session:
        found = invoices.tracked(session, year=year)
    code = show_invoices(app, found, as_json=as_json)
    if not as_json and (acts := advised(found, app.clock(), deposits=app.deposits)):
        put("À faire :")
        for invoice, advice in acts[:MOST_ACTS]:
            put(f"  {invoice.number or invoice.member_name} : {typed(sentence(advice))}")
        if len(acts) > MOST_ACTS:
            put(f"  … et {len(acts) - MOST_ACTS} autres")
        put(f"Détail : {command('status --todo')}")
    return code


def show_invoices(
    app: "App", found: "list[TrackedInvoice] | tuple[TrackedInvoice, ...]", *, as_json: bool
) -> int:
    """A table of invoices with its total, or JSON; returns 1 when a person must act."""
    from worker.billing.money import Money, french
    from worker.corrections.todo import advised

    now = app.clock()
    deposits = app.deposits
    act = advised(found, now, deposits=deposits)
    if as_json:
        listed = [invoice_json(invoice, now, deposits=deposits) for invoice in found]
        put_json(ok=not act, invoices=listed)
        return TO_LOOK_AT if act else DONE
    rows = [
        {
            "membre": invoice.member_name,
            "total TTC": french(invoice.signed_total),
            "numéro": invoice.number or "—",
            "flux": invoice.flux_number or "—",
            "état": state(invoice, deposits=deposits),
            "Chorus Pro": invoice.portal_status or "—",
        }
        if invoice.number
        else {
            "membre": invoice.member_name,
            "total TTC": french(invoice.total),
            "état": invoice.french_status,
        }
        for invoice in found
    ]
    columns = ["membre", "total TTC", "numéro", "flux", "état", "Chorus Pro"]
    if is_narrow():
        columns = ["membre", "total TTC", "numéro", "état"]
    table(
        columns,
        [[row.get(column, "—") for column in columns] for row in rows],
        right=("total TTC",),
    )
    issued = [invoice for invoice in found if invoice.number]
    notes = [invoice for invoice in issued if invoice.is_credit_note]
    beside = f" et {count(len(notes), 'avoir')}" if notes else ""
    put(
        f"{count(len(issued) - len(notes), 'facture émise')}{beside}, "
        f"{french(Money.sum(i.signed_total for i in issued))} TTC ; "
        f"{len(act)} à traiter par une personne."
    )
    return TO_LOOK_AT if act else DONE


def state(invoice: "TrackedInvoice", *, deposits: bool) -> str:
    """Where an invoice stands, in French; a credit note says that it is one."""
    from worker.billing.status import InvoiceStatus

    word = invoice.french_status
    if not deposits and invoice.status is InvoiceStatus.ISSUED:
        word = ISSUED_ONLY
    if not invoice.is_credit_note:
        return word
    return "avoir interne" if invoice.is_internal else f"avoir : {word}"


def _one_step(
    step: "Callable[[App, Portal, Tell], None]", config: "Path | None", *, as_json: bool
) -> None:
    from worker.billing.period import french_time
    from worker.billing.status import ON_THEIR_WAY
    from worker.service.bootstrap import open_portal, open_verified
    from worker.settings.loading import find_config
    from worker.storage import due, invoices

    app = open_verified(find_config(config))
    moved: dict[int, None] = {}
    tell = teller()

    def note(progress: "Progress") -> None:
        if progress.invoice is not None:
            moved[progress.invoice.id] = None
        tell(progress)

    with open_portal(app) as portal:
        portal.sign_in()
        step(app, portal, note)
    with app.reading() as session:
        found = [invoices.by_id(session, invoice_id) for invoice_id in moved]
        next_look = due.next_look(session, ON_THEIR_WAY)
    if not found and not as_json:
        when = f" ; prochaine échéance le {french_time(next_look)}" if next_look else ""
        put(f"Rien n'était à faire maintenant{when}.")
        return
    raise typer.Exit(show_invoices(app, found, as_json=as_json))
