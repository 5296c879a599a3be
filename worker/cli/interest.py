"""``interest``: what late payment comes to."""

from datetime import date
from pathlib import Path
from typing import Annotated

from worker.accounting.interest import Late, calculation, late_invoices, sources, table_of
from worker.billing.late_interest import InterestRule
from worker.billing.money import Money, count, french
from worker.billing.period import french_date, paris_day
from worker.cli import json_views
from worker.cli.console import put, put_json, table
from worker.cli.options import Config, Json, option
from worker.cli.settlements import given_day
from worker.service.opening import open_reading
from worker.tables.files import format_of, write_table

RULES = {
    InterestRule.LEGAL: "taux de l'intérêt légal, semestre par semestre",
    InterestRule.PUBLIC_CONTRACT: "taux de la BCE majoré de huit points, et 40 € par facture",
}


def interest(
    on: Annotated[
        str | None, option("--on", "jusqu'à ce jour compris ; sinon aujourd'hui", "JOUR")
    ] = None,
    to: Annotated[
        Path | None, option("--to", "écrit le tableau : .csv, .xlsx ou .json", "FICHIER")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Calcule les intérêts de retard, facture par facture ; rien n'en est facturé.

    La règle est late_interest.rule, les taux sont dans late_interest.toml. Les paiements partiels
    et les avoirs comptent ; un taux qui manque est dit, et rien n'est calculé.
    """
    if to is not None:
        format_of(to)
    app = open_reading(config)
    until = paris_day(app.clock()) if on is None else given_day("--on", on)
    late = late_invoices(app, until)
    rule = app.settings.late_interest.rule
    rows = 0 if to is None else write_table(table_of(late, until), to, at=app.clock())
    if as_json:
        put_json(**json_views.late_interest(late, until, rule, to))
        return
    _show(late, until, rule)
    if to is not None:
        put(f"{count(rows, 'facture écrite')} dans {to}.")


def _show(late: tuple[Late, ...], until: date, rule: InterestRule) -> None:
    put(f"Intérêts de retard au {french_date(until)} : {RULES[rule]}.")
    if not late:
        put("Aucune facture n'est payée en retard, ni en retard de paiement.")
        return
    table(
        ("numéro", "jours", "reste dû", "intérêts", "forfait", "membre"),
        [
            (
                one.invoice.number,
                str(one.interest.days),
                french(one.left),
                french(one.interest.amount),
                french(one.interest.lump_sum),
                one.invoice.member_name,
            )
            for one in late
        ],
        right=("jours", "reste dû", "intérêts", "forfait"),
    )
    for one in late:
        put(f"{one.invoice.number} :")
        for stretch in one.interest.stretches:
            put(f"  {calculation(stretch)}")
    total = Money.sum(one.interest.total for one in late)
    put(f"{count(len(late), 'facture')}, {french(total)} en tout ; rien n'en est facturé.")
    stretches = [stretch for one in late for stretch in one.interest.stretches]
    put(f"Taux : {' ; '.join(sources(stretches))}.")
