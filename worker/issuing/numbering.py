"""The series of numbers of invoices, statements and credit notes: gapless, in the transaction.

A number freezes a date, so that the clock is checked first: against the portal's, and against the
last document of the series.
"""

from datetime import datetime, timedelta

from worker.billing.period import french_date, french_time, paris_day
from worker.errors import Refused
from worker.portals import Portal
from worker.settings.keys import Numbering
from worker.storage import Session, Transaction, invoices

MOST_APART = timedelta(days=1)
"""Between our clock and the portal's."""
_TO_DO = (
    "Mettez la machine à l'heure (« timedatectl » dit si elle l'est), puis retapez la commande."
)


def series(prefix: str, year: int) -> str:
    """The series a number belongs to: its prefix, with the year of issue."""
    return prefix.replace("{annee}", str(year))


def refuse_wrong_clock(now: datetime, portal: Portal | None) -> None:
    """Raise Refused when our clock is far from the one that the portal stated.

    ``portal`` has been asked something before; None: there is none to compare with.
    """
    stated = None if portal is None else portal.clock()
    if stated is not None and abs(now - stated) > MOST_APART:
        raise Refused(
            f"L'horloge de cette machine dit le {french_time(now)}, celle du portail le "
            f"{french_time(stated)} : aucun numéro n'a été pris.",
            _TO_DO,
        )


def take_number(tx: Transaction, settings: Numbering, prefix: str, portal: Portal | None) -> str:
    """The next number of a series, given back if the transaction is undone.

    Raises:
        Refused: the clock is far from the portal's, or before the last document, of any series.
    """
    refuse_wrong_clock(tx.now, portal)
    today = paris_day(tx.now)
    name = series(prefix, today.year)
    last = invoices.last_day(tx)
    if last is not None and today < last:
        raise Refused(
            f"L'horloge de cette machine dit le {french_date(today)}, et la dernière pièce émise "
            f"est du {french_date(last)} : aucun numéro n'a été pris.",
            _TO_DO,
        )
    return _number(settings, prefix, today.year, invoices.take_number(tx, name))


def likely_number(session: Session, settings: Numbering, prefix: str, year: int, rank: int) -> str:
    """The number of a series if ``rank`` others are taken before."""
    last = invoices.last_number(session, series(prefix, year))
    return _number(settings, prefix, year, last + rank + 1)


def _number(settings: Numbering, prefix: str, year: int, value: int) -> str:
    """A number of a series, such as ``BSN-2026-00012``."""
    return f"{series(prefix, year)}{value:0{settings.width}d}"
