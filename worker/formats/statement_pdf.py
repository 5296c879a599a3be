"""The printed état détaillé: each amount of the invoice, computed before the reader's eyes."""

from worker.formats.look import Look
from worker.formats.typesetting import typeset
from worker.formats.wording import french_period, look_data, party, unbroken
from worker.invoice import Party
from worker.money import NO_BREAK, french, french_integer
from worker.period import french_date
from worker.rating import RatedLine
from worker.statement import Statement

MONTHS = (
    "janv.",
    "févr.",
    "mars",
    "avril",
    "mai",
    "juin",
    "juil.",
    "août",
    "sept.",
    "oct.",
    "nov.",
    "déc.",
)


def print_statement(statement: Statement, seller: Party, look: Look) -> bytes:
    """Print the statement that ``seller`` sends to a member.

    Raises:
        ValueError: when a text cannot be printed.
    """
    return typeset("statement", _page(statement, seller, look), statement.issue_date)


def _page(statement: Statement, seller: Party, look: Look) -> dict[str, object]:
    member = statement.member
    title = f"État détaillé des prestations n°{NO_BREAK}{statement.number}"
    return {
        "look": look_data(look, seller.name),
        "title": title,
        "heading": f"État détaillé des prestations {statement.year}",
        "author": seller.name,
        "description": f"{title} : {member.name}, année {statement.year}",
        "keywords": ["état détaillé", statement.number],
        "footer": f"{seller.name} – SIRET {seller.siret} – {title}",
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
        "lines": [_line(str(index), line) for index, line in enumerate(statement.lines, start=1)],
        "total": french(statement.total),
        "note": "Les prix s’entendent toutes taxes et tous frais compris. "
        "Ce total est celui de la facture à laquelle cet état est joint.",
        "sources": [("Grilles tarifaires", ", ".join(statement.grid_versions))],
        "hashes": statement.source_files,
    }


def _line(index: str, line: RatedLine) -> dict[str, object]:
    users = {monthly.month.number: french_integer(monthly.users) for monthly in line.months}
    tier = [] if line.tier is None else [f"palier {line.tier}{NO_BREAK}To"]
    facts = [
        f"Service « {line.service} »",
        *tier,
        f"grille {line.grid_version}",
        french_period(line.period),
    ]
    return {
        "index": index,
        "name": f"{line.label} (catégorie {line.category})",
        "facts": " · ".join(facts),
        "users": [users.get(month, "–") for month in range(1, 13)],
        "quantity": french_integer(line.quantity),
        "parts": [(label, french(price)) for label, price in line.parts],
        "price": french(line.unit_price),
        "explanation": unbroken(line.explanation),
        "total": french(line.total),
    }
