"""A real SMTP server on 127.0.0.1 (aiosmtpd) that fails as it is told, and its authority."""

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chaos import pace
from worker.settings.keys import MailSecurity

FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
ACCOUNT, PASSWORD = "facturation", "fictif"


@dataclass
class PostOffice:
    """What a client needs to reach the server, what it does, and what it took.

    Attributes:
        answers: to RCPT, by address; 250 for the others.
        after_data: its answer to the end of a message, by recipient; empty: it hangs up instead.
        silent: recipients whose message it takes, and never answers about.
    """

    port: int = 0
    ca_file: Path = Path()
    answers: dict[str, str] = field(default_factory=dict)
    sender_answer: str = ""
    after_data: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    taken: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[EmailMessage]:
        """What it took, as a mail client reads it."""
        read = (message_from_bytes(content, policy=default) for content in self.taken)
        return list(read)

    def trusted(self) -> ssl.SSLContext:
        """A context that knows its authority alone."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Answer MAIL FROM."""
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from, envelope.mail_options = address, options
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - same
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Answer RCPT TO."""
        answer = self.answers.get(address, "250 2.1.5 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - same
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a message, then answer, hang up or stay silent."""
        recipient = envelope.rcpt_tos[0]
        if recipient in self.silent:
            await asyncio.to_thread(self.released.wait)
            return "421 4.3.2 too late"
        answer = self.after_data.get(recipient, "250 2.0.0 OK")
        if not answer:
            session_transport(server).abort()
            return "250 2.0.0 OK"
        if answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.taken.append(envelope.content)
            self.recipients.append(recipient)
        return answer


def session_transport(server: SMTP) -> asyncio.Transport:
    """What carries the session under way."""
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object
) -> AuthResult:
    is_ours = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
    return AuthResult(success=is_ours, handled=False)


@contextmanager
def post_office(
    folder: Path,
    security: MailSecurity = MailSecurity.STARTTLS,
    *,
    utf8: bool = True,
    account: bool = False,
    largest: int = 10_000_000,
    name: str = "localhost",
) -> Iterator[PostOffice]:
    """A server that listens for as long as the block.

    Args:
        folder: gets its certificates.
        security: how it encrypts.
        utf8: whether it knows SMTPUTF8.
        account: whether it asks for ACCOUNT and PASSWORD, once STARTTLS was said.
        largest: bytes of a message, as it announces.
        name: of its certificate.
    """
    office = PostOffice(ca_file=folder / "authority.pem")
    context = _certified(folder, name)
    loop = asyncio.new_event_loop()
    options: dict[str, Any] = {"enable_SMTPUTF8": utf8, "hostname": "localhost", "loop": loop}
    options["data_size_limit"] = largest
    if account:
        options |= {"authenticator": _authenticate, "auth_required": True}
    if security is MailSecurity.STARTTLS:
        options |= {"tls_context": context, "require_starttls": True}
    listening = loop.run_until_complete(
        loop.create_server(
            lambda: SMTP(office, **options),
            "127.0.0.1",
            0,
            ssl=context if security is MailSecurity.TLS else None,
        )
    )
    office.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield office
    finally:
        office.released.set()
        asyncio.run_coroutine_threadsafe(_stop(listening), loop).result(pace.limit(10))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(pace.limit(10))
        loop.close()


async def _stop(listening: asyncio.Server) -> None:
    listening.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _certified(folder: Path, name: str) -> ssl.SSLContext:
    """A new authority in ``authority.pem``, and a context whose certificate it signed."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Autorité fictive")])
    root = (
        _certificate(root_name, root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    certificate = (
        _certificate(x509.Name([]), root_name, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    (folder / "authority.pem").write_bytes(root.public_bytes(Encoding.PEM))
    held = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(held + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
    )
