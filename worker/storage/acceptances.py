"""Use outside a subscription that a person accepted: one in force by member and year."""

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import RowMapping
from sqlmodel import Session, SQLModel

from worker.billing.consumption import Outside, OutsideUnit, OutsideUse
from worker.billing.journal import EventTag, canonical_json
from worker.billing.member_year import Acceptance
from worker.billing.period import Month
from worker.billing.quantity import read_quantity
from worker.billing.succession import Predecessor
from worker.storage import journal
from worker.storage.store import affected
from worker.storage.tables import AcceptanceRow, as_written, number_added, whole_number
from worker.storage.transaction import Transaction

_TABLE = SQLModel.metadata.tables["acceptance"]
_OF_MEMBER = (
    _TABLE.columns["siret"] == sqlalchemy.bindparam("member"),
    _TABLE.columns["year"] == sqlalchemy.bindparam("of"),
)
_ENDED = _TABLE.columns["withdrawn_at"]
# Plain statements: one is looked for twice for each invoice of a batch.
_FIND = sqlalchemy.select(_TABLE).where(*_OF_MEMBER, _ENDED.is_(None))
_EVERY = sqlalchemy.select(_TABLE).where(*_OF_MEMBER).order_by(_TABLE.columns["id"])
_WITHDRAW = sqlalchemy.update(_TABLE).where(*_OF_MEMBER, _ENDED.is_(None))


def in_force(session: Session, siret: str, year: int) -> Acceptance | None:
    """What was last accepted of a member's year, or None."""
    with _as_written(siret, year):
        row = session.execute(_FIND, {"member": siret, "of": year}).mappings().one_or_none()
        return None if row is None else _acceptance(row)


def in_force_at(session: Session, siret: str, year: int, seq: int) -> Acceptance | None:
    """What was accepted of a member's year before an event of the journal, by its order."""
    with _as_written(siret, year):
        rows = session.execute(_EVERY, {"member": siret, "of": year}).mappings().all()
        if not rows:
            return None
        told = [
            json.loads(event.payload)["acceptance"]
            for event in journal.events(session, subject=f"{siret}/{year}")
            if event.tag == EventTag.USAGE_ACCEPTED and event.seq < seq
        ]
        last = told[-1] if told else None
        return next((_acceptance(row) for row in rows if row["id"] == last), None)


def of_year(session: Session, siret: str, year: int) -> tuple[tuple[Acceptance, bool], ...]:
    """All that was accepted of a member's year, in order, and whether it is in force."""
    with _as_written(siret, year):
        rows = session.execute(_EVERY, {"member": siret, "of": year}).mappings()
        return tuple((_acceptance(row), row["withdrawn_at"] is None) for row in rows)


def place(tx: Transaction, siret: str, year: int, given: Acceptance) -> None:
    """Keep an acceptance in the place of the one in force, with its event."""
    withdraw(tx, siret, year)
    row = AcceptanceRow(
        siret=siret,
        year=year,
        rows=canonical_json([_row(use) for use in given.uses]),
        reason=given.reason,
        accepted_at=given.accepted_at,
        accepted_by=given.accepted_by,
    )
    number = number_added(tx, row)
    tx.journal(
        EventTag.USAGE_ACCEPTED,
        f"{siret}/{year}",
        acceptance=number,
        rows=[_row(use) for use in given.uses],
        reason=given.reason,
    )


def withdraw(tx: Transaction, siret: str, year: int, reason: str | None = None) -> bool:
    """End the acceptance in force; False when there is none.

    ``reason``: of a person, for the event; None when another acceptance takes its place.
    """
    key = {"member": siret, "of": year, "withdrawn_at": tx.now}
    if not affected(tx, _WITHDRAW, key):
        return False
    if reason is not None:
        tx.journal(EventTag.USAGE_ACCEPTED, f"{siret}/{year}", acceptance=None, reason=reason)
    return True


def _as_written(siret: str, year: int) -> Any:
    return as_written(f"ce qui est accepté de {siret} pour {year} (table acceptance)")


def _acceptance(row: RowMapping) -> Acceptance:
    at: datetime = row["accepted_at"]
    return Acceptance(
        uses=tuple(_use(row["year"], use) for use in json.loads(row["rows"])),
        reason=row["reason"],
        accepted_at=at,
        accepted_by=row["accepted_by"],
    )


def _row(use: Outside) -> dict[str, object]:
    told: dict[str, object]
    match use:
        case OutsideUse():
            told = {"tier": use.tier, "month": use.month.number, "users": use.users}
        case OutsideUnit():
            # A quantity has four decimals at most: its text has no exponent.
            told = {"day": use.day.isoformat(), "quantity": f"{use.quantity:f}"}
            told["reference"] = use.reference
    origin = {} if use.origin is None else {"origin": asdict(use.origin)}
    return {"service": use.service, **told, **origin}


def _use(year: int, row: dict[str, Any]) -> Outside:
    origin = Predecessor(**row["origin"]) if "origin" in row else None
    if "day" in row:
        quantity = read_quantity(row["quantity"])
        if quantity is None:
            raise ValueError(f"{row['quantity']!r} is no quantity")
        return OutsideUnit(
            service=str(row["service"]),
            day=date.fromisoformat(row["day"]),
            quantity=quantity,
            reference=str(row["reference"]),
            origin=origin,
        )
    return OutsideUse(
        service=str(row["service"]),
        tier=None if row["tier"] is None else whole_number(row["tier"]),
        month=Month(year, whole_number(row["month"])),
        users=whole_number(row["users"]),
        origin=origin,
    )
