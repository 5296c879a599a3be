"""What happens behind the portal's counter: files judged again, invoices keyed by hand."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chorus_sandbox.directory import Directory, Structure
from chorus_sandbox.entries import EntryError, read_entry
from chorus_sandbox.integration import integration
from chorus_sandbox.integration.documents import unreadable
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import FluxRecord, FluxState, InvoiceRecord, NewInvoice
from chorus_sandbox.serving.gateway import Context

_VAT = Decimal("1.20")
_CENT = Decimal("0.01")


class Impossible(Exception):
    """What is asked cannot be done: its HTTP status, and why in French."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """An invoice that a person keys at the portal."""

    number: str
    seller_siret: str
    buyer_siret: str
    cents: int  # with VAT
    issued_on: date
    kind: str = "FACTURE"
    preceding: str = ""
    unchecked: bool = False  # whether a number that is taken passes


def key(ledger: Ledger, context: Context, entry: object) -> InvoiceRecord:
    """Integrates at once an invoice that was keyed. Raises Impossible."""
    try:
        keyed = read_entry(entry, Keyed, "Facture saisie")
    except EntryError as error:
        raise Impossible(400, str(error)) from error
    seller, buyer = (
        _known(context.directory, siret) for siret in (keyed.seller_siret, keyed.buyer_siret)
    )
    gross = Decimal(keyed.cents) * _CENT
    invoice = NewInvoice(
        seller_siret=seller.siret,
        seller_name=seller.name,
        buyer_siret=buyer.siret,
        buyer_name=buyer.name,
        service_code="",
        service_name="",
        number=keyed.number,
        issued_on=keyed.issued_on,
        kind=keyed.kind,
        framework="A1",
        currency="EUR",
        net=(gross / _VAT).quantize(_CENT),
        gross=gross,
        due=gross,
        contract="",
        engagement="",
        preceding=keyed.preceding,
    )
    with ledger.transaction():
        year, siren = keyed.issued_on.year, seller.siren
        taken = ledger.invoices.is_taken(year=year, siren=siren, number=keyed.number)
        if taken and not keyed.unchecked:
            raise Impossible(409, f"Le numéro {keyed.number} est déjà pris cette année.")
        identifier = ledger.invoices.key(invoice, at=context.clock())
    return ledger.invoices.identified(identifier) or _missing(identifier)


def judge_again(ledger: Ledger, context: Context, number: str, verdict: str) -> FluxRecord:
    """Gives a flux another verdict than its first. Raises Impossible.

    Args:
        ledger: the ledger.
        context: what the requests of this process share.
        number: of the flux.
        verdict: ``replay``: the verdict that the file is worth, now; ``withdraw``: rejected, and
            its invoices are gone; ``disown``: rejected, and its invoices stay.
    """
    flux = ledger.fluxes.numbered(number) if number else None
    if flux is None:
        raise Impossible(404, f"Flux inconnu « {number} » : voir GET /_sandbox/fluxes.")
    if flux.state is FluxState.WAITING:
        raise Impossible(409, f"Le flux {number} attend encore son verdict.")
    with ledger.transaction():
        if verdict == "replay":
            ledger.fluxes.replay(flux, at=context.clock())
        else:
            if verdict == "withdraw":
                ledger.invoices.withdraw(flux)
            refusal = unreadable("rejet apres integration").errors
            ledger.fluxes.conclude(flux, FluxState.REFUSED, technical=refusal)
    integration.settle(ledger, context.directory, now=context.clock())
    return ledger.fluxes.numbered(number) or flux


def _known(directory: Directory, siret: str) -> Structure:
    structure = directory.by_siret(siret)
    if structure is None:
        raise Impossible(409, f"Structure inconnue « {siret} ».")
    return structure


def _missing(identifier: int) -> InvoiceRecord:  # pragma: no cover - it was written just now
    raise LookupError(identifier)
