"""A message in plain text, with at most one attachment, as bytes of seven bits.

Texts come from files and templates: no sign in them can begin another header, and a server that
knows neither 8BITMIME nor SMTPUTF8 takes the message unless the address itself needs the latter.
"""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import Final

from worker.billing.text import hidden_character

LONGEST_LOCAL: Final = 64
"""Bytes before the ``@`` (RFC 5321, 4.5.3.1.1)."""
LONGEST_DOMAIN: Final = 255
"""Bytes after it (RFC 5321, 4.5.3.1.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """An address that a server can be given, and the name that stands beside it.

    Attributes:
        local: before the ``@``; beyond ASCII, it needs SMTPUTF8.
        domain: after it, in ASCII (IDNA).
    """

    local: str
    domain: str
    name: str = ""

    @property
    def address(self) -> str:
        """``local@domain``."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can be given it."""
        return not self.local.isascii()

    @property
    def header(self) -> Address:
        """As a header has it."""
        return Address(_one_line(self.name), self.local, self.domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is handed over.

    Attributes:
        sender: of the header and of the envelope: what a server gives back later comes there.
        message_id: without its angle brackets.
    """

    sender: Mailbox
    recipient: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str
    message_id: str
    date: datetime
    attachment: Attachment | None = None

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 takes it."""
        boxes = (self.sender, self.recipient, self.reply_to)
        return any(box is not None and box.needs_utf8 for box in boxes)

    def as_bytes(self) -> bytes:
        """The message, its lines ended by CR LF; seven bits unless ``needs_utf8``."""
        policy = SMTPUTF8 if self.needs_utf8 else SMTP
        message = EmailMessage(policy=policy)
        message["From"] = self.sender.header
        message["To"] = self.recipient.header
        if self.reply_to is not None:
            message["Reply-To"] = self.reply_to.header
        message["Subject"] = _one_line(self.subject)
        message["Date"] = self.date
        message["Message-ID"] = f"<{self.message_id}>"
        message["Auto-Submitted"] = "auto-generated"  # no reply by a machine (RFC 3834 §5)
        message.set_content(self.text, cte="quoted-printable")
        if (file := self.attachment) is not None:
            main, _, sub = file.media_type.partition("/")
            message.add_attachment(
                file.content, maintype=main, subtype=sub, filename=_one_line(file.name)
            )
        return message.as_bytes()


def mailbox(address: str, name: str = "") -> Mailbox:
    """An address as people write it. Raises ValueError when no server could be given it."""
    local, at, domain = address.strip().rpartition("@")
    encoded = domain.encode("idna").decode() if domain.isprintable() else ""
    plain = not any(sign in '<>()[]\\,;:"' or sign.isspace() for sign in address.strip())
    fits = len(local.encode()) <= LONGEST_LOCAL and len(encoded) <= LONGEST_DOMAIN
    if not (at and local and encoded and plain and fits) or hidden_character(address.strip()):
        raise ValueError("no address")
    found = Mailbox(local=local, domain=encoded, name=name)
    try:
        _ = found.header
    except (ValueError, IndexError) as error:  # what the library says of dots and signs
        raise ValueError("no address") from error
    return found


def _one_line(text: str) -> str:
    """Without line ends, controls and signs that hide: a space in the place of each."""
    return " ".join("".join(" " if hidden_character(sign) else sign for sign in text).split())
