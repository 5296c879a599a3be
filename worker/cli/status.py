"""``status``: where things stand."""

from typing import Annotated

from worker.billing.status import TrackedInvoice
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json, typed
from worker.cli.invoices import put_beyond, show_invoices
from worker.cli.options import Config, Json, argument, option
from worker.corrections.todo import Advice, advised
from worker.corrections.todo_sentences import sentence
from worker.service.opening import open_app
from worker.storage import invoices, unknown_documents


def status(
    year: Annotated[int | None, argument("[ANNÉE]", "année des services ; sinon toutes")] = None,
    todo: Annotated[
        bool,
        option("--todo", "seulement ce qui attend une personne, avec la marche à suivre"),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Affiche chaque facture et son état."""
    app = open_app(config)
    with app.reading() as session:
        found = invoices.tracked(session, year=year)
        left = unknown_documents.still_open(session)
    if not todo:
        return show_invoices(app, found, as_json=as_json)
    waiting = advised(found, app.clock(), deposits=app.deposits)
    if as_json:
        shown = [invoice for invoice, _ in waiting]
        put_json(**json_views.waiting(app, shown, left))
    elif not waiting and not left:
        put("Rien n'attend une personne.")
    else:
        put_beyond(left)
        for invoice, advice in waiting:
            _show_act(invoice, advice)
    return TO_LOOK_AT if waiting or left else DONE


def _show_act(invoice: TrackedInvoice, advice: Advice) -> None:
    number = invoice.number or "(sans numéro)"
    put(f"{number}  {invoice.member_name}  ({invoice.siret}), année {invoice.year}")
    for finding in invoice.findings:
        put(f"    {finding.message}")
    if invoice.french_detail:
        put(f"    Chorus Pro : {invoice.french_detail}")
    put(f"    → {typed(sentence(advice))}")
