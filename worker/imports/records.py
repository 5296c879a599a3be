"""From the parsed cells of a row to a value of the domain, with the rules inside one row."""

from collections.abc import Mapping
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
from worker.imports.wording import finding

Cells = Mapping[str, Any]
"""Parsed values by field: of the type the column's parser returns, or its blank."""

MemberRow = tuple[Member, Contact | None, MemberNature | None]
"""A member, its *référent* and its nature when the row says something of them."""

TitleRow = tuple[Title, Payment | None]
"""A title of the finance software, and a payment when the row tells one."""


def member(cells: Cells, _source: SourceRow) -> MemberRow:
    """A member, its contact and its nature."""
    found = Member(
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
    name, email, nature = cells["contact_name"], cells["contact_email"], cells["nature"]
    contact = Contact(siret=found.siret, name=name, email=email) if name or email else None
    return found, contact, nature and MemberNature(siret=found.siret, nature=nature)


def subscription(cells: Cells, _source: SourceRow) -> Subscription | Finding:
    """A subscription that does not end before it begins."""
    start, end = cells["start"], cells["end"]
    if end is not None and end < start:
        return finding("IMPORT-PERIOD", start=french_date(start), end=french_date(end))
    return Subscription(**cells)


def usage(cells: Cells, source: SourceRow) -> UsageRecord:
    """The users of a month, who lead to their row."""
    return UsageRecord(**cells, source=source)


def references(cells: Cells, _source: SourceRow) -> BillingReferences:
    """What a member wants on its invoice for a year."""
    return BillingReferences(**cells)


def previous(cells: Cells, _source: SourceRow) -> PreviousAmount:
    """What another program billed for a year."""
    return PreviousAmount(**cells)


def payment(cells: Cells, _source: SourceRow) -> Payment:
    """A payment of an invoice."""
    return Payment(**cells)


def title(cells: Cells, _source: SourceRow) -> TitleRow | Finding:
    """A title, and the payment that its row tells whole or not at all."""
    day: date | None = cells["paid_on"]
    amount: Money | None = cells["amount"]
    if (day is None) != (amount is None):
        return finding("IMPORT-HALF-PAYMENT")
    found = Title(
        invoice=cells["number"],
        budget_year=cells["budget_year"],
        slip=cells["slip"],
        number=cells["title"],
        issued_on=cells["issued_on"],
    )
    if day is None or amount is None:
        return found, None
    reference = cells["reference"]
    return found, Payment(number=found.invoice, on=day, amount=amount, reference=reference)


def unit(cells: Cells, source: SourceRow) -> UnitRecord:
    """Dated units, which lead to their row."""
    return UnitRecord(**cells, source=source)


def population(cells: Cells, source: SourceRow) -> PopulationRecord:
    """The inhabitants of a member in a year."""
    return PopulationRecord(**cells, source=source)
