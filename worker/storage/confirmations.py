"""Unusual amounts that a person confirmed: one in force by member and year; former ones stay."""

import json
from datetime import datetime

import sqlalchemy
from sqlalchemy import RowMapping
from sqlmodel import Session, SQLModel

from worker.billing.comparison import Confirmation
from worker.billing.money import Money
from worker.storage.tables import ConfirmationRow, as_written, number_added
from worker.storage.transaction import Transaction

_TABLE = SQLModel.metadata.tables["confirmation"]
_OF_MEMBER = (
    _TABLE.columns["siret"] == sqlalchemy.bindparam("member"),
    _TABLE.columns["year"] == sqlalchemy.bindparam("of"),
)
_IN_FORCE = (*_OF_MEMBER, _TABLE.columns["withdrawn_at"].is_(None))
_EVERY = sqlalchemy.select(_TABLE).where(*_OF_MEMBER).order_by(_TABLE.columns["id"])
# Plain statements: one is looked for twice for each invoice of a batch.
_FIND = sqlalchemy.select(_TABLE).where(*_IN_FORCE)
_WITHDRAW = sqlalchemy.update(_TABLE).where(*_IN_FORCE)


def in_force(session: Session, siret: str, year: int) -> Confirmation | None:
    """What was last confirmed of a member's year, or None."""
    with as_written(f"ce qui est confirmé de {siret} pour {year} (table confirmation)"):
        row = session.execute(_FIND, {"member": siret, "of": year}).mappings().one_or_none()
        return None if row is None else _confirmation(row)


def of_year(session: Session, siret: str, year: int) -> tuple[tuple[Confirmation, bool], ...]:
    """All that was confirmed of a member's year, in order, and whether it is in force."""
    with as_written(f"ce qui est confirmé de {siret} pour {year} (table confirmation)"):
        rows = session.execute(_EVERY, {"member": siret, "of": year}).mappings()
        return tuple((_confirmation(row), row["withdrawn_at"] is None) for row in rows)


def _confirmation(row: RowMapping) -> Confirmation:
    previous: int | None = row["previous_cents"]
    at: datetime = row["confirmed_at"]
    return Confirmation(
        total=Money(row["total_cents"]),
        previous=None if previous is None else Money(previous),
        grounds=tuple(map(str, json.loads(row["grounds"]))),
        reason=row["reason"],
        confirmed_at=at,
        confirmed_by=row["confirmed_by"],
    )


def place(tx: Transaction, siret: str, year: int, given: Confirmation) -> None:
    """Keep a confirmation in the place of the one in force."""
    tx.execute(_WITHDRAW, {"member": siret, "of": year, "withdrawn_at": tx.now})
    row = ConfirmationRow(
        siret=siret,
        year=year,
        total_cents=given.total.cents,
        previous_cents=None if given.previous is None else given.previous.cents,
        grounds=json.dumps(given.grounds),
        reason=given.reason,
        confirmed_at=given.confirmed_at,
        confirmed_by=given.confirmed_by,
    )
    number_added(tx, row)
