"""What of a billed year a row would change: an issued invoice rests on it, and does not change.

Usage is compared in the database (storage/usage_stage.py), whatever the length of the file. A
member may change: its invoices keep their own copy of their buyer.
"""

from collections.abc import Iterator, Sequence

from worker.billing.consumption import PopulationRecord, UnitRecord
from worker.billing.members import BillingReferences, Subscription
from worker.billing.period import Month, months_of
from worker.billing.status import InvoiceStatus
from worker.imports.problems import Place, Problem
from worker.storage import Session, imported
from worker.storage.billed import BilledYear, billed_years

Fact = Subscription | BillingReferences | UnitRecord | PopulationRecord


def conflicts(session: Session, facts: Sequence[tuple[Place, Fact]]) -> Iterator[Problem]:
    """The rows that would change a billed year."""
    billed: dict[str, list[BilledYear]] = {}
    for found in billed_years(session, {one.siret for _, one in facts}):
        billed.setdefault(found.siret, []).append(found)
    kept: dict[tuple[object, ...], Fact] = {}
    if billed:
        kept |= {key(one): one for one in imported.current_subscriptions(session, set(billed))}
        kept |= {key(one): one for one in imported.current_references(session, set(billed))}
        kept |= {key(one): one for one in imported.current_units(session, set(billed))}
        kept |= {key(one): one for one in imported.current_population(session, set(billed))}
    for place, one in facts:
        for year in billed.get(one.siret, ()):
            if _has_own_references(session, one, year):
                continue
            if column := _changed(kept.get(key(one)), one, year):
                yield Problem(place=place, words="billed", detail=year.number, column=column)
                break


def _has_own_references(session: Session, fact: Fact, year: BilledYear) -> bool:
    """Whether references are of a predecessor whose successor was billed by its own."""
    if not isinstance(fact, BillingReferences) or year.billed_to == fact.siret:
        return False
    own = imported.references_of(session, year.billed_to, fact.year)
    return bool(own.service_code or own.engagement)


def key(fact: Fact) -> tuple[object, ...]:
    """What no two records share."""
    match fact:
        case Subscription():
            return "subscription", fact.siret, fact.service, fact.tier, fact.start
        case UnitRecord():
            return "units", fact.siret, fact.service, fact.day, fact.reference
        case BillingReferences():
            return "references", fact.siret, fact.year
        case PopulationRecord():
            return "population", fact.siret, fact.year


def _changed(before: Fact | None, after: Fact, billed: BilledYear) -> str:
    """The column by which a billed year would change; empty when it would not."""
    match after:
        case Subscription():
            return _changed_months(before, after, billed)
        # Nothing is integrated of what was refused: « resend » takes its corrected references.
        case BillingReferences(year=billed.year) if billed.status is not InvoiceStatus.REFUSED:
            known = before or BillingReferences(siret=after.siret, year=after.year)
            names = {"service_code": "code_service", "engagement": "engagement"}
            return next(
                (
                    name
                    for field, name in names.items()
                    if getattr(known, field) != getattr(after, field)
                ),
                "",
            )
        case UnitRecord():
            known_units = before.quantity if isinstance(before, UnitRecord) else 0
            changes = Month.of(after.day) in billed.months and known_units != after.quantity
            return "quantite" if changes else ""
        case PopulationRecord(year=billed.year):
            known_people = before.inhabitants if isinstance(before, PopulationRecord) else None
            return "habitants" if known_people != after.inhabitants else ""
        case _:
            return ""


def _changed_months(before: Fact | None, after: Subscription, billed: BilledYear) -> str:
    year = [month for month in months_of(billed.year) if month in billed.months]
    months = tuple(filter(after.covers, year))
    if not isinstance(before, Subscription):
        return "debut" if months else ""
    if months != tuple(filter(before.covers, year)):
        return "fin"
    return "categorie" if months and before.category != after.category else ""
