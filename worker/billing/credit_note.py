"""Credit notes (*avoirs*), computed from the stored lines of the invoice they take back.

Never from today's tariff or consumption: a credit note undoes what was written. Whole units
(users × months) are credited, at the price of the invoice; the last credit of a line takes what
is left of it to the cent, so that credits which cover an invoice add up to it exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from worker.billing.invoice import (
    Invoice,
    InvoiceDraft,
    InvoiceLine,
    Note,
    PrecedingInvoice,
    VatBreakdown,
    content_of,
    totals_of,
)
from worker.billing.money import Money, cost, french, share, tax_on
from worker.billing.period import french_date
from worker.billing.quantity import Quantity, counted, french_quantity, priced, quantity_of
from worker.billing.standard import CREDIT_NOTE
from worker.billing.vat import VatMethod

REASON = " Motif : "
"""In the first note of a credit note, between the invoice it takes back and the reason."""


NEUTRAL_REASON = "régularisation de la facture"
"""Printed when a person gives no reason that is meant for the buyer."""


class NothingToCredit(ValueError):
    """The credit asked for is more than what is left of the invoice, or is of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """What is left of one line of an invoice once its credit notes are counted."""

    line: InvoiceLine
    """As it was invoiced."""
    quantity: Quantity
    net: Money
    gross: Money


def remainders(invoice: Invoice, earlier: Sequence[Invoice]) -> tuple[Remainder, ...]:
    """What is left of each line of an invoice, in its order."""
    left = []
    for line in invoice.lines:
        credited = [c for note in earlier for c in note.lines if c.identifier == line.identifier]
        quantity = quantity_of(line.quantity - sum(c.quantity for c in credited))
        net = line.net - Money.sum(c.net for c in credited)
        gross = line.gross - Money.sum(c.gross for c in credited)
        left.append(Remainder(line=line, quantity=quantity, net=net, gross=gross))
    return tuple(left)


def credited_total(earlier: Sequence[Invoice]) -> Money:
    """TTC of all credit notes of an invoice."""
    return Money.sum(note.totals.payable for note in earlier)


def credit(
    invoice: Invoice,
    earlier: Sequence[Invoice],
    reason: str,
    quantities: Mapping[str, Quantity] | None = None,
    *,
    internal: bool,
) -> InvoiceDraft:
    """The credit note of all that is left of an invoice, or of some units of some of its lines.

    Args:
        invoice: as it was issued.
        earlier: its credit notes so far.
        reason: why, in French; printed.
        quantities: units to credit by line identifier; None for all that is left.
        internal: whether it stays in our books (the buyer rejected the invoice).

    Raises:
        NothingToCredit: an unknown line, no unit at all, or more than what is left.
    """
    left = {item.line.identifier: item for item in remainders(invoice, earlier)}
    wanted = {key: item.quantity for key, item in left.items() if item.quantity}
    if quantities is not None:
        _refuse_excess(quantities, left)
        wanted = {key: quantities[key] for key in left if quantities.get(key)}
    if not wanted:
        raise NothingToCredit("il ne reste rien à créditer sur cette facture")
    lines: list[InvoiceLine] = []
    breakdown: list[VatBreakdown] = []
    for group in invoice.breakdown:
        items = {key: item for key, item in left.items() if item.line.vat == group.regime}
        credited = [_credited(item, wanted[key]) for key, item in items.items() if key in wanted]
        if not credited:
            continue
        lines.extend(credited)
        complete = all(wanted.get(key, 0) == item.quantity for key, item in items.items())
        breakdown.append(_group(invoice, earlier, group, credited, complete=complete))
    preceding = PrecedingInvoice(number=invoice.number, issue_date=invoice.issue_date)
    ordered = tuple(sorted(lines, key=lambda line: list(left).index(line.identifier)))
    return InvoiceDraft(
        **content_of(invoice)
        | {
            "type_code": CREDIT_NOTE,
            "payment": None,
            "lines": ordered,
            "breakdown": tuple(breakdown),
            "totals": totals_of(breakdown, Money.sum(line.gross for line in ordered)),
            "preceding": preceding,
            "notes": (_reason(preceding, reason), *invoice.notes),
            "internal": internal,
        }
    )


def reissue(note: Invoice, reason: str) -> InvoiceDraft:
    """The same credit note again, for another number: its buyer rejected the first."""
    if note.preceding is None:
        raise ValueError(f"{note.number} corrects no invoice")
    why = _reason(note.preceding, reason)
    return InvoiceDraft(**content_of(note) | {"notes": (why, *note.notes[1:])})


def _refuse_excess(quantities: Mapping[str, Quantity], left: Mapping[str, Remainder]) -> None:
    for key, quantity in quantities.items():
        if key not in left:
            raise NothingToCredit(f"la facture n'a pas de ligne {key}")
        if left[key].line.measure is None and not isinstance(quantity, int):
            raise NothingToCredit(
                f"ligne {key} : {french_quantity(quantity)} n'est pas un nombre entier "
                "d'utilisateurs × mois"
            )
        if not 0 < quantity <= left[key].quantity:
            raise NothingToCredit(
                f"ligne {key} : {french_quantity(quantity)} à créditer, il en reste "
                f"{french_quantity(left[key].quantity)}"
            )


def _credited(item: Remainder, quantity: Quantity) -> InvoiceLine:
    """Units of one line; its amounts are what all credits so far come to, less the earlier ones.

    Rounding the running total, never each credit, keeps every credit within a cent of its exact
    net however many come before it, and the last one gives back all that is left.
    """
    line = item.line
    left = quantity_of(item.quantity - quantity)
    gross = item.gross - cost(line.unit_price_gross, left, line.price_units)
    several = 1 if line.measure is None else 2
    credited = "crédités" if quantity > 1 and quantity >= several else "crédité"
    invoiced = "facturés" if line.quantity > 1 and line.quantity >= several else "facturé"
    return replace(
        line,
        quantity=quantity,
        net=item.net - share(line.net, left, line.quantity),
        gross=gross,
        description=f"{counted(quantity, line.measure)} {credited} sur "
        f"{french_quantity(line.quantity)} {invoiced}, au prix convenu de "
        f"{french(line.unit_price_gross)} TTC {priced(line.measure, line.price_units)}, soit "
        f"{french(gross)}.",
    )


def _group(
    invoice: Invoice,
    earlier: Sequence[Invoice],
    group: VatBreakdown,
    lines: Sequence[InvoiceLine],
    *,
    complete: bool,
) -> VatBreakdown:
    taxable = Money.sum(line.net for line in lines)
    match invoice.vat_method:
        case VatMethod.DIFFERENCE:
            tax = Money.sum(line.gross for line in lines) - taxable
        case VatMethod.ROUNDING:
            before = [g for note in earlier for g in note.breakdown if g.regime == group.regime]
            given = Money.sum(g.tax for g in before)
            so_far = Money.sum(g.taxable for g in before) + taxable
            tax = (group.tax if complete else tax_on(so_far, group.regime.rate)) - given
    return VatBreakdown(regime=group.regime, taxable=taxable, tax=tax)


def _reason(invoice: PrecedingInvoice, reason: str) -> Note:
    about = f"Avoir sur la facture n° {invoice.number} du {french_date(invoice.issue_date)}."
    return Note(text=f"{about}{REASON}{reason.rstrip('.')}.")
