"""The table of invoices, what to type next, and each step as it happens."""

from collections.abc import Mapping, Sequence
from datetime import date

from worker.app import App
from worker.billing import portal_document
from worker.billing.member_year import NEVER_BILLED
from worker.billing.money import Money, count, french
from worker.billing.period import french_date, paris_day
from worker.billing.portal_document import PortalDocument
from worker.billing.settlement import Standing
from worker.billing.status import (
    InvoiceStatus,
    TrackedInvoice,
    Trouble,
    awaits_payment,
    french_state,
)
from worker.billing.title import Title
from worker.cli import json_views
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    command,
    is_written,
    put,
    put_json,
    table,
    typed,
)
from worker.corrections.todo import advised
from worker.corrections.todo_sentences import sentence
from worker.corrections.waiting import DisagreeingAccount
from worker.portals.choruspro.status_words import Author, author_of, french_word
from worker.storage import settlements, titles
from worker.tables import Cell

MOST_ACTS = 5
"""Things to do that the closing lines name; the command they quote lists all."""


def show_invoices(
    app: App, found: Sequence[TrackedInvoice], *, as_json: bool, **beside: object
) -> int:
    """A table of invoices with its total, or JSON; returns 1 when a person must act.

    ``beside``: what the JSON has beside the invoices.
    """
    act = advised(found, app.clock(), deposits=app.deposits)
    with app.reading() as session:
        standings = settlements.standings(session, found)
        told = titles.current(session)
    if as_json:
        put_json(**json_views.invoices(app, found, standings, told, ok=not act) | beside)
    else:
        _draw(app, found, standings, told, len(act))
    return TO_LOOK_AT if act else DONE


def show_beyond(left: Sequence[PortalDocument], *, as_json: bool) -> int:
    """What the portal holds of our series and the books do not know; 1 when there is any."""
    if as_json:
        put_json(**json_views.beyond_the_books(left))
    elif left:
        put_beyond(left)
    else:
        put("Le portail n'a plus rien que nos livres ne connaissent pas.")
    return TO_LOOK_AT if left else DONE


def put_beyond(left: Sequence[PortalDocument]) -> None:
    """Each of them, with what to type."""
    for document in left:
        said = portal_document.finding(document)
        put(said.message)
        put(f"    → {typed(said.remedy)}")


def put_disagreements(members: Sequence[DisagreeingAccount]) -> None:
    """Each member about whom the portal and the books disagree, with what to do."""
    for one in members:
        account = one.account
        put(f"{account.member_name}  ({account.siret}), année {account.year}")
        for advice in one.advice:
            put(f"    → {typed(sentence(advice))}")


def _draw(
    app: App,
    found: Sequence[TrackedInvoice],
    standings: Mapping[int, Standing],
    told: Mapping[int, Title],
    waiting: int,
) -> None:
    today = paris_day(app.clock())
    # A file has true days and numbers; on the terminal, how late it is comes with the day.
    due = ("échéance", "jours de retard") if is_written() else ("échéance",)
    table(
        (
            *("membre", "total TTC", "numéro", "flux", "état", "Chorus Pro"),
            *(*due, "payé", "reste"),
        ),
        [
            (
                invoice.member_name,
                invoice.signed_total,
                invoice.number or None,
                invoice.flux_number or None,
                state(invoice, told.get(invoice.id), deposits=app.deposits),
                french_word(invoice.portal_status) or None,
                *_money(app, invoice, standings.get(invoice.id), today),
            )
            for invoice in found
        ],
        narrow=("membre", "total TTC", "numéro", "état"),
    )
    issued = [invoice for invoice in found if invoice.number]
    notes = sum(invoice.is_credit_note for invoice in issued)
    beside = f" et {count(notes, 'avoir')}" if notes else ""
    put(
        f"{count(len(issued) - notes, 'facture émise')}{beside}, "
        f"{french(Money.sum(i.signed_total for i in issued))} TTC ; "
        f"{waiting} à traiter par une personne."
    )


def _money(
    app: App, invoice: TrackedInvoice, standing: Standing | None, today: date
) -> tuple[Cell, ...]:
    """When an invoice is due and for how long it has been, what was paid, and what is left."""
    day = None if standing is None else invoice.due_date
    paid = standing.paid if standing is not None and standing.payments else None
    late, left = 0, None
    if standing is not None and awaits_payment(invoice, deposits=app.deposits):
        late, left = standing.days_late(today), standing.left
    if is_written():
        return day, late or None, paid, left
    age = f", {count(late, 'jour')} de retard" if late else ""
    return day and f"{french_date(day)}{age}", paid, left


def show_acts(app: App, found: Sequence[TrackedInvoice]) -> None:
    """What to do about them: the first ones, and the command that lists all."""
    acts = advised(found, app.clock(), deposits=app.deposits)
    if not acts:
        return
    put("À faire :")
    for invoice, advice in acts[:MOST_ACTS]:
        why = " ; ".join(finding.message for finding in invoice.findings)
        put(f"  {invoice.number or invoice.member_name}{why and f' : {why}'}")
        put(f"    → {typed(sentence(advice))}")
    if len(acts) > MOST_ACTS:
        put(f"  … et {len(acts) - MOST_ACTS} autres")
    put(f"Détail : {command('status --todo')}")


def state(invoice: TrackedInvoice, title: Title | None = None, *, deposits: bool) -> str:
    """Where an invoice stands, in French; a credit note says that it is one."""
    word = french_state(invoice, title, deposits=deposits)
    if invoice.trouble is Trouble.UNREADABLE:
        return "illisible"
    if any(finding.code == NEVER_BILLED for finding in invoice.findings):
        word = "pas facturée"
    if not invoice.is_credit_note:
        return word
    return "avoir interne" if invoice.is_internal else f"avoir : {word}"


def author(invoice: TrackedInvoice) -> str:
    """Whose words an invoice has as its detail, for people.

    What hinders it is told by the portal, even where a word of its buyer is the last one.
    """
    match invoice.status:
        case InvoiceStatus.REJECTED | InvoiceStatus.SUSPENDED:
            return Author.BUYER.french
        case _ if invoice.trouble is not Trouble.NONE:
            return Author.PORTAL.french
        case _:
            return author_of(invoice.portal_status).french
