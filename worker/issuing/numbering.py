"""The series of numbers of invoices, statements and credit notes: gapless, in the transaction."""

from worker.settings.keys import Numbering
from worker.storage import Session, Transaction, invoices


def series(prefix: str, year: int) -> str:
    """The series a number belongs to: its prefix, with the year of issue."""
    return prefix.replace("{annee}", str(year))


def take_number(tx: Transaction, settings: Numbering, prefix: str, year: int) -> str:
    """The next number of a series, given back if the transaction is undone."""
    return _number(settings, prefix, year, invoices.take_number(tx, series(prefix, year)))


def likely_number(session: Session, settings: Numbering, prefix: str, year: int, rank: int) -> str:
    """The number of a series if ``rank`` others are taken before."""
    last = invoices.last_number(session, series(prefix, year))
    return _number(settings, prefix, year, last + rank + 1)


def _number(settings: Numbering, prefix: str, year: int, value: int) -> str:
    """A number of a series, such as ``BSN-2026-00012``."""
    return f"{series(prefix, year)}{value:0{settings.width}d}"
