"""A message to a member, and what became of it: sent once, and never a second time by itself."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_CALL = timedelta(minutes=15)
"""A message under way for longer has died with its process: a call takes ten minutes at most."""


class MailKind(StrEnum):
    """What a member is written; the value is the word of the command."""

    REFERENCES = "references"
    """Each November: what stands on its invoice, and what is missing (C7)."""
    STATEMENTS = "statements"
    """Its detailed statement of the year (C3)."""


class MailState(StrEnum):
    """What became of a message."""

    INTENDED = "intended"
    """Its call is under way, or its process died in it."""
    SENT = "sent"
    """The server took it, and answers for it from then on."""
    REFUSED = "refused"
    """The server will never take it, for this address or this message."""
    LATER = "later"
    """It was not taken, for a reason that may pass."""
    UNCERTAIN = "uncertain"
    """Its last byte left, and no answer came: SMTP gives no means to ask whether it was taken."""
    RECEIVED = "received"
    """A person says that the member has it, by whatever way."""


class Standing(StrEnum):
    """Whether a member is written now."""

    TO_SEND = "to_send"
    DONE = "done"
    REFUSED = "refused"
    """By the address that is still its contact's."""
    UNCERTAIN = "uncertain"
    UNDER_WAY = "under_way"
    """Another process is sending it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMail:
    """An attempt, or what a person said of the last one.

    Attributes:
        message_id: ours, one for each attempt.
        address_sha256: of the contact's salt and the address: it leads to nothing once the contact
            is erased, its salt with it. Empty of what a person said.
        attachment_sha256: of the attached file, in the archive; empty without any.
        answered_at: None while ``state`` is INTENDED.
        detail: the server's codes, ``550 5.1.1``; never its words, which may hold the address.
    """

    id: int
    kind: MailKind
    siret: str
    year: int
    message_id: str
    address_sha256: str
    attachment_sha256: str
    state: MailState
    intended_at: datetime
    answered_at: datetime | None
    detail: str


def standing(
    last: SentMail | None, *, same_address: bool, now: datetime, longest: timedelta
) -> Standing:
    """What the last attempt to a member leaves to do.

    Args:
        last: of its kind and year; None before the first.
        same_address: whether it went to the present address of its contact.
        now: the present instant.
        longest: a call that has lasted longer has died.
    """
    if last is None:
        return Standing.TO_SEND
    match last.state:
        case MailState.SENT | MailState.RECEIVED:
            return Standing.DONE
        case MailState.REFUSED:
            return Standing.REFUSED if same_address else Standing.TO_SEND
        case MailState.LATER:
            return Standing.TO_SEND
        case MailState.UNCERTAIN:
            return Standing.UNCERTAIN
        case MailState.INTENDED:
            alive = abs(now - last.intended_at) <= longest
            return Standing.UNDER_WAY if alive else Standing.UNCERTAIN


def message_id(kind: MailKind, siret: str, year: int, attempt: int, domain: str) -> str:
    """Ours: the same for the same attempt, whatever machine makes it, without angle brackets.

    ``attempt``: 1 for the first message of a kind and year to a member.
    """
    return f"{kind}.{year}.{siret}.{attempt}@{domain}"


def address_sha256(salt: str, address: str) -> str:
    """What is kept of an address beside the books: nothing to whoever has not the salt."""
    return hashlib.sha256(f"{salt} {address.casefold()}".encode()).hexdigest()
