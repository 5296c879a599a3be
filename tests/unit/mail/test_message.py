"""A message as bytes, read back by the parser of the standard library: nothing gets into it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.billing.text import hidden_character
from worker.mail.message import Attachment, Message, mailbox, one_line

FIELDS = ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
PDF = b"%PDF-1.7\r\n.\r\n\0--===\n" + bytes(range(256))
MESSAGE = Message(
    sender=mailbox("facturation@syndicat.example", "Syndicat"),
    recipient=mailbox("camille@mairie.example", "Camille"),
    reply_to=mailbox("reponses@syndicat.example"),
    subject="Objet",
    text="Bonjour\n",
    message_id="statements.2025.99900007800017.1@syndicat.example",
    date=datetime(2026, 1, 5, 9, tzinfo=UTC),
    attachment=Attachment(name="etat.pdf", media_type="application/pdf", content=PDF),
)
LINE_ENDS = ("\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")
SIGNS = (
    *('"', "\\", "<", ">", "(", ")", ",", ";", ":", "@", "=", "=?", "?=", ".", "..", "\t", "--"),
    *("é", "œ", "\U0001f600", "\u202e", "\ud800", "\u00a0", "%0d%0a", "a", "b", " ", "  "),
    *("Bcc: z@z.example", "<z@z.example>", "To: z@z.example", "From ", "MIME-Version: 1.0"),
    *("=?utf-8?q?=0D=0ABcc:_z@z.example?=", "=?utf-8?b?SGVsbG8=?=", "é" * 90, "x" * 1200),
    *("=?utf-8?q?caf=C3=A9?=", "Content-Type: text/html\r\n\r\n<b>"),
)
HOSTILE = st.lists(
    st.sampled_from(LINE_ENDS) | st.sampled_from(SIGNS) | st.text(max_size=8), max_size=7
).map("".join)


def read_back(raw: bytes) -> EmailMessage:
    """The message as a mail program has it."""
    return BytesParser(policy=policy.default).parsebytes(raw)


def unfolded(raw: bytes) -> dict[str, str]:
    """The first headers of a message, each on one line, as they were written."""
    head = raw.partition(b"\r\n\r\n")[0].decode()
    lines = re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")
    return dict(line.split(": ", 1) for line in lines)


def shown(value: str) -> str:
    """What a reader sees of a header."""
    return str(make_header(decode_header(value)))


@given(name=HOSTILE, subject=HOSTILE, text=HOSTILE, file=HOSTILE)
@example(name='"', subject="=?utf-8?q?=0D=0ABcc:_z@z.example?=", text=".\r\n.", file="../é\r\n")
def test_no_text_injects_anything(name: str, subject: str, text: str, file: str) -> None:
    """No header, recipient or part beside those that are meant, and each text as it was given."""
    attachment = Attachment(name=file, media_type="application/pdf", content=PDF)
    raw = replace(
        MESSAGE,
        sender=mailbox("facturation@syndicat.example", name),
        recipient=mailbox("camille@mairie.example", name),
        reply_to=mailbox("reponses@syndicat.example", name),
        subject=subject,
        text=text,
        attachment=attachment,
    ).as_bytes()
    message, headers = read_back(raw), unfolded(raw)
    body, piece = message.iter_parts()
    visible = ["".join(_seen(sign) for sign in line) for line in text.splitlines()]

    assert raw.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert message.defects == body.defects == piece.defects == []
    assert message.keys() == [*FIELDS, "MIME-Version", "Content-Type"]
    for field, address in (
        ("From", "facturation@syndicat.example"),
        ("To", "camille@mairie.example"),
        ("Reply-To", "reponses@syndicat.example"),
    ):
        assert [one.addr_spec for one in message[field].addresses] == [address]
        [(phrase, found)] = getaddresses([headers[field]])
        assert (shown(phrase), found) == (one_line(name), address)

    assert shown(headers["Subject"]) == one_line(subject)
    assert body.get_content_type() == "text/plain"
    assert body.get_content().splitlines() == (visible or [""])
    assert piece.get_content() == PDF
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,120}", piece.get_filename() or "")


def _seen(sign: str) -> str:
    return " " if sign != "\t" and hidden_character(sign) else sign


def test_a_message_without_piece_is_one_part() -> None:
    """Plain text alone, of seven bits."""
    message = read_back(replace(MESSAGE, attachment=None, reply_to=None).as_bytes())

    assert message.keys() == [
        *(one for one in FIELDS if one != "Reply-To"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    ]
    assert message.get_content().splitlines() == ["Bonjour"]
    assert message["Date"].datetime == MESSAGE.date
    assert message["Message-ID"] == f"<{MESSAGE.message_id}>"


def test_a_name_that_is_written_with_accents_keeps_the_address_in_sight() -> None:
    """The name is encoded, the address is not."""
    raw = replace(
        MESSAGE, recipient=mailbox("camille@mairie.example", "Camille Exémple")
    ).as_bytes()

    assert b" <camille@mairie.example>\r\n" in raw
    assert read_back(raw)["To"].addresses[0].display_name == "Camille Exémple"


HOST = "mairie.example"
LOCAL_PARTS = (
    *("", " ", "a..b", ".a", "a.", "a b", "a\u00a0b", '"a"', '"a b"', "a(b)", "a,b", "a;b", "a:b"),
    *("<a", "a\\b", "a@b", "mailto:a", "Nom <a", "a\n", "a\r\nBcc: b", "a\0", "a\u2028"),
    *("a\u200b", "\u202ea", "\ud800", "x" * 65, "é" * 33),
)
HOSTS = (
    *("", "localhost", "mairie", ".example", "mairie.", "mairie..example", "mairie.example."),
    *("-mairie.example", "mairie-.example", "ma_irie.example", "ma irie.example", "mairie>.fr"),
    *("[192.0.2.1]", "192.0.2.1", "mairie.42", "mairie。example", "mairie/example.fr"),
    *("mairie.exam\nple", "mairie\u00ad.example", "mai\u200brie.example", "mairie.example,a.fr"),
    *("x" * 64 + ".example", "x." * 130 + "example", "é" * 60 + ".example"),
)
TOO_LONG = "x" * 64 + "@" + f"{'y' * 60}." * 3 + "example"
"""Each part fits, and the whole does not."""


@pytest.mark.parametrize(
    "address",
    [
        *("a", HOST, "@", TOO_LONG),
        *(f"{local}@{HOST}" for local in LOCAL_PARTS),
        *(f"a@{host}" for host in HOSTS),
    ],
)
def test_what_cannot_be_delivered_to(address: str) -> None:
    """By the grammar of an address on the Internet, without quotes, brackets or comments."""
    with pytest.raises(ValueError, match="no address"):
        mailbox(address)


@pytest.mark.parametrize(
    "written, sent",
    [
        ("referent@mairie.example", "referent@mairie.example"),
        (" referent@mairie.example ", "referent@mairie.example"),
        ("Pre.Nom+etat@Mairie-Du-Bourg.example", "Pre.Nom+etat@Mairie-Du-Bourg.example"),
        ("o'brien@mairie.example", "o'brien@mairie.example"),
        ("a@mairie-été.example", "a@xn--mairie-t-h1ab.example"),
        ("éléonore@mairie.example", "éléonore@mairie.example"),
        ("x" * 64 + "@mairie.example", "x" * 64 + "@mairie.example"),
    ],
)
def test_what_can_be_delivered_to(written: str, sent: str) -> None:
    """Beyond ASCII, a host name is encoded (IDNA); a local part asks for SMTPUTF8."""
    found = mailbox(written)

    assert found.address == sent
    assert found.needs_utf8 is not sent.isascii()
