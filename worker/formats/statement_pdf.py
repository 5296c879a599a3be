"""The printed état détaillé: each amount of the invoice, computed before the reader's eyes."""

from collections.abc import Sequence
from typing import TypedDict

from worker.billing.invoice import Party
from worker.billing.money import NO_BREAK, french, french_integer
from worker.billing.period import MONTH_NAMES, french_date
from worker.billing.quantity import OF_TIME, counted, french_quantity, priced
from worker.billing.rating import RatedLine
from worker.billing.statement import Statement
from worker.formats.branding import Branding
from worker.formats.french import (
    computation,
    french_period,
    grouped_siret,
    look_data,
    party,
    typographic,
)
from worker.formats.typesetting import typeset

MONTHS = (
    *("janv.", "févr.", "mars", "avril", "mai", "juin"),
    *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
)
NET_TO_PAY = (
    "Les prix s’entendent toutes taxes et tous frais compris. "
    "Ce total est le net à payer de la facture à laquelle cet état est joint."
)
NOTHING = "Rien n’a été consommé cette année : aucune facture n’est émise."
NOTHING_BILLED = "Rien n’est facturé cette année : aucune facture n’est émise."
NO_MONTH = "–"
"""In place of the users of a month outside the subscription."""
CHART_SERVICES = 3
"""More shades than that cannot be told apart on paper: the bars are then undivided."""


def print_statement(
    statement: Statement,
    seller: Party,
    look: Branding,
    *,
    unused: Sequence[str] = (),
    mark: str = "",
) -> bytes:
    """Print the statement that ``seller`` sends to a member.

    Args:
        statement: without lines, it says that nothing was consumed.
        seller: who sends it.
        look: of the page.
        unused: what a member that consumed nothing subscribed to, a sentence each.
        mark: a word across each page.

    Raises:
        Unprintable: when a text cannot be printed.
    """
    data = page_data(statement, seller, look) | ({"mark": mark} if mark else {})
    if not statement.lines:
        nothing = NOTHING_BILLED if statement.outside else NOTHING
        data |= {"unused": list(unused), "note": f"{nothing} {statement.not_billed}".rstrip()}
    return typeset("statement", typographic(data), statement.issue_date)


def page_data(statement: Statement, seller: Party, look: Branding) -> dict[str, object]:
    """What the template of a statement is given: texts only, in French, ready to be placed."""
    member = statement.member
    users = statement.of_users_alone
    title = f"État détaillé des prestations n°{NO_BREAK}{statement.number}"
    return {
        "look": look_data(look, seller.name),
        "title": title,
        "heading": f"État détaillé des prestations {statement.year}",
        "author": seller.name,
        "description": f"{title} : {member.name}, année {statement.year}",
        "keywords": ["état détaillé", statement.number],
        "footer": f"{seller.name} – SIRET {grouped_siret(seller.siret)} – {title}",
        "seller": party(seller, ""),
        "member": party(
            Party(name=member.name, siret=member.siret, address=member.address), vat_number=""
        ),
        "references": [
            ("Numéro", statement.number),
            ("Date", french_date(statement.issue_date)),
            ("Année de service", str(statement.year)),
            ("Convention", member.convention),
        ],
        "months": MONTHS,
        "chart": _chart(statement) if any(line.months for line in statement.lines) else None,
        "of-users": users,
        "lines": [
            _line(str(index), line, of_users=users)
            for index, line in enumerate(statement.lines, start=1)
        ],
        "total": french(statement.total),
        "note": f"{NET_TO_PAY} {statement.not_billed}".rstrip(),
        "sources": [
            ("Grilles tarifaires", ", ".join(statement.grid_versions)),
            *[("Décision", decision) for decision in statement.decisions],
        ],
        "hashes-title": "Empreintes SHA-256 des fichiers de consommation :",
        "hashes": statement.source_files,
    }


def _chart(statement: Statement) -> dict[str, object]:
    """Users by month, for the eye; and in words, for those who do not see it (PDF/UA).

    Over several services the same person counts more than once: these are no users any more.
    """
    names: dict[str, str] = {}
    for line in statement.lines:
        if line.months:
            names.setdefault(line.service, _service_label(line))
    services = list(names) if len(names) <= CHART_SERVICES else []
    months = [_bar(statement, month, services) for month in range(1, 13)]
    said = [
        f"{name} {bar['total']}"
        for name, bar in zip(MONTH_NAMES, months, strict=True)
        if bar["total"] != NO_MONTH
    ]
    title = f"Utilisateurs par mois en {statement.year}"
    note = ""
    if len(names) > 1:
        title = f"Abonnements par mois en {statement.year}, tous services confondus"
        note = "Une personne qui utilise deux services compte pour deux abonnements."
    return {
        "title": title,
        "note": note,
        "alt": f"{title}{NO_BREAK}: {', '.join(said)}. {note}".rstrip(),
        "services": [names[service] for service in services],
        "months": months,
        "highest": max(1, *(bar["users"] for bar in months)),
    }


class _Bar(TypedDict):
    users: int
    total: str
    parts: list[int]


def _bar(statement: Statement, month: int, services: Sequence[str]) -> _Bar:
    """One month of the chart: its users, shared between ``services``, or undivided if empty."""
    uses = [
        (line.service, use.users)
        for line in statement.lines
        for use in line.months
        if use.month.number == month
    ]
    users = sum(count for _, count in uses)
    shares = [sum(count for name, count in uses if name == service) for service in services]
    return _Bar(
        users=users,
        total=french_integer(users) if uses else NO_MONTH,
        parts=shares or [users],
    )


def _service_label(line: RatedLine) -> str:
    """What a service is called whatever its tier."""
    return line.label if line.tier is None else line.label.removesuffix(f", {line.tier} To")


def _line(index: str, line: RatedLine, *, of_users: bool) -> dict[str, object]:
    """A line in full; in a statement of several kinds of prices, each quantity names its unit."""
    by_month = {monthly.month.number: french_integer(monthly.users) for monthly in line.months}
    tier = [] if line.tier is None else [f"palier {line.tier}{NO_BREAK}To"]
    facts = [
        f"Service « {line.service} »",
        *tier,
        f"grille {line.grid_version}",
        french_period(line.period),
        f"{french(line.unit_price)} TTC {priced(line.measure, line.price_units)}",
    ]
    quantity = counted(line.quantity, line.measure)
    sentence = line.explanation[:1].upper() + line.explanation[1:]
    return {
        "index": index,
        "name": line.name,
        "facts": " · ".join(facts),
        "users": [by_month.get(month, NO_MONTH) for month in range(1, 13)]
        if line.measure is None
        else None,
        "users-total": french_quantity(line.quantity),
        "quantity": (
            french_quantity(line.quantity) if of_users else quantity.replace(" ", NO_BREAK)
        ),
        "parts": [(label, french(price)) for label, price in line.parts],
        "price": french(line.unit_price),
        "computation": computation(
            f"{quantity} à {french(line.unit_price)} TTC, soit"
            if line.measure is None
            else f"{sentence.rpartition(', soit ')[0]}, soit"
        ),
        "steps": _steps(line),
        "steps-total": quantity.replace(" ", NO_BREAK),
        "total": french(line.total),
    }


def _steps(line: RatedLine) -> list[tuple[str, str, str, str]]:
    """What was counted, where a row tells it: when, its figure or reference, how much, TTC.

    A price of the subscription alone is whole in its sentence.
    """
    if line.measure is None or line.measure in OF_TIME:
        return []
    return [
        (
            french_date(step.period.start)
            if step.period.start == step.period.end
            else MONTH_NAMES[step.period.start.month - 1],
            step.reference if step.figure is None else f"relevé : {french_integer(step.figure)}",
            line.measure.counted(step.quantity).replace(" ", NO_BREAK),
            french(amount),
        )
        for step, amount in zip(line.steps, line.amounts, strict=True)
    ]
