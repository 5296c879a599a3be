"""A person who types whatever is printed: the advice of ``status``, the remedies of errors.

It types each command as it is printed, with what is to be filled in. Where the advice asks to look
at the portal first, it looks, and answers truly: what it sees there is what searches show, and the
state of the files.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

from chaos import books
from chaos.installation import DEMANDING, ENGAGEMENT, Installation
from chaos.ledger import HeldInvoice, PortalLedger
from worker.service.demo import STORY

Words = tuple[str, ...]
_PRINTED = re.compile(
    r"chorus-worker (?:--config \S+ )?((?:[a-z]+)(?: (?:\"[^\"]*\"|[^\s«»;:,()\[\]]+))*)"
)
_QUOTED = re.compile(r"apez « (run|deposit|reconcile|follow) »")
_ARGUMENTS = {
    "run": 1,
    "deposit": 0,
    "reconcile": 0,
    "follow": 0,
    "resend": 1,
    "credit": 1,
    "complete": 2,
    "unpark": 2,
    "park": 2,
    "import": 2,
    "documents": 2,
}
"""What is worth typing, and its words before the options: the other commands only show."""
_UNSAID = {"NUMERO", "NUMÉRO", "SIRET"}
"""Words for which the same advice gives no value."""
_REASON = "Vu avec le membre"
_ORDINARY = {"ask_for_payment", "run", "correct"}
"""Advice that nothing need differ for."""
_SENDING = {"resend", "credit", "complete"}
"""What shows what it would send, and asks."""
_ONCE = {"import", "documents"}
"""What changes nothing when it is typed again, and is not."""
MOST = 8
"""Commands typed at once: a person has other things to do."""


@dataclass(slots=True)
class Typist:
    """Who types.

    Attributes:
        demanding: whether a structure demands an engagement by now.
        heard: what was printed since it last typed.
        noted: what it will type later, as it was printed.
        read: what it typed that need not be typed again.
    """

    installation: Installation
    year: int
    demanding: bool = False
    heard: list[Words] = field(default_factory=list)
    noted: list[Words] = field(default_factory=list)
    read: set[Words] = field(default_factory=set)

    def hear(self, said: str) -> None:
        """Note the commands that a text tells to type."""
        self.heard += printed(said)

    def asked(self, waiting: Mapping[str, Any], portal: PortalLedger, now: datetime) -> list[Words]:
        """What is to be typed now: what ``status --todo --json`` asks for, and what was heard.

        What the portal's pages do not bear out is left; each is given once.
        """
        found = [*_from_advice(waiting), *self.heard]
        self.heard = []
        filled = (
            self._filled(words)
            for words in found
            if words and words[0] in _ARGUMENTS and not _UNSAID.intersection(words)
        )
        true = (words for words in filled if self._is_true(words, waiting, portal, now))
        asked = [words for words in dict.fromkeys(true) if words not in self.read][:MOST]
        self.read |= {words for words in asked if words[0] in _ONCE}
        return asked

    def _filled(self, words: Words) -> Words:
        """The words with what a person fills in."""
        kept = list(words)
        for rank, word in enumerate(kept):
            if word.startswith("FICHIER"):
                kept[rank] = str(self.installation.complement)
            elif word in {"ANNÉE", "ANNEE"}:
                kept[rank] = str(self.year)
            elif "…" in word:
                kept[rank] = _REASON
        if kept[0] == "resend" and "--absent" not in kept and self._demands(kept[1]):
            kept += ["--engagement", ENGAGEMENT]
        if kept[0] in _SENDING:
            kept.append("--yes")  # it has looked at what is shown; it has no terminal
        return tuple(kept)

    def _demands(self, number: str) -> bool:
        if not self.demanding:
            return False
        refused = (
            one for one in books.invoices(self.installation.database) if one.status == "refused"
        )
        return any(one.number == number and one.siret == DEMANDING.siret for one in refused)

    def _is_true(  # noqa: PLR0911 - each advice
        self, words: Words, waiting: Mapping[str, Any], portal: PortalLedger, now: datetime
    ) -> bool:
        """Whether what the advice supposes is so at the portal."""
        shown = {one.number: one for one in portal.invoices if one.shown_at <= now}
        code = next(
            (
                advice["code"]
                for advice in _advices(waiting)
                if tuple(advice["command"] or ())[:2] == words[:2]
            ),
            "",
        )
        named = {name: value for name, value in pairwise(words) if name.startswith("--")}
        if number := named.get("--absent"):
            return number not in shown
        if number := named.get("--internal"):
            return number not in shown and self._is_hopeless(number, portal)
        if number := named.get("--adopt"):
            return _is_ours(shown.get(number))
        match words[0], code:
            case "credit", "check_taken_number":
                return not _bills_a_member(shown.get(words[1]))
            case "resend", "check_flux":
                return self._is_hopeless(words[1], portal)
            case "reconcile", "keyed":
                return False  # it is the same debt: the member is asked to reject it
            case "reconcile", "twice":
                return _living(words[2], portal) < 2
            case _:
                return True

    def _is_hopeless(self, number: str, portal: PortalLedger) -> bool:
        """Whether no file of an invoice may still be integrated, as far as the portal says."""
        hopeless = {one.sha256: one.is_hopeless for one in portal.fluxes}
        return all(
            hopeless.get(attempt.sha256, True)
            for attempt in books.attempts(self.installation.database)
            if attempt.number == number
        )


def printed(text: str) -> Iterator[Words]:
    """The commands that a text tells to type, in their order."""
    for match in sorted(
        (*_PRINTED.finditer(text), *_QUOTED.finditer(text)), key=lambda one: one.start()
    ):
        try:
            words = shlex.split(match[1])
        except ValueError:
            continue
        if words[0] in _ARGUMENTS:
            yield tuple(_of_the_command(words))


def _of_the_command(words: Sequence[str]) -> Iterator[str]:
    """The words without those of the sentence that goes on behind, and without ``--config``."""
    end = _ARGUMENTS[words[0]] + 1
    yield from (word.rstrip(".") for word in words[:end])
    for name, value in zip(words[end::2], words[end + 1 :: 2], strict=False):
        if not name.startswith("--"):
            return
        if name != "--config":
            yield from (name, value.rstrip("."))


def _from_advice(waiting: Mapping[str, Any]) -> Iterator[Words]:
    for advice in _advices(waiting):
        if advice["command"]:
            yield tuple(advice["command"])
        first = advice["command"][:1] if advice["command"] else []
        yield from (words for words in printed(advice["sentence"]) if list(words[:1]) != first)
    for invoice in waiting.get("invoices", ()):
        for finding in invoice["findings"]:
            yield from printed(finding["remedy"])
    for document in waiting.get("beyond_the_books", ()):
        yield ("reconcile", "--close", document["number"], "--reason", "…")
    if service := waiting.get("service"):
        yield from printed(service["remedy"])


def _advices(value: object) -> Iterator[Mapping[str, Any]]:
    """Every advice in an answer, wherever it stands."""
    match value:
        case {"code": str(), "command": _, "sentence": _}:
            yield cast("Mapping[str, Any]", value)
        case Mapping():
            for inner in value.values():
                yield from _advices(inner)
        case list():
            for inner in value:
                yield from _advices(inner)
        case _:
            pass


def to_reject(waiting: Mapping[str, Any], portal: PortalLedger) -> Iterator[HeldInvoice]:
    """What a member is asked to reject: what was keyed once more, one of two of one number."""
    for advice in _advices(waiting):
        if advice["code"] not in {"keyed", "twice"} or not advice["command"]:
            continue
        living = [
            one
            for one in portal.invoices
            if one.number in advice["command"] and not one.is_rejected
        ]
        if advice["code"] == "keyed" or len(living) > 1:
            yield from sorted(living, key=lambda one: bool(one.flux_number))[:1]


def told(waiting: Mapping[str, Any]) -> set[str]:
    """What ``status --todo`` gives about what differs: its advice, and what it is about.

    That an invoice is not paid yet, or that its member waits for something, tells of nothing else.
    """
    numbers = [
        (invoice["number"], invoice["todo"]["sentence"])
        for invoice in waiting.get("invoices", ())
        if invoice["todo"] and invoice["number"] and invoice["todo"]["code"] not in _ORDINARY
    ]
    return set(_texts({**waiting, "invoices": numbers}))


def figures(waiting: Mapping[str, Any]) -> dict[str, Decimal]:
    """By member, the cents that it owes by the portal, as ``status --todo`` gives them."""
    return {
        one["member_siret"]: Decimal(one["owed_at_portal"]) * 100
        for one in waiting.get("disagreements", ())
    }


def _texts(value: object) -> Iterator[str]:
    match value:
        case Mapping():
            for inner in value.values():
                yield from _texts(inner)
        case str():
            yield value
        case Sequence():
            for inner in value:
                yield from _texts(inner)
        case None:
            pass
        case _:
            yield str(value)


def _is_ours(invoice: HeldInvoice | None) -> bool:
    return invoice is not None and bool(invoice.flux_number)


def _living(number: str, portal: PortalLedger) -> int:
    return sum(one.number == number and not one.is_rejected for one in portal.invoices)


def _bills_a_member(invoice: HeldInvoice | None) -> bool:
    return invoice is not None and any(one.siret == invoice.buyer_siret for one in STORY)
