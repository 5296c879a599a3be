"""A table as a value: typed columns, and rows that are read while they are written.

What commands and the auditor's dossier give away is described as one of these; ``files`` writes it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from worker.billing.money import Money

Cell = str | int | bool | Decimal | Money | date | datetime | None
"""None is an empty cell, of whatever column."""
Row = Sequence[Cell]
Sink = Callable[[Row], None]
"""Is given the rows of a table, one after the other."""


class Kind(StrEnum):
    """What a column holds. The value is what a JSON file says of it."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    """With decimals: a rate, a percentage."""
    AMOUNT = "amount"
    """Euros, with two decimals."""
    DATE = "date"
    INSTANT = "instant"
    """UTC, to the microsecond."""
    TRUTH = "truth"


HOLDS: Mapping[Kind, type] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.NUMBER: Decimal,
    Kind.AMOUNT: Money,
    Kind.DATE: date,
    Kind.INSTANT: datetime,
    Kind.TRUTH: bool,
}
"""The Python type of the cells of each kind, those that are None apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        name: of its values in JSON; English, stable.
        caption: what people read above it, in French.
    """

    name: str
    caption: str
    kind: Kind = Kind.TEXT

    @property
    def heading(self) -> str:
        """The caption, with the zone of instants: a cell has no place for it."""
        return f"{self.caption} (UTC)" if self.kind is Kind.INSTANT else self.caption


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under typed columns.

    Attributes:
        name: English, stable: a file may be named after it.
        title: French.
        rows: reads them, from the first, each time it is called.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Callable[[], Iterable[Row]]


def as_text(cell: Cell) -> str:
    """A cell as a program reads it: a day and an instant in ISO 8601, decimals after a point."""
    match cell:
        case None:
            return ""
        case bool():
            return "oui" if cell else "non"
        case datetime():
            naive = cell.astimezone(UTC).replace(tzinfo=None)
            return f"{naive.isoformat(timespec='microseconds')}Z"
        case date():
            return cell.isoformat()
        case Decimal():
            return f"{cell:f}"
        case _:
            return str(cell)
