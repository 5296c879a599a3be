"""A campaign: a person's word that a year may be billed, and the figures on which it was given."""

from dataclasses import dataclass
from datetime import datetime

from worker.billing.comparison import Comparison, Group
from worker.billing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a person was shown before the go. Amounts are TTC.

    Attributes:
        ready, ready_total: members that ``run`` would bill, or has billed.
        total: of every member of the year.
        previous: of every member for the year before.
    """

    ready: int
    ready_total: Money
    held: int
    held_total: Money
    to_confirm: int
    to_confirm_total: Money
    total: Money
    previous: Money

    @property
    def difference(self) -> Money:
        """To the year before."""
        return self.total - self.previous


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A go, and its end when a person took it back."""

    year: int
    opened_at: datetime
    opened_by: str
    reason: str
    figures: Figures
    closed_at: datetime | None = None
    closed_by: str = ""
    close_reason: str = ""


def figures_of(compared: Comparison) -> Figures:
    """The figures of a year."""
    ready = compared.share(Group.TO_BILL, Group.BILLED)
    held, to_confirm = compared.share(Group.HELD), compared.share(Group.TO_CONFIRM)
    everything = compared.share()
    return Figures(
        ready=ready.members,
        ready_total=ready.total,
        held=held.members,
        held_total=held.total,
        to_confirm=to_confirm.members,
        to_confirm_total=to_confirm.total,
        total=everything.total,
        previous=everything.previous,
    )
