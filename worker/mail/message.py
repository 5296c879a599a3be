"""A message in plain text, with at most one attachment, as bytes of seven bits.

Texts come from files and templates: no sign in them can begin another header, name another address
or close a part. The standard library encodes them; the headers are laid out here, for what it makes
of a text that looks encoded (``=?utf-8?q?…?=``) is another text. A server that knows neither
8BITMIME nor SMTPUTF8 takes the message unless an address itself needs the latter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from worker.billing.mail_address import parts_of
from worker.billing.text import hidden_character, plain_name

_PLAIN = re.compile(r"[ -~]{1,60}")
"""What a header line holds as it is, whatever stands before it."""
_ENCODED: Final = "=?"
"""How an encoded word begins (RFC 2047 §2)."""
_LONGEST_NAME: Final = 120
"""Characters of an attachment's name."""


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

    def header(self, field: str) -> str:
        """The line of a header field that names it alone."""
        name = one_line(self.name)
        if not name:
            return f"{field}: {self.address}"
        if _is_plain(name):
            quoted = re.sub(r'(["\\])', r"\\\1", name)
            return f'{field}: "{quoted}" <{self.address}>'
        return f"{field}: {_words(name, field)}\r\n <{self.address}>"


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
        body = EmailMessage(policy=SMTP)
        body.set_content(_lines(self.text), cte="quoted-printable")
        if (file := self.attachment) is not None:
            main, _, sub = file.media_type.partition("/")
            name = plain_name(file.name, _LONGEST_NAME) or "piece"
            body.add_attachment(file.content, maintype=main, subtype=sub, filename=name)
        head = "".join(f"{line}\r\n" for line in self._headers())
        return head.encode() + body.as_bytes()

    def _headers(self) -> Iterator[str]:
        yield self.sender.header("From")
        yield self.recipient.header("To")
        if self.reply_to is not None:
            yield self.reply_to.header("Reply-To")
        subject = one_line(self.subject)
        yield f"Subject: {subject if _is_plain(subject) else _words(subject, 'Subject')}"
        yield f"Date: {format_datetime(self.date)}"
        yield f"Message-ID: <{self.message_id}>"
        yield "Auto-Submitted: auto-generated"  # no reply by a machine (RFC 3834 §5)


def mailbox(address: str, name: str = "") -> Mailbox:
    """An address as people write it. Raises ValueError when no server could be given it."""
    parts = parts_of(address.strip())
    if parts is None:
        raise ValueError("no address")
    local, domain = parts
    return Mailbox(local=local, domain=domain, name=name)


def one_line(text: str) -> str:
    """Without line ends, controls and signs that hide: a space in the place of each."""
    return " ".join("".join(" " if hidden_character(sign) else sign for sign in text).split())


def _lines(text: str) -> str:
    """The same of each line of a text; tabs, spaces and empty lines stay."""
    return (
        "\n".join(
            "".join(" " if sign != "\t" and hidden_character(sign) else sign for sign in line)
            for line in text.splitlines()
        )
        + "\n"
    )


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and _ENCODED not in text


def _words(text: str, field: str) -> str:
    """A text as encoded words, on lines of 76 characters at most (RFC 2047 §2)."""
    return Header(text, "utf-8", header_name=field).encode(linesep="\r\n")
