"""Which member is billed for which month, where one took the place of another. Pure.

A begun month stays with the one that ends: its successor is billed from the first month that it
has whole. Rows keep the SIRET that they were filed under.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from worker.billing.members import BillingReferences
from worker.billing.period import Month, months_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """Whose rows a successor is billed for, under the name that it had."""

    siret: str
    name: str

    @property
    def french(self) -> str:
        """For people."""
        return f"repris de {self.name} (SIRET {self.siret})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """A member takes the place of another from a day on, by a person's word."""

    siret: str
    """The one that ends."""
    successor: str
    effective_on: date
    reason: str
    recorded_at: datetime
    recorded_by: str

    @property
    def first_month(self) -> Month:
        """The first month that the successor is billed for."""
        begun = Month.of(self.effective_on)
        return begun if self.effective_on == begun.first_day else begun.after

    def french(self, name: str) -> str:
        """What is said of the one that ends; ``name``: of its successor."""
        first = self.first_month.french
        return f"repris par {name} (SIRET {self.successor}) dès {first}"


Successions = Mapping[str, Succession]
"""Those in force, by the SIRET of the one that ends: it has one successor. Without circle."""


def successors(siret: str, known: Successions) -> Iterator[str]:
    """The successor of a member, the successor of this one, and so on."""
    while (found := known.get(siret)) is not None:
        siret = found.successor
        yield siret


def predecessors(siret: str, known: Successions) -> tuple[str, ...]:
    """Every member that ended in this one, directly or not, by SIRET."""
    return tuple(sorted(one for one in known if siret in successors(one, known)))


def billed_for(siret: str, month: Month, known: Successions) -> str:
    """The SIRET of the member that is billed for a month of what is filed under one."""
    while (found := known.get(siret)) is not None and month >= found.first_month:
        siret = found.successor
    return siret


def begun(siret: str, year: int, known: Successions) -> Succession | None:
    """The succession of a member that changes a year, or one before it."""
    found = known.get(siret)
    return None if found is None or found.first_month.year > year else found


def months_billed(siret: str, to: str, year: int, known: Successions) -> frozenset[Month]:
    """The months of a year in which what is filed under a SIRET is billed to another, or itself."""
    return frozenset(month for month in months_of(year) if billed_for(siret, month, known) == to)


def months_elsewhere(siret: str, to: str, year: int, known: Successions) -> frozenset[Month]:
    """The other months of the year."""
    return frozenset(months_of(year)) - months_billed(siret, to, year, known)


def followed(
    own: BillingReferences, theirs: Sequence[tuple[Predecessor, BillingReferences]]
) -> tuple[BillingReferences, tuple[Predecessor, ...]]:
    """The references of a successor and, when it has none, the predecessors that have some.

    Theirs are taken then, unless they differ: they are of two orders, and an invoice bears one.
    """
    if own.service_code or own.engagement:
        return own, ()
    given = [(one, told) for one, told in theirs if told.service_code or told.engagement]
    found = {(told.service_code, told.engagement) for _, told in given}
    if len(found) == 1:
        ((service_code, engagement),) = found
        own = replace(own, service_code=service_code, engagement=engagement)
    return own, tuple(one for one, _ in given)
