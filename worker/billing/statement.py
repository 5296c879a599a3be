"""The yearly detailed statement (*état détaillé des prestations*): the legal basis of the invoice.

Convention C3: numbered, sent to the member, attached to the invoice, same total to the cent.
"""

from dataclasses import dataclass
from datetime import date

from worker.billing.consumption import Outside, OutsideUse, french_outside
from worker.billing.members import Member
from worker.billing.money import Money
from worker.billing.rating import RatedLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """All that a member consumed in a year, priced, with the files the figures come from.

    Attributes:
        outside: what no subscription covers, accepted by a person: in no line.
    """

    number: str
    year: int
    member: Member
    lines: tuple[RatedLine, ...]
    issue_date: date
    outside: tuple[Outside, ...] = ()

    @property
    def total(self) -> Money:
        """TTC, and the invoice's payable total."""
        return Money.sum(line.total for line in self.lines)

    @property
    def not_billed(self) -> str:
        """What is in no line for want of a subscription, in one French sentence; often empty."""
        return french_outside(self.outside)

    @property
    def source_files(self) -> tuple[str, ...]:
        """SHA-256 of each file behind the figures, in order of first use."""
        return tuple(
            dict.fromkeys(source.file_sha256 for line in self.lines for source in line.sources)
        )

    @property
    def of_users_alone(self) -> bool:
        """Whether every price is of a user and month, as in the first annex."""
        return all(line.measure is None for line in self.lines) and all(
            isinstance(one, OutsideUse) for one in self.outside
        )

    @property
    def decisions(self) -> tuple[str, ...]:
        """The délibérations that set the prices, when the grids name them."""
        return tuple(dict.fromkeys(line.decision for line in self.lines if line.decision))

    @property
    def grid_versions(self) -> tuple[str, ...]:
        """The grids that gave the prices."""
        return tuple(dict.fromkeys(line.grid_version for line in self.lines))
