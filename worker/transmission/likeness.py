"""Whether what the portal shows is our invoice, nearly ours, or something else. Pure.

A portal prints one fact in several forms: a buyer by its SIRET or its SIREN, a day as midnight in
UTC, a total rounded otherwise (docs/chorus-pro.md §2). What identifies an invoice is its seller,
number and year; our own flux number is proof by itself. What agrees in all that identifies it and
differs in a fact is nearly ours: a person compares both, and nothing is sent meanwhile.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from worker.billing.identifiers import is_same_buyer, is_same_number, siren_of
from worker.billing.money import Money, french
from worker.billing.period import french_date
from worker.billing.status import TrackedInvoice
from worker.portals import FoundInvoice

MIDNIGHT = timedelta(days=1)
"""A day of Paris written as an instant in UTC is the day before."""
ROUNDING = Money(1)
"""A portal that adds up rounded lines may be a cent off."""


class Likeness(StrEnum):
    """What a document of the portal is to an invoice of ours."""

    SAME = "same"
    """Ours: each fact that the portal gives agrees, or it came under one of our flux numbers."""
    NEARLY = "nearly"
    """Of our member under our number, however written, and a fact differs."""
    OTHER = "other"
    """Another invoice of ours or of our office, under the same number, for another buyer."""
    UNCLEAR = "unclear"
    """Under our number, and the portal leaves out its buyer or its total."""
    UNRELATED = "unrelated"
    """Of another number, year or seller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we hold of an invoice, to compare with what is shown.

    Attributes:
        seller: our SIRET.
        fluxes: the numbers of every file that we handed over for it.
    """

    invoice: TrackedInvoice
    seller: str
    fluxes: Collection[str] = ()


def likeness(found: FoundInvoice, ours: Ours) -> Likeness:
    """What a document of the portal is to our invoice; a fact that it leaves out proves nothing."""
    invoice = ours.invoice
    same_number = is_same_number(found.number, invoice.number)
    same_seller = not found.supplier or siren_of(found.supplier) == siren_of(ours.seller)
    if not (same_number and same_seller):
        return Likeness.UNRELATED
    if is_one_of(found.flux_number, ours.fluxes):
        return Likeness.SAME
    if not _is_of_the_year(found, invoice):
        return Likeness.UNRELATED
    if found.recipient and siren_of(found.recipient) != siren_of(invoice.siret):
        return Likeness.OTHER
    if differences(found, invoice):
        return Likeness.NEARLY
    return Likeness.SAME if found.recipient and found.gross is not None else Likeness.UNCLEAR


def differences(found: FoundInvoice, invoice: TrackedInvoice) -> tuple[str, ...]:
    """The facts of our invoice that the portal shows otherwise, each in French with both values."""
    differing = []
    if found.number.strip() != invoice.number:
        differing.append(f"numéro {found.number} au lieu de {invoice.number}")
    if found.recipient and not is_same_buyer(found.recipient, invoice.siret):
        differing.append(f"destinataire {found.recipient} au lieu de {invoice.siret}")
    total = invoice.total - invoice.rounding
    if found.gross is not None and not _is_total(found.gross, invoice):
        differing.append(f"montant {french(found.gross)} au lieu de {french(total)}")
    issued = invoice.issue_date
    if found.issue_date is not None and issued is not None:
        apart = abs(found.issue_date - issued)
        if apart > MIDNIGHT:
            differing.append(
                f"date {french_date(found.issue_date)} au lieu de {french_date(issued)}"
            )
    return tuple(differing)


def described(found: FoundInvoice) -> str:
    """What the portal says of a document, for people."""
    day = "" if found.issue_date is None else f"du {french_date(found.issue_date)}"
    amount = "" if found.gross is None else french(found.gross)
    return ", ".join(filter(None, (found.recipient, amount, day)))


def is_one_of(flux_number: str, fluxes: Collection[str]) -> bool:
    """Whether a flux number is one of ours, whatever its case and the blanks around it."""
    shown = flux_number.strip().casefold()
    return bool(shown) and shown in {flux.strip().casefold() for flux in fluxes}


def closest(found: Sequence[FoundInvoice], ours: Ours) -> tuple[Likeness, FoundInvoice | None]:
    """Of all that a search shows, what is most like our invoice."""
    for kind in (Likeness.SAME, Likeness.NEARLY, Likeness.OTHER, Likeness.UNCLEAR):
        for candidate in found:
            if likeness(candidate, ours) is kind:
                return kind, candidate
    return Likeness.UNRELATED, None


def _is_total(shown: Money, invoice: TrackedInvoice) -> bool:
    """The total with VAT (BT-112); whether the portal signs that of a credit note is unknown."""
    total = invoice.total - invoice.rounding
    signed = (total, -total) if invoice.is_credit_note else (total,)
    return any(-ROUNDING <= shown - one <= ROUNDING for one in signed)


def _is_of_the_year(found: FoundInvoice, invoice: TrackedInvoice) -> bool:
    """By year of issue, as the portal's control of uniqueness (§0.4, 7), midnights included."""
    if found.issue_date is None or invoice.issue_date is None:
        return True
    same = found.issue_date.year == invoice.issue_date.year
    return same or abs(found.issue_date - invoice.issue_date) <= MIDNIGHT
