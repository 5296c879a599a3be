"""The statement as data: a CSV for any program, a workbook for those who check the invoice.

One row per line and month (or day, or year), its amount computed: the rows add up to the
statement's total, which is the invoice's (convention C3). The columns are documented in
docs/documents.md and stay as they are: finance departments build on them.

An invoice may be checked by someone who trusts neither its seller nor the names in it: no text
of a statement is ever computed by the program that opens it.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from worker.billing.consumption import Outside, OutsideUnit, OutsideUse
from worker.billing.money import ZERO, Money
from worker.billing.period import Month, french_date
from worker.billing.quantity import Quantity
from worker.billing.rating import RatedLine, Step
from worker.billing.statement import Statement
from worker.formats.french import french_rate, grouped_siret
from worker.formats.typesetting import instant
from worker.tables.files import FORMULA_STARTS

Cell = str | int | Decimal | Money | date | Month | None
Column = tuple[str, int]
"""Its caption and its width in the workbook, in characters."""

IDENTITY = ("État détaillé", "Membre", "SIRET", "Convention", "Année")
SERVICE: tuple[Column, ...] = (
    ("Ligne", 7),
    ("Service", 16),
    ("Désignation", 44),
    ("Palier (To)", 11),
    ("Catégorie", 11),
    ("Grille tarifaire", 16),
    ("TVA", 10),
)
LINE: tuple[Column, ...] = (
    *SERVICE,
    ("Du", 12),
    ("Au", 12),
    ("Utilisateurs × mois", 19),
    ("Prix unitaire TTC", 17),
    ("Montant TTC", 16),
)
MONTH: tuple[Column, ...] = (
    *SERVICE,
    ("Mois", 10),
    ("Utilisateurs", 13),
    ("Prix unitaire TTC", 17),
    ("Montant TTC", 16),
    ("Fichier source (SHA-256)", 68),
    ("Rang dans le fichier", 20),
)
ANY_LINE: tuple[Column, ...] = (("Quantité", 12), ("Unité", 22), ("Unités du prix", 14))
"""Behind the columns of a line, in a statement that has other prices than those of a user and
month; the columns of users are then empty where there are none."""
ANY_STEP: tuple[Column, ...] = (
    *(("Du", 12), ("Au", 12)),
    *ANY_LINE,
    ("Chiffre relevé", 15),
    ("Référence", 24),
)
"""Behind those of a month, in such a statement."""
OUTSIDE = "Hors abonnement, non facturé"
SOURCE: tuple[Column, ...] = (("Nature", 26), ("Référence", 70))


def statement_csv(statement: Statement) -> bytes:
    """Write the months of a statement for a French spreadsheet, which opens it by a double click.

    Hence a byte order mark (without it « é » is misread), semicolons and decimal commas: a French
    Excel takes amounts with a point for text. No total row: a sum over the column would count
    everything twice.
    """
    output = io.StringIO()
    writer = csv.writer(output, delimiter=";", lineterminator="\r\n")
    writer.writerow([*IDENTITY, *(caption for caption, _ in month_columns(statement))])
    member = statement.member
    identity = (
        statement.number,
        member.name,
        grouped_siret(member.siret),
        member.convention,
        statement.year,
    )
    for row in _months(statement):
        writer.writerow([_plain(cell) for cell in (*identity, *row)])
    return output.getvalue().encode("utf-8-sig")


def statement_xlsx(statement: Statement) -> bytes:
    """Write a statement as a workbook: its lines, its months, where the figures come from.

    Numbers are numbers, and a text is never read as a formula or a link. The same statement gives
    the same bytes: the workbook is dated like the statement, its inner files by the library.
    """
    output = io.BytesIO()
    member, issued = statement.member, statement.issue_date
    title = f"État détaillé des prestations n° {statement.number}"
    convention = f"convention {member.convention}"
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(output, options) as workbook:
        workbook.set_properties({"title": title, "created": instant(issued)})
        styles = {
            name: workbook.add_format(style | {"valign": "top"}) for name, style in _STYLES.items()
        }
        _sheet(
            workbook.add_worksheet("Synthèse"),
            styles,
            line_columns(statement),
            list(_lines(statement)),
            heading=(
                f"{title} du {french_date(issued)}",
                " – ".join((member.name, f"SIRET {grouped_siret(member.siret)}", convention)),
                f"Services de l'année {statement.year} – prix toutes taxes comprises",
                *filter(None, [statement.not_billed]),
            ),
            total=statement.total,
        )
        _sheet(
            workbook.add_worksheet("Mois par mois"),
            styles,
            month_columns(statement),
            list(_months(statement)),
            total=statement.total,
        )
        _sheet(workbook.add_worksheet("Sources"), styles, SOURCE, list(_sources(statement)))
    return output.getvalue()


_STYLES: dict[str, dict[str, object]] = {
    "title": {"bold": True, "font_size": 14},
    "fact": {"font_color": "#4d4d4d"},
    "header": {"bold": True, "bottom": 1, "bg_color": "#eeeeee", "align": "center"},
    "str": {"num_format": "@", "indent": 1},
    "int": {"num_format": "#,##0"},
    "Decimal": {"num_format": "#,##0.####"},
    "Money": {"num_format": '#,##0.00 "€"'},
    "date": {"num_format": "dd/mm/yyyy", "align": "left"},
    "Month": {"num_format": "mm/yyyy", "align": "left"},
    "total": {"bold": True, "top": 1},
    "amount": {"bold": True, "top": 1, "num_format": '#,##0.00 "€"'},
}


def _sheet(
    sheet: Worksheet,
    styles: Mapping[str, Any],
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    heading: Sequence[str] = (),
    total: Money | None = None,
) -> None:
    """One table under its heading; the total stands below it, where no filter moves it."""
    for index, text in enumerate(heading):
        _write_text(sheet, index, 0, text, styles["fact" if index else "title"])
    top = len(heading) + 1 if heading else 0
    last = len(columns) - 1
    for index, (caption, width) in enumerate(columns):
        sheet.set_column(index, index, width)
        sheet.write_string(top, index, caption, styles["header"])
    for number, row in enumerate(rows, start=top + 1):
        for index, cell in enumerate(row):
            _write(sheet, number, index, cell, styles)
    if total is not None:
        amounts = [caption for caption, _ in columns].index("Montant TTC")
        below = top + len(rows) + 1
        for index in range(amounts):
            sheet.write_string(below, index, "" if index else "Total TTC", styles["total"])
        sheet.write_number(below, amounts, total.euros, styles["amount"])
    sheet.freeze_panes(top + 1, 0)
    sheet.autofilter(top, 0, top + len(rows), last)
    sheet.repeat_rows(top)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L&A&Rpage &P/&N")


def _write(sheet: Worksheet, row: int, column: int, cell: Cell, styles: Mapping[str, Any]) -> None:
    style = styles.get(type(cell).__name__)
    match cell:
        case None:
            pass
        case str():
            _write_text(sheet, row, column, cell, style)
        case int() | Decimal():
            sheet.write_number(row, column, cell, style)
        case Money():
            sheet.write_number(row, column, cell.euros, style)
        case Month():
            sheet.write_datetime(row, column, cell.first_day, style)
        case date():
            sheet.write_datetime(row, column, cell, style)


def _write_text(sheet: Worksheet, row: int, column: int, text: str, style: object) -> None:
    if text.startswith("<r>") and text.endswith("</r>"):
        # Whole, the library would take it for markup of its own; in runs, it is a text.
        sheet.write_rich_string(row, column, text[0], text[1:3], text[3:], style)
    else:
        sheet.write_string(row, column, text, style)


def _plain(cell: Cell) -> str:
    """A cell of the CSV; a text that a spreadsheet would compute gets an apostrophe before it."""
    match cell:
        case None:
            return ""
        case str():
            return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
        case int() | Decimal() | Money():
            return f"{cell!s}".replace(".", ",")
        case Month():
            return f"{cell.first_day:%m/%Y}"
        case date():
            return french_date(cell)


def _lines(statement: Statement) -> Iterator[tuple[Cell, ...]]:
    for index, line in enumerate(statement.lines, start=1):
        days = line.period
        users = line.quantity if line.measure is None else None
        amounts = (users, line.unit_price, line.total)
        told = (*_service(index, line), days.start, days.end, *amounts)
        yield told if statement.of_users_alone else (*told, *_measured(line, line.quantity))


def _months(statement: Statement) -> Iterator[tuple[Cell, ...]]:
    for index, line in enumerate(statement.lines, start=1):
        for use, amount in zip(line.months, line.amounts, strict=False):
            amounts = (use.users, line.unit_price, amount)
            source = (use.source.file_sha256, use.source.row)
            told = (*_service(index, line), use.month, *amounts, *source)
            days = (use.month.first_day, use.month.last_day)
            any_step = (*days, *_measured(line, use.users), None, None)
            yield told if statement.of_users_alone else (*told, *any_step)
        for step, amount in zip(line.steps, line.amounts, strict=False):
            days = (step.period.start, step.period.end)
            any_step = (*days, *_measured(line, step.quantity), step.figure, step.reference)
            read = (step.source.file_sha256, step.source.row) if step.source else (None, None)
            told = (*_service(index, line), _month(step), None, line.unit_price, amount)
            yield (*told, *read, *any_step)
    for one in statement.outside:
        told, any_step = _outside(one)
        yield told if statement.of_users_alone else (*told, *any_step)


def _outside(one: Outside) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """What no subscription covers: the cells of a month, and those of any step."""
    label = f"{OUTSIDE}{'' if one.origin is None else f', {one.origin.french}'}"
    match one:
        case OutsideUse():
            service = (None, one.service, label, one.tier, None, None, None)
            days = (one.month.first_day, one.month.last_day)
            step = (*days, one.users, "utilisateur × mois", None, None, None)
            return (*service, one.month, one.users, None, ZERO, None, None), step
        case OutsideUnit():
            service = (None, one.service, label, None, None, None, None)
            of_day = (one.day, one.day, one.quantity, "unité", None, None, one.reference)
            return (*service, Month.of(one.day), None, None, ZERO, None, None), of_day


def _month(step: Step) -> Month | None:
    """The month of a step; None when it is of more than one."""
    first, last = Month.of(step.period.start), Month.of(step.period.end)
    return first if first == last else None


def _measured(line: RatedLine, quantity: Quantity) -> tuple[Cell, ...]:
    unit = "utilisateur × mois" if line.measure is None else line.measure.one
    return quantity, unit, line.price_units


def line_columns(statement: Statement) -> tuple[Column, ...]:
    """Of the summary."""
    return LINE if statement.of_users_alone else (*LINE, *ANY_LINE)


def month_columns(statement: Statement) -> tuple[Column, ...]:
    """Of the steps of each line."""
    return MONTH if statement.of_users_alone else (*MONTH, *ANY_STEP)


def _service(index: int, line: RatedLine) -> tuple[Cell, ...]:
    return (
        index,
        line.service,
        line.designation,
        line.tier,
        line.category if line.by_category else None,
        line.grid_version,
        french_rate(line.vat),
    )


def _sources(statement: Statement) -> Iterator[tuple[Cell, ...]]:
    for version in statement.grid_versions:
        yield "Grille tarifaire", version
    for decision in statement.decisions:
        yield "Décision", decision
    for sha256 in statement.source_files:
        yield "Consommations (SHA-256)", sha256
