"""What a person types: the usual commands, and what the program asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos import books
from chaos.installation import DEMANDING, ENGAGEMENT, Installation
from chaos.ledger import read_ledger
from chaos.plan import Action


@dataclass(slots=True)
class Clerk:
    """Who sits before the program, and knows what a structure demands.

    Attributes:
        year: the year billed.
        demanding: whether a structure demands an engagement by now.
    """

    installation: Installation
    year: int
    demanding: bool = False

    def words(self, action: Action, pick: float) -> tuple[str, ...]:
        """The command line of an action; of ``follow`` when it has no object now.

        Args:
            action: what to do.
            pick: which invoice, of those that may be meant, from 0 to 1.
        """
        match action:
            case Action.RUN:
                return ("run", str(self.year))
            case Action.IMPORT:
                return ("import", "references", str(self.installation.complement))
            case Action.SERVE:
                return ("serve", "--once")
            case Action.DEPOSIT | Action.RECONCILE | Action.FOLLOW:
                return (action.value,)
            case Action.RESEND | Action.CREDIT | Action.COMPLETE:
                return self._about_one(action, pick) or (Action.FOLLOW.value,)

    def _about_one(self, action: Action, pick: float) -> tuple[str, ...] | None:
        """What a person decides about one invoice; None when there is none for it."""
        if action is Action.RESEND:
            chosen = self._chosen(lambda invoice: invoice.status == "refused", pick)
            return self._resend(chosen.number, chosen.siret, refused=True) if chosen else None
        if action is Action.CREDIT:
            chosen = self._chosen(_can_be_credited, pick)
            return (
                ("credit", chosen.number, "--reason", "Facture contestée", "--yes")
                if chosen
                else None
            )
        chosen = self._chosen(lambda invoice: invoice.status == "suspended", pick)
        file = str(self.installation.complement)
        return (
            ("complete", chosen.number, file, "--comment", "Pièce demandée", "--yes")
            if chosen
            else None
        )

    def asked(self, listed: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
        """What ``status`` asks to type about deposits, once a person has looked at the portal."""
        return [
            self._resend(
                invoice["number"],
                invoice["member_siret"],
                refused=invoice["status"] == "refused",
                absent="--absent" in command,
            )
            for invoice in listed
            if "resend" in (command := (invoice["todo"] or {}).get("command") or ())
            and (invoice["status"] == "refused" or self._is_hopeless(invoice))
        ]

    def _is_hopeless(self, invoice: Mapping[str, Any]) -> bool:
        """Whether the portal's own pages show no copy, and no file that may still become one."""
        portal = read_ledger(self.installation.ledger)
        held = {one.number for one in portal.invoices}
        hopeless = {one.number: one.is_hopeless for one in portal.fluxes}
        return invoice["number"] not in held and hopeless.get(invoice["flux_number"] or "", True)

    def _chosen(
        self, meant: Callable[[books.BookedInvoice], bool], pick: float
    ) -> books.BookedInvoice | None:
        found = list(filter(meant, books.invoices(self.installation.database)))
        return found[int(pick * len(found))] if found else None

    def _resend(
        self, number: str, siret: str, *, refused: bool, absent: bool = False
    ) -> tuple[str, ...]:
        words = ("resend", number, "--reason", "Références corrigées", "--yes")
        if absent:
            return (*words, "--absent", number)
        if refused and self.demanding and siret == DEMANDING.siret:
            return (*words, "--engagement", ENGAGEMENT)
        return words


def _can_be_credited(invoice: books.BookedInvoice) -> bool:
    return invoice.kind == "invoice" and invoice.status in books.HELD
