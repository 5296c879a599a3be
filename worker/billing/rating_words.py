"""The French of a computation: units and months as a sentence tells them."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from worker.billing.consumption import MonthlyUse, UnitRecord
from worker.billing.money import count, french_integer
from worker.billing.period import MONTH_NAMES, Month, Period, french_date
from worker.billing.quantity import Measure, Quantity

MOST_NAMED = 6
"""Units or months that a sentence names one by one; of more, it says how many there are."""
_ELIDED = re.compile(r"[aeiouàâäéèêëîïôöùûüæœ]|h(?:[eéèêiy]|ab|on)", re.IGNORECASE)
"""Beginnings of words before which ``de`` loses its vowel: ``d'hébergement``, ``de hotline``."""


class Counted(Protocol):
    """A month of a line: how much of it, of which figure."""

    @property
    def period(self) -> Period:
        """The month."""

    @property
    def quantity(self) -> Quantity:
        """How much."""

    @property
    def figure(self) -> int | None:
        """Of which figure."""


def dated_units(units: Sequence[UnitRecord], measure: Measure) -> str:
    """``1 jour le 12/03/2025 (FORM-12) + 0,5 jour le 14/05/2025 (FORM-31)``; many are counted."""
    if len(units) > MOST_NAMED:
        first, last = units[0].day, units[-1].day
        lines = count(len(units), "relevé daté")
        return f"{lines} du {french_date(first)} au {french_date(last)}"
    return " + ".join(
        f"{measure.counted(unit.quantity)} le {french_date(unit.day)} ({unit.reference})"
        for unit in units
    )


def month_spans(months: Sequence[Month]) -> str:
    """``de janvier à mars, en mai``: the runs of subscribed months."""
    numbered = enumerate(months)
    runs = groupby(numbered, key=lambda pair: pair[1].number - pair[0])
    names = ([MONTH_NAMES[month.number - 1] for _, month in group] for _, group in runs)
    return ", ".join(month_span(run[0], run[-1]) for run in names)


def month_runs(steps: Sequence[Counted], measure: Measure) -> list[str]:
    """``100 documents sur 250 de janvier à mars``: months with as much, and as much of it."""
    runs: list[str] = []
    numbered = enumerate(steps)
    for (quantity, figure, _), group in groupby(
        numbered,
        key=lambda pair: (
            pair[1].quantity,
            pair[1].figure,
            pair[1].period.start.month - pair[0],
        ),
    ):
        names = [MONTH_NAMES[step.period.start.month - 1] for _, step in group]
        told = measure.counted(quantity)
        if figure is not None and figure != quantity:
            told += f" sur {french_integer(figure)}"
        runs.append(f"{told} {month_span(names[0], names[-1])}")
    return runs


def user_runs(months: tuple[MonthlyUse, ...]) -> list[str]:
    """``12 utilisateurs de janvier à juin``: months that follow each other with as many users.

    What is counted is said once: the second run is ``14 de juillet à décembre``.
    """
    runs: list[str] = []
    numbered = enumerate(months)
    for (users, _), group in groupby(
        numbered, key=lambda pair: (pair[1].users, pair[1].month.number - pair[0])
    ):
        names = [MONTH_NAMES[monthly.month.number - 1] for _, monthly in group]
        counted_ = french_integer(users) if runs else count(users, "utilisateur")
        runs.append(f"{counted_} {month_span(names[0], names[-1])}")
    return runs


def month_span(first: str, last: str) -> str:
    """``en mai``, ``de mai à juin``, ``d'avril à août``."""
    if first == last:
        return f"en {first}"
    of = "d'" if first[0] in "ao" else "de "
    return f"{of}{first} à {last}"


def of_label(label: str) -> str:
    """``de part opérateur``, ``d'assistance``."""
    return f"d'{label}" if _ELIDED.match(label) else f"de {label}"
