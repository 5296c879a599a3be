"""A table drawn for a person on a terminal; apart, for its library is slow to import."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDE = 8


def draw(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    """Draw it to the terminal's width; columns named in ``right`` are aligned to the right."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        # Only the first column, a name, is folded: numbers must stay whole to be copied.
        drawn.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=len(columns) < _WIDE and column != columns[0],
        )
    for row in rows:
        drawn.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(drawn)
