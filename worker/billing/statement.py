"""The yearly detailed statement (*état détaillé des prestations*): the legal basis of the invoice.

Convention C3: numbered, sent to the member, attached to the invoice, same total to the cent.
"""

from dataclasses import dataclass
from datetime import date

from worker.billing.members import Member
from worker.billing.money import Money
from worker.billing.rating import RatedLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """All that a member consumed in a year, priced, with the files the figures come from."""

    number: str
    year: int
    member: Member
    lines: tuple[RatedLine, ...]
    issue_date: date

    @property
    def total(self) -> Money:
        """TTC, and the invoice's payable total."""
        return Money.sum(line.total for line in self.lines)

    @property
    def source_files(self) -> tuple[str, ...]:
        """SHA-256 of each usage file behind the figures, in order of first use."""
        hashes = (use.source.file_sha256 for line in self.lines for use in line.months)
        return tuple(dict.fromkeys(hashes))

    @property
    def grid_versions(self) -> tuple[str, ...]:
        """The grids that gave the prices."""
        return tuple(dict.fromkeys(line.grid_version for line in self.lines))
