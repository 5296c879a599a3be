"""From the parsed cells of a row to a value of the domain, with the rules inside one row."""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from worker.billing.consumption import SourceRow, UsageRecord
from worker.billing.members import Address, BillingReferences, Contact, Member, Subscription
from worker.billing.period import french_date
from worker.errors import Finding
from worker.imports.columns import ImportKind
from worker.imports.wording import finding

Cells = Mapping[str, Any]
"""Column name to parsed value: of the type the column's parser returns, or its blank."""

MemberRow = tuple[Member, Contact | None]
"""A member, and its *référent* when the row names one or gives an address."""

Record = MemberRow | Subscription | UsageRecord | BillingReferences


def builder(kind: ImportKind) -> Callable[[Cells, SourceRow], Record | Finding]:
    """What makes a value of the domain from the cells of such a file."""
    match kind:
        case ImportKind.MEMBERS:
            return _member
        case ImportKind.SUBSCRIPTIONS:
            return _subscription
        case ImportKind.USAGE:
            return _usage
        case ImportKind.REFERENCES:
            return _references
    assert_never(kind)


def _member(cells: Cells, _source: SourceRow) -> MemberRow:
    member = Member(
        siret=cells["siret"],
        name=cells["nom"],
        address=Address(
            line1=cells["adresse"],
            line2=cells["complement"],
            postcode=cells["code_postal"],
            city=cells["ville"],
        ),
        convention=cells["convention"],
        vat_number=cells["tva_intracommunautaire"],
    )
    name, email = cells["contact_nom"], cells["contact_email"]
    if not (name or email):
        return member, None
    return member, Contact(siret=member.siret, name=name, email=email)


def _subscription(cells: Cells, _source: SourceRow) -> Subscription | Finding:
    start, end = cells["debut"], cells["fin"]
    if end is not None and end < start:
        return finding(
            "IMPORT-PERIOD",
            f"la fin ({french_date(end)}) précède le début ({french_date(start)})",
            "Corrigez l'une des deux dates ; laissez la fin vide si l'abonnement court toujours.",
        )
    return Subscription(
        siret=cells["siret"],
        service=cells["service"],
        tier=cells["palier"],
        category=cells["categorie"],
        start=start,
        end=end,
    )


def _usage(cells: Cells, source: SourceRow) -> UsageRecord:
    return UsageRecord(
        siret=cells["siret"],
        service=cells["service"],
        tier=cells["palier"],
        month=cells["mois"],
        users=cells["utilisateurs"],
        source=source,
    )


def _references(cells: Cells, _source: SourceRow) -> BillingReferences:
    return BillingReferences(
        siret=cells["siret"],
        year=cells["annee"],
        service_code=cells["code_service"],
        engagement=cells["engagement"],
    )
