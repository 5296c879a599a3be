"""The series of numbers of invoices, statements and credit notes: gapless, in the transaction."""

from worker.issuing.terms import Terms
from worker.storage import Session, Transaction, invoices


def series(prefix: str, year: int) -> str:
    """The series a number belongs to: its prefix, with the year of issue."""
    return prefix.replace("{annee}", str(year))


def take_number(tx: Transaction, terms: Terms, prefix: str, year: int) -> str:
    """The next number of a series, given back if the transaction is undone."""
    return _number(terms, prefix, year, invoices.take_number(tx, series(prefix, year)))


def likely_number(session: Session, terms: Terms, prefix: str, year: int, rank: int) -> str:
    """The number of a series if ``rank`` others are taken before."""
    last = invoices.last_number(session, series(prefix, year))
    return _number(terms, prefix, year, last + rank + 1)


def _number(terms: Terms, prefix: str, year: int, value: int) -> str:
    """A number of a series, such as ``BSN-2026-00012``."""
    return f"{series(prefix, year)}{value:0{terms.number_width}d}"
