"""What a portal holds and what it got, read from its file: one reading per portal."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from chorus_sandbox.ledger.ledger import (
    read_fluxes,
    read_histories,
    read_injections,
    read_invoices,
    read_joined,
)
from chorus_sandbox.ledger.records import FluxState

REJECTED = {"REJETEE", "A_RECYCLER"}
"""The portal's words for an invoice that its buyer owes nothing for."""
_LATEST_INDEX = timedelta(days=7)
"""When searches of the second portal show a status at the latest; its file does not say."""
_HOPELESS = {FluxState.REFUSED, FluxState.INCIDENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldInvoice:
    """An invoice that the portal integrated; kind and status are the portal's words.

    Attributes:
        flux_number: of the file that it came in; empty when it was keyed by hand.
        preceding: the number that a credit note corrects.
        shown_at: from when on searches show it.
        statuses: all that it had, oldest first, each with its instant.
        lag: how late searches may show a status.
    """

    id: int
    number: str
    kind: str
    buyer_siret: str
    status: str
    gross: Decimal
    flux_number: str
    preceding: str
    shown_at: datetime
    statuses: tuple[tuple[datetime, str], ...]
    lag: timedelta = timedelta(0)

    @property
    def is_rejected(self) -> bool:
        """Whether nothing is owed for it any more."""
        return self.status in REJECTED

    def was_rejected(self, at: datetime) -> bool:
        """The same at an instant, as a search may have shown it."""
        earlier = [status for since, status in self.statuses if since <= at - self.lag]
        shown = [status for since, status in self.statuses if at - self.lag < since <= at]
        return not REJECTED.isdisjoint([*earlier[-1:], *shown])


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """A file that was deposited.

    Attributes:
        number: of its flux.
        is_hopeless: it was rejected, and nothing of it will be integrated any more.
    """

    number: str
    file_name: str
    sha256: str
    deposited_at: datetime
    is_hopeless: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalLedger:
    """All of a portal at one instant.

    Attributes:
        joined: how many files each invoice was given when it was completed, by its number.
        faults: how many were injected so far.
    """

    invoices: tuple[HeldInvoice, ...]
    fluxes: tuple[RecordedFile, ...]
    joined: Mapping[str, int]
    faults: int


def read_ledger(path: Path) -> PortalLedger:
    """The file of either portal, recognised by its tables and read without changing it."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        is_second = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'fact'")
        return _second(connection) if is_second.fetchone() else _sandbox(path)


def _sandbox(path: Path) -> PortalLedger:
    # Before their histories: the portal goes on meanwhile.
    held = read_invoices(path)
    histories = read_histories(path)
    return PortalLedger(
        invoices=tuple(
            HeldInvoice(
                id=one.id,
                number=one.number,
                kind=one.kind,
                buyer_siret=one.buyer_siret,
                status=one.status,
                gross=one.gross,
                flux_number=one.flux_number,
                preceding=one.preceding,
                shown_at=one.indexed_at,
                statuses=tuple((row.at, row.code) for row in reversed(histories[one.id])),
            )
            for one in held
        ),
        fluxes=tuple(
            RecordedFile(
                number=one.number,
                file_name=one.file_name,
                sha256=one.sha256,
                deposited_at=one.deposited_at,
                is_hopeless=one.state in _HOPELESS,
            )
            for one in read_fluxes(path)
        ),
        joined=read_joined(path),
        faults=len(read_injections(path)),
    )


def _second(connection: sqlite3.Connection) -> PortalLedger:
    rows: dict[str, list[Any]] = {}
    for kind, value in connection.execute("SELECT kind, value FROM fact ORDER BY rowid"):
        rows.setdefault(kind, []).append(json.loads(value))
    living = [one for one in rows.get("invoice", ()) if one["living"]]
    # A rejection may be shown under another identifier: it is the same invoice.
    renamed = {one["copy_of"] for one in living if one["copy_of"]}
    living = [one for one in living if one["rank"] not in renamed]
    return PortalLedger(
        invoices=tuple(
            HeldInvoice(
                id=one["cpp_id"],
                number=one["document"]["number"],
                kind=_kind(one["document"]["type_code"]),
                buyer_siret=one["document"]["buyer"],
                status=one["passages"][-1]["status"],
                gross=Decimal(one["document"]["gross"]),
                flux_number=one["flux"],
                preceding=one["document"]["origin"],
                shown_at=datetime.fromisoformat(one["passages"][0]["at"]) + _LATEST_INDEX,
                statuses=tuple(
                    (datetime.fromisoformat(row["at"]), row["status"]) for row in one["passages"]
                ),
                lag=_LATEST_INDEX,
            )
            for one in living
        ),
        fluxes=tuple(
            RecordedFile(
                number=one["number"],
                file_name=one["name"],
                sha256=one["sha256"],
                deposited_at=datetime.fromisoformat(one["received"]),
                is_hopeless=one["verdict"] == "IN_REJETE" and not one["turns"],
            )
            for one in rows.get("flux", ())
        ),
        joined={one["document"]["number"]: len(one["attachments"]) for one in living},
        faults=sum(rows.get("met", ())),
    )


def _kind(type_code: str) -> str:
    return "AVOIR" if type_code == "381" else "FACTURE"
