"""The verdict on a flux: read, controlled, then integrated or refused (§8.2)."""

from dataclasses import dataclass
from datetime import datetime

from worker.sandbox import controls, documents, paris
from worker.sandbox.directory import Directory
from worker.sandbox.ledger import Ledger
from worker.sandbox.records import (
    FluxRecord,
    FluxState,
    NewInvoice,
    RefusedInvoice,
    TechnicalError,
)

_LONGEST_IDENTIFIER = 100


def settle(
    ledger: Ledger, directory: Directory, *, now: datetime, up_to: FluxRecord | None = None
) -> None:
    """Gives every verdict that is due, oldest deposit first, so that duplicates are just.

    Nothing runs in the background: a verdict is given when somebody asks, and dated from the
    instant it was due.

    Args:
        ledger: the ledger.
        directory: the known structures.
        now: the instant of the question.
        up_to: leave the fluxes deposited after this one alone: they are not asked about.
    """
    last = None if up_to is None else up_to.id
    while (flux := ledger.next_due(now, up_to=last)) is not None:
        _integrate(ledger, directory, flux)


def _integrate(ledger: Ledger, directory: Directory, flux: FluxRecord) -> None:
    # The slow part is outside the transaction; another process may conclude meanwhile.
    verdict = _judge(flux, ledger.content(flux), directory)
    with ledger.transaction():
        if not ledger.is_waiting(flux):
            return
        match verdict:
            case _Judged():
                _decide(ledger, flux, verdict)
            case documents.Inadmissible():
                ledger.conclude(flux, FluxState.REFUSED, technical=verdict.errors)
            case TechnicalError():
                ledger.conclude(flux, FluxState.INCIDENT, technical=[verdict])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """An invoice that was read, and what the controls made of it."""

    invoice: documents.Read
    outcome: NewInvoice | tuple[str, ...]


def _judge(
    flux: FluxRecord, content: bytes, directory: Directory
) -> _Judged | documents.Inadmissible | TechnicalError:
    try:
        invoice = documents.read(flux.syntax, content)
        outcome = controls.examine(invoice, directory, deposited_on=paris.day_of(flux.deposited_at))
    except documents.Inadmissible as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001 - a file nothing foresaw is an incident, recorded
        text = f"SIMULE - Incident: {type(error).__name__}"
        return TechnicalError(nature="SIMULE", code="SIMULE_002", text=text)
    return _Judged(invoice=invoice, outcome=outcome)


def _decide(ledger: Ledger, flux: FluxRecord, judged: _Judged) -> None:
    invoice, outcome = judged.invoice, judged.outcome
    faults = outcome if isinstance(outcome, tuple) else ()
    if invoice.issued_on and ledger.is_taken(
        year=invoice.issued_on.year, siren=invoice.seller[:9], number=invoice.number
    ):
        faults = (*faults, controls.DUPLICATE)
    if faults or isinstance(outcome, tuple):
        refused = RefusedInvoice(
            seller=invoice.seller[:_LONGEST_IDENTIFIER],
            buyer=invoice.buyer[:_LONGEST_IDENTIFIER],
            number=invoice.number[:_LONGEST_IDENTIFIER],
            text=controls.report(faults),
        )
        ledger.conclude(flux, FluxState.REFUSED, refused=[refused])
        return
    identifier = ledger.add_invoice(flux, outcome)
    for status in ("DEPOSEE", "MISE_A_DISPOSITION"):
        ledger.add_status(identifier, status, at=flux.due_at)
    ledger.conclude(flux, FluxState.INTEGRATED)
