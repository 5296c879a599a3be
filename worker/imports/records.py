"""From the parsed cells of a row to a value of the domain, with the rules inside one row."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from worker.billing.comparison import PreviousAmount
from worker.billing.consumption import PopulationRecord, SourceRow, UnitRecord, UsageRecord
from worker.billing.members import (
    Address,
    BillingReferences,
    Contact,
    Member,
    MemberNature,
    Subscription,
)
from worker.billing.money import Money
from worker.billing.period import french_date
from worker.billing.settlement import Payment
from worker.billing.title import Title
from worker.errors import Finding
from worker.imports.columns import ImportKind
from worker.imports.wording import finding

Cells = Mapping[str, Any]
"""Parsed values by field: of the type the column's parser returns, or its blank."""

MemberRow = tuple[Member, Contact | None, MemberNature]
"""A member, its *référent* when the row names one or gives an address, and what it is."""

TitleRow = tuple[Title, Payment | None]
"""A title of the finance software, and a payment when the row tells one."""

Record = (
    MemberRow
    | Subscription
    | UsageRecord
    | UnitRecord
    | PopulationRecord
    | BillingReferences
    | PreviousAmount
    | Payment
    | TitleRow
)


def _member(cells: Cells, _source: SourceRow) -> MemberRow:
    member = Member(
        siret=cells["siret"],
        name=cells["name"],
        address=Address(
            line1=cells["line1"],
            line2=cells["line2"],
            postcode=cells["postcode"],
            city=cells["city"],
        ),
        convention=cells["convention"],
        vat_number=cells["vat_number"],
    )
    name, email = cells["contact_name"], cells["contact_email"]
    contact = Contact(siret=member.siret, name=name, email=email) if name or email else None
    return member, contact, MemberNature(siret=member.siret, nature=cells["nature"])


def _subscription(cells: Cells, _source: SourceRow) -> Subscription | Finding:
    start, end = cells["start"], cells["end"]
    if end is not None and end < start:
        return finding("IMPORT-PERIOD", start=french_date(start), end=french_date(end))
    return Subscription(**cells)


def _usage(cells: Cells, source: SourceRow) -> UsageRecord:
    return UsageRecord(**cells, source=source)


def _references(cells: Cells, _source: SourceRow) -> BillingReferences:
    return BillingReferences(**cells)


def _previous(cells: Cells, _source: SourceRow) -> PreviousAmount:
    return PreviousAmount(**cells)


def _payment(cells: Cells, _source: SourceRow) -> Payment:
    return Payment(**cells)


def _title(cells: Cells, _source: SourceRow) -> TitleRow | Finding:
    day: date | None = cells["paid_on"]
    amount: Money | None = cells["amount"]
    if (day is None) != (amount is None):
        return finding("IMPORT-HALF-PAYMENT")
    title = Title(
        invoice=cells["number"],
        budget_year=cells["budget_year"],
        slip=cells["slip"],
        number=cells["title"],
        issued_on=cells["issued_on"],
    )
    if day is None or amount is None:
        return title, None
    reference = cells["reference"]
    return title, Payment(number=title.invoice, on=day, amount=amount, reference=reference)


def _unit(cells: Cells, source: SourceRow) -> UnitRecord:
    return UnitRecord(**cells, source=source)


def _population(cells: Cells, source: SourceRow) -> PopulationRecord:
    return PopulationRecord(**cells, source=source)


BUILDERS: Mapping[ImportKind, Callable[[Cells, SourceRow], Record | Finding]] = {
    ImportKind.MEMBERS: _member,
    ImportKind.SUBSCRIPTIONS: _subscription,
    ImportKind.USAGE: _usage,
    ImportKind.REFERENCES: _references,
    ImportKind.PREVIOUS: _previous,
    ImportKind.SETTLEMENTS: _payment,
    ImportKind.TITLES: _title,
    ImportKind.UNITS: _unit,
    ImportKind.POPULATION: _population,
}
"""What makes a value of the domain from the cells of a row of such a file."""
