"""The catalogue of messages: what Chorus Pro or we say, its probable cause, what to type. Pure.

The table is messages.toml; docs/messages.md is written from it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.billing.toml import own_table

T = TypeVar("T")
_TOLD = frozenset({InvoiceStatus.REFUSED, InvoiceStatus.REJECTED, InvoiceStatus.SUSPENDED})
"""When what hinders an invoice is in the words of the portal or of its buyer."""

_OF_BUYER = frozenset({InvoiceStatus.REJECTED, InvoiceStatus.SUSPENDED})
"""When those words are its buyer's."""

_ABOUT_ONE = (
    *("show", "follow", "resend", "credit"),
    *("documents portal", "documents export", "audit explain"),
)
"""Commands that begin with the number of an invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An entry: French, for people.

    Attributes:
        cause: the probable one.
        remedy: what to do; commands are written after ``chorus-worker``.
    """

    cause: str
    remedy: str

    def adds_to(self, words: str) -> bool:
        """Whether the cause is more than these words told again: half of its own are others."""
        own = _telling(self.cause)
        return 2 * len(own - _telling(words)) >= len(own)


_TABLE = own_table(__package__, "messages.toml")


def _entries(part: str) -> dict[str, Message]:
    return {
        key: Message(cause=cause, remedy=remedy) for key, (cause, remedy) in _TABLE[part].items()
    }


PORTAL: Mapping[str, Message] = _entries("portal")
"""By a part of the portal's own words, in any case, without accents; the first one that fits."""
MEMBER: Mapping[str, tuple[Message, Message]] = {
    key: (Message(cause=cause, remedy=rejected), Message(cause=cause, remedy=suspended))
    for key, (cause, rejected, suspended) in _TABLE["member"].items()
}
"""By a part of a buyer's words: of what it rejects, of what it suspends."""
FINDINGS: Mapping[str, Message] = _entries("finding")
"""By finding code (docs/findings.md)."""


def of_portal(words: str) -> Message | None:
    """The entry of what the portal wrote; None when it is unknown."""
    return _found(PORTAL, words)


def of_member(words: str, status: InvoiceStatus) -> Message | None:
    """The entry of what a buyer wrote of what it rejected or suspended; None when unknown."""
    entry = _found(MEMBER, words)
    return None if entry is None else entry[status is InvoiceStatus.SUSPENDED]


def _found(entries: Mapping[str, T], words: str) -> T | None:
    said = _bare(words)
    return next((entry for key, entry in entries.items() if _bare(key) in said), None)


def _telling(text: str) -> set[str]:
    """The words of a text that say something: those of more than three letters, without plural."""
    return {word.rstrip("s") for word in re.findall(r"\w{4,}", _bare(text))}


def _bare(text: str) -> str:
    return "".join(
        one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)
    ).casefold()


def explained(invoice: TrackedInvoice) -> Iterator[str]:
    """What is known of the words that hinder an invoice, line by line.

    Unknown words of the portal are given whole, with the flux to name to its support; those of a
    buyer are its own, and no catalogue has to know them.
    """
    if invoice.status not in _TOLD or not invoice.detail:
        return
    if invoice.status in _OF_BUYER:
        entry = of_member(invoice.detail, invoice.status)
        if entry is not None:
            yield f"Cause probable : {entry.cause}"
            if not invoice.is_credit_note:  # what to do says it already: it is made again
                yield f"Piste : {_about(entry.remedy, invoice)}"
        return
    entry = of_portal(invoice.detail)
    if entry is None:
        flux = f" (flux {invoice.flux_number})" if invoice.flux_number else ""
        yield f"Message inconnu de ce programme{flux} : « {invoice.detail} »"
        return
    if entry.adds_to(invoice.detail):
        yield f"Cause probable : {entry.cause}"
    yield f"Piste : {_about(entry.remedy, invoice)}"


def _about(remedy: str, invoice: TrackedInvoice) -> str:
    """A remedy with the number, the member and the year of an invoice where it names none."""
    known = {"SIRET": invoice.siret, "ANNÉE": str(invoice.year)}
    for words in _ABOUT_ONE:
        known[f"{words} NUMÉRO"] = f"{words} {invoice.number}"
    for word, value in known.items():
        remedy = remedy.replace(word, value)
    return remedy
