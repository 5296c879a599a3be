"""The tables of a dossier: all that is kept of a year, and what can be computed from it again.

Each table of the database is one, those that ``storage.year`` leaves out apart, with the canonical
texts that an independent check needs: the frozen content of statements and invoices, payloads and
hashes of the journal, contents of the grids. Beside them, for people and for comparison, what these
texts say: amounts, lines, months, deposits, and the use over the territory. Rows are read while
they are written: 100,000 invoices take no more memory than one page of each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from worker.audit.deposits import deposits, table_of
from worker.billing.invoice import GRID
from worker.billing.quantity import counted
from worker.billing.toml import own_table
from worker.storage import Session, year
from worker.storage.attempts import Wanted
from worker.tables import Cell, Column, Kind, Row, Table

_FRENCH = own_table(__package__, "french.toml")
TITLES: Mapping[str, str] = _FRENCH["title"]
CAPTIONS: Mapping[str, str] = _FRENCH["column"]
"""By the name of a column, or by those of table and column where two tables differ."""

Columns = Sequence[tuple[str, Kind]]


def tables(session: Session, of_year: int) -> tuple[Table, ...]:
    """The tables of a year, in the order of what happens: files, use, invoices, deposits, journal.

    Their rows are read from ``session``, as long as it is open; reading them raises IntegrityError
    at what is not as the program wrote it.
    """
    kept = [_table(one.name, one.columns, one.rows) for one in year.year_tables(session, of_year)]
    computed = (
        _table("territory", _TERRITORY, lambda: _territory(session, of_year)),
        _table("statement_month", _MONTHS, lambda: _months(session, of_year)),
        _table("invoice_amount", _AMOUNTS, lambda: _amounts(session, of_year)),
        _table("invoice_line", _LINES, lambda: _lines(session, of_year)),
        table_of(lambda: deposits(session, Wanted(year=of_year))),
    )
    return (*kept, *computed)


def _table(name: str, columns: Columns, rows: Callable[[], Iterator[Row]]) -> Table:
    return Table(
        name=name,
        title=TITLES.get(name, name),
        columns=tuple(
            Column(name=column, caption=_caption(name, column), kind=kind)
            for column, kind in columns
        ),
        rows=rows,
    )


def _caption(table: str, column: str) -> str:
    """In French; of a column without any, its name."""
    return CAPTIONS.get(f"{table}.{column}") or CAPTIONS.get(column, column)


_TERRITORY: Columns = (
    ("month", Kind.DATE),
    ("service", Kind.TEXT),
    ("tier", Kind.INTEGER),
    ("members", Kind.INTEGER),
    ("users", Kind.INTEGER),
)


def _territory(session: Session, of_year: int) -> Iterator[Row]:
    """Users per month and tier, of all members together (C12)."""
    for month, service, tier, members, users in year.use_of_the_territory(session, of_year):
        yield date(of_year, month, 1), service, tier or None, members, users


_MONTHS: Columns = (
    ("statement", Kind.TEXT),
    ("member_siret", Kind.TEXT),
    ("line", Kind.INTEGER),
    ("service", Kind.TEXT),
    ("name", Kind.TEXT),
    ("tier", Kind.INTEGER),
    ("category", Kind.INTEGER),
    ("grid", Kind.TEXT),
    ("month", Kind.DATE),
    ("users", Kind.INTEGER),
    ("unit_price_ttc", Kind.AMOUNT),
    ("total_ttc", Kind.AMOUNT),
    ("file_sha256", Kind.TEXT),
    ("file_row", Kind.INTEGER),
    ("until", Kind.DATE),
    ("counted", Kind.TEXT),
    ("figure", Kind.INTEGER),
    ("reference", Kind.TEXT),
)
_NO_STEP: tuple[Cell, ...] = (None, None, None, None)
"""The last cells of a month of users."""


def _months(session: Session, of_year: int) -> Iterator[Row]:
    """Each month of each line of the statements, with the row it comes from."""
    for statement in year.statements(session, of_year):
        for rank, line in enumerate(statement.lines, start=1):
            head: tuple[Cell, ...] = (
                statement.number,
                statement.member.siret,
                rank,
                line.service,
                line.designation,
                line.tier,
                line.category,
                line.grid_version,
            )
            for use in line.months:
                amounts = (use.users, line.unit_price, line.unit_price * use.users)
                place = (use.source.file_sha256, use.source.row)
                yield *head, use.month.first_day, *amounts, *place, *_NO_STEP
            for step, amount in zip(line.steps, line.amounts if line.steps else (), strict=True):
                source = step.source
                read = (None, None) if source is None else (source.file_sha256, source.row)
                told = (step.period.end, counted(step.quantity, line.measure), step.figure)
                yield (
                    *(*head, step.period.start, None, line.unit_price, amount),
                    *(*read, *told, step.reference),
                )


_AMOUNTS: Columns = (
    ("number", Kind.TEXT),
    ("corrects", Kind.TEXT),
    ("statement", Kind.TEXT),
    ("member_siret", Kind.TEXT),
    ("member_name", Kind.TEXT),
    ("issue_date", Kind.DATE),
    ("due_date", Kind.DATE),
    ("service_code", Kind.TEXT),
    ("engagement", Kind.TEXT),
    ("contract", Kind.TEXT),
    ("total_ht", Kind.AMOUNT),
    ("total_vat", Kind.AMOUNT),
    ("total_ttc", Kind.AMOUNT),
    ("rounding", Kind.AMOUNT),
    ("payable", Kind.AMOUNT),
)


def _amounts(session: Session, of_year: int) -> Iterator[Row]:
    """What each invoice and credit note says as a whole; amounts of both are above zero."""
    for invoice in year.contents(session, of_year):
        yield (
            invoice.number,
            invoice.preceding.number if invoice.preceding else None,
            invoice.statement_number,
            invoice.buyer.siret,
            invoice.buyer.name,
            invoice.issue_date,
            invoice.due_date,
            invoice.service_code,
            invoice.engagement,
            invoice.contract,
            invoice.totals.net,
            invoice.totals.vat,
            invoice.totals.gross,
            invoice.totals.rounding,
            invoice.totals.payable,
        )


_LINES: Columns = (
    ("number", Kind.TEXT),
    ("line", Kind.TEXT),
    ("name", Kind.TEXT),
    ("description", Kind.TEXT),
    ("grid", Kind.TEXT),
    ("start", Kind.DATE),
    ("end", Kind.DATE),
    ("quantity", Kind.INTEGER),
    ("unit_price_ttc", Kind.AMOUNT),
    ("total_ttc", Kind.AMOUNT),
    ("total_ht", Kind.AMOUNT),
    ("vat_category", Kind.TEXT),
    ("vat_rate", Kind.TEXT),
    ("counted", Kind.TEXT),
    ("price_units", Kind.INTEGER),
)


def _lines(session: Session, of_year: int) -> Iterator[Row]:
    """Each line of each invoice and credit note (BG-25)."""
    for invoice in year.contents(session, of_year):
        for line in invoice.lines:
            grids = [one.value for one in line.attributes if one.name == GRID]
            yield (
                invoice.number,
                line.identifier,
                line.name,
                line.description,
                " ".join(grids),
                line.period.start,
                line.period.end,
                line.quantity if isinstance(line.quantity, int) else None,
                line.unit_price_gross,
                line.gross,
                line.net,
                line.vat.category.value,
                f"{line.vat.rate:f}",
                counted(line.quantity, line.measure),
                line.price_units,
            )
