"""``status``: where things stand."""

from datetime import date
from typing import Annotated

from worker.billing.money import french
from worker.billing.period import french_date, french_time, paris_day
from worker.billing.settlement import total_left
from worker.billing.status import TrackedInvoice, Trouble
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, command, put, put_json, table, typed
from worker.cli.contacts import MAILS
from worker.cli.invoices import author, put_beyond, put_disagreements, show_invoices
from worker.cli.options import Config, Data, Json, argument, option
from worker.cli.reading import open_reading, say_channel
from worker.corrections.messages import FINDINGS, explained
from worker.corrections.todo import Advice
from worker.corrections.todo_sentences import sentence
from worker.corrections.waiting import VERIFY, Waiting, waiting
from worker.service.failures import Failure, last_failure
from worker.storage import invoices

_FROM = {Trouble.PIECE_UNUSABLE: "Archive", Trouble.UNREADABLE: "Base"}
"""Whose word is told of an invoice, where it is not the portal's."""


def status(
    year: Annotated[int | None, argument("ANNÉE", "année des services ; sinon toutes")] = None,
    todo: Annotated[
        bool,
        option("--todo", "seulement ce qui attend une personne, avec la marche à suivre"),
    ] = False,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> int:
    """Affiche chaque facture et son état."""
    app = open_reading(config, data)
    say_channel(app)
    if not todo:
        with app.reading() as session:
            found = invoices.tracked(session, year=year)
        return show_invoices(app, found, as_json=as_json)
    with app.reading() as session:
        left = waiting(app, session, year)
    failure = last_failure(app.data_folder)
    nothing = not (len(left) or failure)
    if as_json:
        put_json(**json_views.waiting(app, left, failure))
    elif nothing:
        put("Rien n'attend une personne.")
    else:
        _show(left, failure)
        _show_overdue(left, paris_day(app.clock()))
    return DONE if nothing else TO_LOOK_AT


def _show(left: Waiting, failure: Failure | None) -> None:
    if failure is not None:
        _show_failure(failure)
    about = {
        "Chorus Pro": left.reading,
        "Campagne": left.unopened,
        "Horodatage": left.unstamped,
        "Titres": left.untitled,
        "Mot de passe": left.password,
    }
    for subject, advice in about.items():
        if advice is not None:
            put(f"{subject} → {typed(sentence(advice))}")
    for mail, advice in left.mails:
        put(f"Courriel « {MAILS[mail.kind]} » de {mail.year} à {mail.siret}")
        put(f"    → {typed(sentence(advice))}")
    for finding in left.altered:
        put(f"{finding.where} : {finding.message}")
    if left.altered:
        put(f"    → {typed(sentence(VERIFY))}")
    for finding in left.unreadable:
        put(f"{f'{finding.where} : ' if finding.where else ''}{finding.message}")
        put(f"    → {typed(finding.remedy)}")
    put_beyond(left.beyond)
    put_disagreements(left.disagreements)
    for invoice, act in left.invoices:
        _show_act(invoice, act)


def _show_overdue(left: Waiting, today: date) -> None:
    """Every invoice past its due date, the oldest first, and their total."""
    if not left.overdue:
        return
    standings = [left.standings[one.id] for one in left.overdue]
    put(f"Échues et non payées, {french(total_left(standings))} en tout :")
    table(
        ("numéro", "échéance", "retard", "reste", "membre"),
        [
            (
                invoice.number,
                french_date(invoice.due_date) if invoice.due_date else "—",
                f"{standing.days_late(today)} j",
                french(standing.left),
                invoice.member_name,
            )
            for invoice, standing in zip(left.overdue, standings, strict=True)
        ],
        right=("retard", "reste"),
    )
    put(f"Pour en enregistrer le paiement : {command('settle NUMÉRO --on JOUR --amount MONTANT')}")


def _show_failure(failure: Failure) -> None:
    put(f"Le service (« serve ») a échoué le {french_time(failure.at)} : {failure.message}")
    if failure.remedy:
        put(f"    → {failure.remedy}")


def _show_act(invoice: TrackedInvoice, advice: Advice) -> None:
    number = invoice.number or "(sans numéro)"
    put(f"{number}  {invoice.member_name}  ({invoice.siret}), année {invoice.year}")
    for finding in invoice.findings:
        put(f"    {finding.message}")
        entry = FINDINGS.get(finding.code)
        if entry is not None and entry.adds_to(finding.message):
            put(f"    Cause probable : {entry.cause}")
    if invoice.french_detail:
        whose = _FROM.get(invoice.trouble, author(invoice))
        put(f"    {whose} : {invoice.french_detail}")
        for line in explained(invoice):
            put(f"    {typed(line)}")
    put(f"    → {typed(sentence(advice))}")
