"""Has things happen around a deposit: at the portal, at the members', at our machines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from chaos import books
from chaos.copies import Copies
from chaos.happenings import Happening
from chaos.installation import Installation
from chaos.ledger import HeldInvoice, PortalLedger, read_ledger
from chaos.portal import PortalProcess
from worker.service.demo import SELLER, STORY

_Item = TypeVar("_Item")
_KEYED_CENTS = 3
"""By how much an invoice that a colleague keys is off."""
INVOICE = "FACTURE"


@dataclass(slots=True)
class Surroundings:
    """What is around the program in a round.

    Attributes:
        keyed: the numbers that a colleague keyed.
        closed: the SIRETs whose structure is closed.
    """

    installation: Installation
    portal: PortalProcess
    copies: Copies
    keyed: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)

    def happen(self, happening: Happening, pick: float, today: date) -> bool:
        """Let it happen; whether other data than before is in use.

        Args:
            happening: what.
            pick: to which object, of those that may be meant, from 0 to 1.
            today: the day at the portal.
        """
        h = Happening
        match happening:
            case h.BACK_UP | h.RESTORE | h.LOSE | h.FORK | h.SWITCH | h.JOIN:
                return self.copies.change(happening, as_files=pick < 0.5)
            case h.REPLAY | h.WITHDRAW | h.DISOWN:
                self._judge_again(happening, pick)
            case h.KEY_SAME | h.KEY_NEXT | h.KEY_BESIDE | h.TWIN:
                self._key(happening, pick, today)
            case h.RENAME:
                if invoice := _chosen(self._living(), pick):
                    self.portal.intervene(happening, str(invoice.id))
            case h.CLOSE:
                self._close(pick)
            case h.SPEAK:
                self.portal.clear_faults()
            case _:
                self.portal.intervene(happening)
        return False

    def _portal(self) -> PortalLedger:
        return read_ledger(self.installation.ledger)

    def _living(self) -> list[HeldInvoice]:
        return [
            one for one in self._portal().invoices if one.kind == INVOICE and not one.is_rejected
        ]

    def _judge_again(self, happening: Happening, pick: float) -> None:
        hopeless = happening is Happening.REPLAY
        held = {one.flux_number for one in self._portal().invoices}
        fluxes = [
            one
            for one in self._portal().fluxes
            if one.is_hopeless == hopeless and (hopeless or one.number in held)
        ]
        if flux := _chosen(fluxes, pick):
            self.portal.intervene(happening, flux.number)

    def _key(self, happening: Happening, pick: float, today: date) -> None:
        """A colleague keys an invoice, most often one that is ours."""
        booked = [
            one for one in books.invoices(self.installation.database) if one.kind == "invoice"
        ]
        held = {one.number for one in self._portal().invoices}
        keyed: dict[str, object] = {"seller_siret": SELLER, "issued_on": today.isoformat()}
        if happening is Happening.KEY_NEXT:
            number = self._next_number(today)
            member = _chosen(STORY[: max(len(booked), 1)], pick)
            if not number or member is None:
                return
            keyed |= {"number": number, "buyer_siret": member.siret, "cents": 120_000}
        else:
            there = happening is not Happening.KEY_SAME
            invoice = _chosen([one for one in booked if (one.number in held) == there], pick)
            if invoice is None:
                return
            cents, number = invoice.total - invoice.rounding, invoice.number
            if happening is Happening.KEY_SAME:
                cents += _KEYED_CENTS
            elif happening is Happening.KEY_BESIDE:
                number = f"SAISIE-{number[-5:]}"
            keyed |= {"number": number, "buyer_siret": invoice.siret, "cents": cents}
            keyed["unchecked"] = happening is Happening.TWIN
        self.portal.intervene(happening, "", keyed)
        self.keyed.add(str(number))
        if happening is Happening.TWIN:
            for one in self._portal().invoices:
                if one.number == number and not one.flux_number:
                    self.portal.act(one, "reject")

    def _next_number(self, today: date) -> str:
        """The number that the series of invoices gives next; empty before its first."""
        series = books.given_numbers(self.installation.database)
        prefix = next((one for one in series if f"-{today.year}-" in one and "BSN" in one), "")
        return f"{prefix}{series[prefix] + 1:05d}" if prefix else ""

    def _close(self, pick: float) -> None:
        """A structure is closed, in the directory that the portal reads when it starts."""
        known = json.loads(self.portal.directory.read_text("utf-8"))
        members = {one.siret for one in STORY}
        open_ones = [one for one in known if one["siret"] in members - self.closed]
        if structure := _chosen(open_ones, pick):
            structure["active"] = False
            self.closed.add(structure["siret"])
            self.portal.directory = self.installation.folder / "annuaire-ferme.json"
            self.portal.directory.write_text(json.dumps(known), "utf-8")


def _chosen(found: Sequence[_Item], pick: float) -> _Item | None:
    return found[int(pick * len(found))] if found else None
