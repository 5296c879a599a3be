"""Handing one message over by SMTP (RFC 5321), over TLS always, and what that came to.

Each step is spelled out, for the outcome depends on it: until the line that ends the message, the
server has nothing (*later*); after it, only its answer tells, and without one nobody can
(*uncertain*). What a server says is kept as codes: its words may hold the address.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from threading import Timer

from pydantic import SecretStr

from worker.billing.sent_mail import MailState
from worker.mail.message import Message
from worker.settings.keys import MailSecurity

GO_AHEAD = 354
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_FIRST_DOTS = re.compile(rb"^\.", re.MULTILINE)
_MOST_SAID = 200
_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_FINAL = (ssl.SSLError, smtplib.SMTPNotSupportedError, UnicodeError)
"""What happens again however often it is tried, those that only cut the connection apart."""


class Step(StrEnum):
    """How far a call came."""

    CONNECTION = "connection"
    ENCRYPTION = "encryption"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    ANSWER = "answer"
    """The whole message was sent; the server has not answered yet, or has."""

    @property
    def is_about_us(self) -> bool:
        """Whether what ends here ends so for every message."""
        return self in {Step.CONNECTION, Step.ENCRYPTION, Step.LOGIN, Step.SENDER}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The server that takes our messages.

    Attributes:
        user: empty: it asks for no account.
        trusted: knows the certificates to which its own must lead.
        hello: the name that we give.
        step_seconds: most that one step waits.
        call_seconds: most that a whole call takes, however slowly the server speaks.
    """

    host: str
    port: int
    security: MailSecurity
    trusted: ssl.SSLContext
    user: str
    password: SecretStr
    hello: str = "localhost"
    step_seconds: float = 20
    call_seconds: float = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a call came to.

    Attributes:
        step: the last that was begun.
        code: ``550 5.1.1``; empty without an answer.
        said: for the terminal alone: why, or the server's words, without the address.
    """

    outcome: MailState
    step: Step
    code: str = ""
    said: str = ""


class _Ended(Exception):
    """The server's answer ends the call."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.text = text.decode("utf-8", "replace")


def deliver(server: MailServer, message: Message) -> Delivery:
    """Hand a message over, once."""
    return _Call(server, message.recipient.address).run(message)


def probe(server: MailServer) -> Delivery:
    """Do all that comes before a message: reach the server, encrypt, log in."""
    return _Call(server, "").run(None)


class _Call:
    """One call: the step under way, and the deadline of the whole."""

    def __init__(self, server: MailServer, recipient: str) -> None:
        self._server = server
        self._recipient = recipient
        self._step = Step.CONNECTION
        self._code = ""
        self._too_long = False

    def run(self, message: Message | None) -> Delivery:
        try:
            with self._connected() as raw:
                self._talk(self._encrypted(raw), message)
        except _Ended as ended:
            return self._answered(ended.code, ended.text)
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
            return self._answered(error.smtp_code, text)
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            return self._broken(error)
        return Delivery(outcome=MailState.SENT, step=self._step, code=self._code)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """A connection that ends with the call, or at its deadline."""
        server = self._server
        raw = socket.create_connection((server.host, server.port), timeout=server.step_seconds)
        with raw, raw.dup() as watched:
            # Shut down through its double: the socket itself moves into the one that encrypts.
            timer = Timer(server.call_seconds, self._end, [watched])
            timer.daemon = True
            timer.start()
            try:
                yield raw
            finally:
                timer.cancel()
                timer.join()

    def _end(self, watched: socket.socket) -> None:
        self._too_long = True
        with suppress(OSError):
            watched.shutdown(socket.SHUT_RDWR)

    def _encrypted(self, raw: socket.socket) -> smtplib.SMTP:
        """The dialogue, once nothing of it can be read or changed on the way."""
        server = self._server
        smtp = smtplib.SMTP(local_hostname=server.hello, timeout=server.step_seconds)
        match server.security:
            case MailSecurity.TLS:
                self._step = Step.ENCRYPTION
                smtp.sock = self._wrapped(raw)
                self._step = Step.CONNECTION
                self._require(smtp.getreply())
            case MailSecurity.STARTTLS:
                smtp.sock = raw
                self._require(smtp.getreply())
                smtp.ehlo_or_helo_if_needed()
                self._step = Step.ENCRYPTION
                if not smtp.has_extn("starttls"):
                    raise smtplib.SMTPNotSupportedError("STARTTLS")
                self._require(smtp.docmd("STARTTLS"))
                smtp.sock = self._wrapped(raw)
                # Nothing that came before the encryption counts (RFC 3207 §4.2).
                smtp.file, smtp.ehlo_resp, smtp.helo_resp = None, None, None
                smtp.esmtp_features, smtp.does_esmtp = {}, False
        self._step = Step.CONNECTION
        smtp.ehlo_or_helo_if_needed()
        return smtp

    def _wrapped(self, raw: socket.socket) -> ssl.SSLSocket:
        return self._server.trusted.wrap_socket(raw, server_hostname=self._server.host)

    def _talk(self, smtp: smtplib.SMTP, message: Message | None) -> None:
        with closing(smtp):
            if self._server.user:
                self._step = Step.LOGIN
                smtp.login(self._server.user, self._server.password.get_secret_value())
            if message is not None:
                self._hand_over(smtp, message)
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()

    def _hand_over(self, smtp: smtplib.SMTP, message: Message) -> None:
        content = _LINE_ENDS.sub(b"\r\n", message.as_bytes())
        self._step = Step.RECIPIENT
        if message.needs_utf8 and not smtp.has_extn("smtputf8"):
            raise _Ended(550, b"5.6.7 SMTPUTF8")
        self._step = Step.CONTENT
        largest = smtp.esmtp_features.get("size", "")
        if largest.isdecimal() and 0 < int(largest) < len(content):
            raise _Ended(552, b"5.3.4 SIZE")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if message.needs_utf8 else []
        self._step = Step.SENDER
        self._require(smtp.mail(message.sender.address, options))
        self._step = Step.RECIPIENT
        self._require(smtp.rcpt(message.recipient.address))
        self._step = Step.CONTENT
        code, text = smtp.docmd("DATA")
        if code != GO_AHEAD:
            raise _Ended(code, text)
        smtp.send(_FIRST_DOTS.sub(b"..", content))
        self._step = Step.ANSWER
        smtp.send(b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")
        code, text = smtp.getreply()
        self._code = _codes(code, text.decode("utf-8", "replace"))
        self._require((code, text))

    @staticmethod
    def _require(reply: tuple[int, bytes]) -> None:
        if not 200 <= reply[0] < 300:
            raise _Ended(*reply)

    def _answered(self, code: int, text: str) -> Delivery:
        """The server has answered: no, or nothing that can be understood."""
        match code // 100:
            case 4:
                outcome = MailState.LATER
            case 5:
                outcome = MailState.REFUSED
            case _:
                outcome = self._without_answer
        return Delivery(
            outcome=outcome, step=self._step, code=_codes(code, text), said=self._words(text)
        )

    def _broken(self, error: Exception) -> Delivery:
        """The call ended without an answer."""
        final = isinstance(error, _FINAL) and not isinstance(error, _CUT) and not self._too_long
        outcome = MailState.REFUSED if final else MailState.LATER
        if self._step is Step.ANSWER:
            outcome = MailState.UNCERTAIN
        said = _why(error)
        if self._too_long:
            said = f"l'échange a duré plus de {self._server.call_seconds:g} s"
        return Delivery(outcome=outcome, step=self._step, said=said)

    @property
    def _without_answer(self) -> MailState:
        return MailState.UNCERTAIN if self._step is Step.ANSWER else MailState.LATER

    def _words(self, text: str) -> str:
        line = " ".join(text.split())
        if self._recipient:
            line = re.sub(re.escape(self._recipient), "…", line, flags=re.IGNORECASE)
        return line[:_MOST_SAID]


def _why(error: Exception) -> str:  # noqa: PLR0911 - one return for each cause
    """Why a call ended without an answer, in the words of a message."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"son certificat n'est pas valable ({error.verify_message})"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | smtplib.SMTPServerDisconnected():
            return "il a coupé la connexion"
        case ssl.SSLError():
            return f"le chiffrement n'a pas pu s'établir ({error.reason})"
        case smtplib.SMTPNotSupportedError():
            return "il ne propose pas ce que la configuration demande"
        case UnicodeError():
            return "le compte ou le mot de passe a un signe qu'il ne peut pas recevoir"
        case TimeoutError():
            return "il ne répond pas"
        case socket.gaierror():
            return "son nom n'est pas connu du réseau"
        case ConnectionRefusedError():
            return "il refuse la connexion"
        case _:
            return "la connexion est perdue"


def _codes(code: int, text: str) -> str:
    """The codes of an answer: a number, and the enhanced one of RFC 3463 when it is given."""
    enhanced = _ENHANCED.match(text)
    number = str(code) if 100 <= code <= 999 else ""
    return f"{number} {enhanced[0]}" if enhanced and number else number
