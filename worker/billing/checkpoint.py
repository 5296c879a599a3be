"""Checkpoints: what the journal adds up to at an event, and the line that is kept elsewhere. Pure.

A checkpoint is an event like any other. Its hash covers all that came before, so that one line,
copied to another place, shows a journal that was cut or rewritten since. Format of the line:
docs/architecture.md, section "Checkpoints".
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from worker.billing.journal import EventTag, JournalEvent, JournalHead, canonical_json
from worker.billing.money import Money

ABOUT_THE_JOURNAL = frozenset({EventTag.JOURNAL_CHECKPOINT, EventTag.JOURNAL_ANCHORED})
"""Events that tell nothing new of the books: after them alone, no checkpoint is due."""
FIRST_YEAR, LAST_YEAR = 2000, 2999
"""Of an instant that can be shown in any time zone."""
_HASH = re.compile(r"[0-9a-f]{64}")
_TAGS = {tag.value: tag for tag in EventTag}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Documents that were issued: how many, and their total TTC."""

    count: int
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointLine:
    """A checkpoint as it is kept beside the database and elsewhere.

    Attributes:
        seq: of the event.
        hash: of the event.
        at: UTC instant, as the journal writes it.
        payload: canonical JSON, as in the event.
    """

    seq: int
    hash: str
    at: str
    payload: str

    @property
    def instant(self) -> datetime:
        """When it was placed."""
        return datetime.fromisoformat(self.at)

    @property
    def text(self) -> str:
        """The line, canonical JSON, without its end."""
        return canonical_json(
            {
                "seq": self.seq,
                "hash": self.hash,
                "at": self.at,
                "payload": self.said,
            }
        )

    @property
    def said(self) -> Mapping[str, Any]:
        """The payload: ``events``, ``head``, ``invoices``, ``credit_notes``, ``archive``."""
        said: Mapping[str, Any] = json.loads(self.payload)
        return said

    @property
    def sums(self) -> tuple[Sum, Sum]:
        """Invoices and credit notes of all years together."""
        invoices, notes = (
            Sum(
                count=sum(year["count"] for year in self.said[kind].values()),
                total=Money(sum(year["cents"] for year in self.said[kind].values())),
            )
            for kind in ("invoices", "credit_notes")
        )
        return invoices, notes


def line_of(event: JournalEvent) -> CheckpointLine:
    """The line of a checkpoint of the journal."""
    return CheckpointLine(seq=event.seq, hash=event.hash, at=event.at, payload=event.payload)


def read_line(text: str) -> CheckpointLine:
    """A line as it was written. Raises ValueError when it is none."""
    try:
        told = json.loads(text)
        line = CheckpointLine(
            seq=int(told["seq"]),
            hash=str(told["hash"]),
            at=str(told["at"]),
            payload=canonical_json(told["payload"]),
        )
        _ = line.sums
        year = line.instant.year if line.instant.tzinfo else 0
    except (LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError("no checkpoint") from error
    if not _HASH.fullmatch(line.hash) or not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError("no checkpoint")
    return line


class Tally:
    """What events add up to, one after the other: documents by year, pieces of the archive."""

    def __init__(self) -> None:
        self._issued: Counter[tuple[EventTag, int]] = Counter()
        self._cents: Counter[tuple[EventTag, int]] = Counter()
        self._pieces: dict[bytes, None] = {}

    def add(self, event: JournalEvent) -> None:
        """Count an event.

        Raises:
            ValueError, LookupError, TypeError, AttributeError: its payload is not as it was
                written.
        """
        tag = _TAGS.get(event.tag)
        if tag not in COUNTED:
            return
        payload = json.loads(event.payload)
        if tag in _ISSUED:
            key = (tag, int(payload["year"]))
            self._issued[key] += 1
            self._cents[key] += int(payload["total_ttc"].replace(".", ""))
        for sha256 in _pieces(tag, payload):
            self._pieces[bytes.fromhex(sha256)] = None

    def payload(self, end: JournalHead) -> dict[str, Any]:
        """What the checkpoint behind ``end`` holds."""
        totals = self.totals(end)
        return totals | {"archive": totals["archive"] | {"sha256": self.archive(self.pieces)}}

    def totals(self, end: JournalHead) -> dict[str, Any]:
        """The same without the digest of the archive's list, which takes longer."""
        return {
            "events": end.seq,
            "head": end.hash,
            "invoices": self._years(EventTag.INVOICE_ISSUED),
            "credit_notes": self._years(EventTag.CREDIT_NOTE_ISSUED),
            "archive": {"count": self.pieces},
        }

    @property
    def sums(self) -> tuple[Sum, Sum]:
        """Invoices and credit notes of all years together."""
        invoices, notes = (
            Sum(
                count=sum(n for (tag, _), n in self._issued.items() if tag is kind),
                total=Money(sum(n for (tag, _), n in self._cents.items() if tag is kind)),
            )
            for kind in (EventTag.INVOICE_ISSUED, EventTag.CREDIT_NOTE_ISSUED)
        )
        return invoices, notes

    @property
    def pieces(self) -> int:
        """How many pieces of the archive the events name."""
        return len(self._pieces)

    def named(self) -> Iterator[str]:
        """The SHA-256 of each piece that was named."""
        return (sha256.hex() for sha256 in self._pieces)

    def archive(self, first: int) -> str:
        """SHA-256 of the sorted hashes of the ``first`` pieces that were named, a line for each."""
        digest = hashlib.sha256()
        for sha256 in sorted(islice(self._pieces, first)):
            digest.update(f"{sha256.hex()}\n".encode())
        return digest.hexdigest()

    def _years(self, kind: EventTag) -> dict[str, dict[str, int]]:
        return {
            str(year): {"count": number, "cents": self._cents[tag, year]}
            for (tag, year), number in sorted(self._issued.items())
            if tag is kind
        }


_ISSUED = frozenset({EventTag.INVOICE_ISSUED, EventTag.CREDIT_NOTE_ISSUED})
COUNTED = _ISSUED | {
    EventTag.FILE_IMPORTED,
    EventTag.INVOICE_CORRECTED,
    EventTag.STATEMENT_ISSUED,
    EventTag.DEPOSIT_INTENDED,
    EventTag.RECEIPT_KEPT,
    EventTag.COMPLETION_INTENDED,
    EventTag.JOURNAL_ANCHORED,
}
"""The events that count: those that issue, and those that name a piece of the archive."""


def _pieces(tag: EventTag, payload: Mapping[str, Any]) -> Iterator[str]:
    """The pieces of the archive that an event names: their SHA-256."""
    match tag:
        case EventTag.DEPOSIT_INTENDED | EventTag.FILE_IMPORTED:
            # Absent of a document that went alone, of a file of a time when none was kept.
            if piece := payload.get("lot" if tag is EventTag.DEPOSIT_INTENDED else "kept"):
                yield piece
        case EventTag.RECEIPT_KEPT:
            yield payload["sha256"]
        case EventTag.COMPLETION_INTENDED:
            yield from payload["files"].values()
        case EventTag.JOURNAL_ANCHORED:
            yield from (payload["token"], payload["roots"])
        case _:
            yield from payload["documents"].values()
