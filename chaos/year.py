"""What must hold in a round that goes on for months: of each member, one living invoice, or told.

Things happen there that no program can hinder: a file that was rejected is integrated after all, a
colleague keys an invoice by hand, a buyer changes its mind. What differs then from our books must
be told to a person by ``status --todo``, and we never add to it: no file of ours is handed over
while searches show a living invoice of the same member.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from chaos import books
from chaos.installation import Installation
from chaos.invariants import PORTAL_KINDS, Both, sums, told_truly
from chaos.laws import Breach, Law
from chaos.ledger import HeldInvoice

_STILL = timedelta(days=8)
"""After which nothing is in motion without a word, a heartbeat having passed just now."""
_SEEN = timedelta(minutes=5)
"""For how long an invoice must have been shown, for a deposit to be blamed: it was searched."""


def doubled(both: Both, keyed: Collection[str]) -> Iterator[Breach]:
    """A file of ours, handed over while a living invoice of its member was shown.

    Args:
        both: both sides' books.
        keyed: the numbers that a colleague keyed: of other series, they are told afterwards.
    """
    at_portal = {one.number: one for one in both.fluxes}
    invoices = [one for one in both.held if one.kind == PORTAL_KINDS["invoice"]]
    for one in invoices:
        flux = at_portal.get(one.flux_number)
        if flux is None:
            continue
        before = flux.deposited_at
        for other in invoices:
            if (
                other is not one
                and other.buyer_siret == one.buyer_siret
                and other.shown_at + _SEEN < before
                and not (other.number in keyed and other.number.startswith("SAISIE"))
                and not other.was_rejected(before)
                and not _is_credited(other, both, before)
            ):
                yield Breach(
                    Law.ONCE,
                    f"{one.number} was handed over while {other.number} of {one.buyer_siret} lived",
                )


def waits_in_silence(
    installation: Installation, told: Collection[str], now: datetime
) -> Iterator[Breach]:
    """What has not moved for days, and no word of ``status --todo`` names."""
    named = _Named(told)
    for number in books.in_motion_since(installation.database, now - _STILL):
        if number not in named:
            yield Breach(Law.MOVING, f"{number} has not moved for days, and nobody is told")


def untold(
    installation: Installation,
    both: Both,
    told: Collection[str],
    figures: Mapping[str, Decimal] = MappingProxyType({}),
) -> Iterator[Breach]:
    """What differs between the portal and our books, and no word of ``status --todo`` names.

    Args:
        installation: the folder of the round.
        both: both sides' books, at rest.
        told: every text that ``status --todo`` gives.
        figures: by member, the cents that it gives as owed by the portal.
    """
    closed = set(books.passed_over(installation.database))
    portal = both.by_number
    named = _Named(told)
    for invoice in both.ours:
        held = portal.pop(invoice.number, None)
        if invoice.number in named or invoice.number in closed:
            continue  # a person is told, or said what it is
        if invoice.status in books.IN_MOTION:
            yield Breach(Law.MOVING, f"{invoice.number} is {invoice.status}, and nobody is told")
        elif held is not None:
            yield from told_truly(invoice, held)
        elif not invoice.is_internal and invoice.status in books.HELD:
            yield Breach(Law.KEPT, f"{invoice.number} is {invoice.status}: not at the portal")
    for number in portal.keys() - closed:
        # One that was keyed under another series is told when it is one too many, below.
        if number not in named and not number.startswith("SAISIE"):
            yield Breach(Law.ONCE, f"{number} is at the portal, and told nowhere")
    for breach in sums(both):
        if breach.text.partition(":")[0] not in named:
            yield breach
    yield from _still_refused(both)
    yield from _balance(both, named, closed)
    yield from _figures(both, figures)


def _still_refused(both: Both) -> Iterator[Breach]:
    """What the portal has of another buyer under that number does refuse ours."""
    living = {
        (one.number, one.buyer_siret)
        for one in both.held
        if one.flux_number and not one.is_rejected
    }
    for invoice in both.ours:
        if invoice.status == "refused" and (invoice.number, invoice.siret) in living:
            yield Breach(Law.HONEST, f"{invoice.number} is called refused: the portal holds it")


def _balance(both: Both, named: "_Named", closed: set[str]) -> Iterator[Breach]:
    """For each member, what it owes by both sides; and that one invoice at most lives."""
    for siret in sorted({one.buyer_siret for one in both.held} | {one.siret for one in both.ours}):
        held = [one for one in both.held if one.buyer_siret == siret and not one.is_rejected]
        ours = [one for one in both.ours if one.siret == siret]
        if siret in named or named.any_of(document.number for document in held):
            continue
        if named.any_of(one.number for one in ours):
            continue
        if closed.intersection([*(d.number for d in held), *(one.number for one in ours)]):
            continue  # a person said what they are
        there = _owed_at_portal(held)
        here = sum(
            _sign(PORTAL_KINDS[one.kind]) * (one.total - one.rounding)
            for one in ours
            if not (one.kind == "credit_note" and one.status == "cancelled")
        )
        living = [one.number for one in _invoices(held) if not _is_credited(one, both)]
        if len(living) > 1:
            yield Breach(Law.ONCE, f"{', '.join(living)} live for {siret}, and nobody is told")
        elif there != here:
            yield Breach(Law.TOLD, f"{siret} owes {there} cents by the portal, {here} by the books")


def _figures(both: Both, figures: Mapping[str, Decimal]) -> Iterator[Breach]:
    for siret, cents in figures.items():
        there = _owed_at_portal(one for one in both.held if one.buyer_siret == siret)
        if cents != there:
            yield Breach(
                Law.TOLD, f"{siret} owes {there} cents by the portal, a person is told {cents}"
            )


def _owed_at_portal(held: Iterable[HeldInvoice]) -> Decimal:
    """In cents: living invoices less living credit notes."""
    living = (one for one in held if not one.is_rejected)
    return sum((_sign(one.kind) * one.gross * 100 for one in living), Decimal(0))


class _Named:
    """What the texts that a person reads name."""

    def __init__(self, told: Collection[str]) -> None:
        self._text = "\n".join(told)

    def any_of(self, names: Iterable[str]) -> bool:
        """Whether one of these is named."""
        return any(name in self for name in names)

    def __contains__(self, name: object) -> bool:
        return str(name) in self._text


def _invoices(held: Collection[HeldInvoice]) -> list[HeldInvoice]:
    return [one for one in held if one.kind == PORTAL_KINDS["invoice"] and not one.is_rejected]


def _is_credited(invoice: HeldInvoice, both: Both, at: datetime | None = None) -> bool:
    """Whether credit notes that live take all of it back, of those that were there at an instant.

    One that is on its way counts: its file was handed over before.
    """
    deposits = {one.number: one.deposited_at for one in both.fluxes}
    taken = sum(
        (
            one.gross
            for one in both.held
            if one.kind == PORTAL_KINDS["credit_note"]
            and one.preceding == invoice.number
            and not one.is_rejected
            and (at is None or deposits.get(one.flux_number, one.shown_at) <= at)
        ),
        Decimal(0),
    )
    return taken >= invoice.gross


def _sign(kind: str) -> int:
    return 1 if kind == PORTAL_KINDS["invoice"] else -1
