"""A year's amounts before it is billed, beside those of the year before. Nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.app import App
from worker.billing.money import Money
from worker.errors import has_blocking
from worker.issuing.prepare import Prepared, preview_year
from worker.storage import invoices


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A year, member by member.

    Attributes:
        before: TTC invoiced for the year before, credit notes deducted, by SIRET.
    """

    year: int
    members: tuple[Prepared, ...]
    before: Mapping[str, Money]

    @property
    def total(self) -> Money:
        """TTC."""
        return Money.sum(one.total for one in self.members)

    @property
    def blocked(self) -> tuple[Prepared, ...]:
        """Those that ``run`` would not bill."""
        return tuple(one for one in self.members if has_blocking(one.findings))


def preview(app: App, year: int) -> Preview:
    """Compute the year as the batch would. Raises TariffError."""
    members = tuple(preview_year(app, year))
    before: dict[str, Money] = {}
    with app.reading() as session:
        for invoice in invoices.tracked(session, year=year - 1):
            if invoice.number:
                known = before.get(invoice.siret, Money(0))
                before[invoice.siret] = known + invoice.signed_total
    return Preview(year=year, members=members, before=before)
