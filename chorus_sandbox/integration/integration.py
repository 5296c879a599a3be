"""The verdict on a flux: read, controlled, then integrated or refused (§8.2)."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chorus_sandbox import paris
from chorus_sandbox.directory import Directory
from chorus_sandbox.integration import controls, documents, lots
from chorus_sandbox.ledger.invoices import FIRST_STATUSES
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import (
    FluxRecord,
    FluxState,
    NewInvoice,
    RefusedInvoice,
    TechnicalError,
)

_LONGEST_IDENTIFIER = 100
_MOST_ERRORS = 10
_lock = threading.Lock()
"""Held while a flux is read: a second request for the same verdict waits."""


def settle(
    ledger: Ledger, directory: Directory, *, now: datetime, up_to: FluxRecord | None = None
) -> None:
    """Gives every verdict that is due, oldest deposit first, so that duplicates are just.

    Nothing runs in the background: a verdict is given when it is asked for, or after the answer to
    the deposit of a flux that needs no time, and is dated from the instant it was due.

    Args:
        ledger: the ledger.
        directory: the known structures.
        now: the instant of the question.
        up_to: leave the fluxes deposited after this one alone: they are not asked about.
    """
    last = None if up_to is None else up_to.id
    waiting = True
    while waiting:
        with _lock:
            if flux := ledger.fluxes.next_due(now, up_to=last):
                _integrate(ledger, directory, flux)
            waiting = flux is not None


def files_of(content: bytes, flux: FluxRecord) -> Mapping[str, bytes]:
    """The files of a flux by name: those of a lot, or the one deposited.

    Raises:
        Inadmissible: a lot that cannot be unpacked.
    """
    return lots.unpack(content) if lots.is_lot(content) else {flux.file_name: content}


def _integrate(ledger: Ledger, directory: Directory, flux: FluxRecord) -> None:
    # The slow part is outside the transaction; another process may conclude meanwhile.
    verdict = _judge(flux, ledger.fluxes.content(flux), directory)
    with ledger.transaction():
        if not ledger.fluxes.is_waiting(flux):
            return
        match verdict:
            case TechnicalError():
                ledger.fluxes.conclude(flux, FluxState.INCIDENT, technical=[verdict])
            case documents.Inadmissible():
                ledger.fluxes.conclude(flux, FluxState.REFUSED, technical=verdict.errors)
            case _:
                _decide(ledger, flux, verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """An invoice that was read, and what the controls made of it."""

    file_name: str
    invoice: documents.Read
    outcome: NewInvoice | tuple[str, ...]


def _judge(
    flux: FluxRecord, content: bytes, directory: Directory
) -> tuple[_Judged, ...] | documents.Inadmissible | TechnicalError:
    if flux.incident:
        return documents.simulated(3, "Incident technique demande")
    if flux.turned_away:
        return documents.unreadable("rejet demande")
    day = paris.day_of(flux.deposited_at)
    try:
        return tuple(
            _Judged(
                file_name=name,
                invoice=invoice,
                outcome=controls.examine(invoice, directory, deposited_on=day),
            )
            for name, invoice in _read_all(flux, content).items()
        )
    except documents.Inadmissible as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001 - a file nothing foresaw is an incident, recorded
        return documents.simulated(2, f"Incident: {type(error).__name__}")


def _read_all(flux: FluxRecord, content: bytes) -> Mapping[str, documents.Read]:
    if not lots.is_lot(content):
        return {flux.file_name: documents.read(flux.syntax, content)}
    # Simulated: one file that no schema reads refuses the whole lot (nothing says otherwise).
    read, errors = {}, []
    for name, file in lots.unpack(content).items():
        try:
            read[name] = documents.read(flux.syntax, file)
        except documents.Inadmissible as refusal:
            of_file = f"SIMULE - Lot refuse par le fichier {name}"
            errors += [replace(error, text=f"{of_file} : {error.text}") for error in refusal.errors]
    if errors:
        raise documents.Inadmissible(*errors[:_MOST_ERRORS])
    return read


def _decide(ledger: Ledger, flux: FluxRecord, judged: Sequence[_Judged]) -> None:
    """Integrates the good invoices one by one, so that a lot's own duplicates are seen."""
    refused = [item for one in judged if (item := _integrate_one(ledger, flux, one))]
    if not refused:
        state = FluxState.INTEGRATED
    else:
        state = FluxState.REFUSED if len(refused) == len(judged) else FluxState.PARTIAL
    ledger.fluxes.conclude(flux, state, refused=refused)


def _integrate_one(ledger: Ledger, flux: FluxRecord, judged: _Judged) -> RefusedInvoice | None:
    """Integrates an invoice, or says what it is refused for."""
    invoice, outcome = judged.invoice, judged.outcome
    faults = outcome if isinstance(outcome, tuple) else ()
    if ledger.invoices.is_integrated_from(flux, judged.file_name):
        return None
    day = None if flux.unchecked else invoice.issued_on
    if day and ledger.invoices.is_taken(
        year=day.year, siren=invoice.seller[:9], number=invoice.number
    ):
        faults = (*faults, controls.DUPLICATE)
    if faults or isinstance(outcome, tuple):
        return RefusedInvoice(
            seller=invoice.seller[:_LONGEST_IDENTIFIER],
            buyer=invoice.buyer[:_LONGEST_IDENTIFIER],
            number=invoice.number[:_LONGEST_IDENTIFIER],
            text=controls.report(faults),
        )
    identifier = ledger.invoices.add(flux, outcome, file_name=judged.file_name)
    for status in FIRST_STATUSES:
        ledger.invoices.add_status(identifier, status, at=flux.due_at)
    return None
