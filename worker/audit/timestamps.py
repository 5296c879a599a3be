"""A time-stamp of RFC 3161: what is asked, and whether a token proves what it is kept for.

A token is the answer of the authority, as it came (DER): ``openssl ts -verify`` reads it too. What
it signs is the hash of an event, so that no file of ours is needed to verify it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from worker.billing.checkpoint import FIRST_YEAR, LAST_YEAR
from worker.billing.journal import JournalEvent, hashed_text

LARGEST = 100_000
"""Bytes of an answer; that of an authority, with its certificates, has five thousand."""
MOST_ROOTS = 1_000_000
"""Bytes of a file of certificates."""
SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class Problem(StrEnum):
    """Why a token proves nothing."""

    UNREADABLE = "unreadable"
    REFUSED = "refused"
    OTHER_HASH = "other_hash"
    OTHER_NONCE = "other_nonce"
    NO_CERTIFICATE = "no_certificate"
    EXPIRED = "expired"
    UNTRUSTED = "untrusted"
    TOO_EARLY = "too_early"
    ROOTS = "roots"


SAYS = {
    Problem.UNREADABLE: "ce n'est pas un jeton d'horodatage (RFC 3161)",
    Problem.REFUSED: "l'autorité a refusé d'horodater",
    Problem.OTHER_HASH: "le jeton atteste une autre empreinte que celle du point de contrôle",
    Problem.OTHER_NONCE: "le jeton répond à une autre demande (nonce)",
    Problem.NO_CERTIFICATE: "le jeton ne contient pas le certificat de son signataire",
    Problem.EXPIRED: "le certificat du signataire n'était pas valable à l'instant du jeton",
    Problem.UNTRUSTED: "la signature du jeton ne remonte à aucune autorité de confiance",
    Problem.TOO_EARLY: "l'instant du jeton précède celui du point de contrôle : une horloge est "
    "en avance ou en retard",
    Problem.ROOTS: "le fichier des autorités de confiance ne contient pas de certificat lisible "
    "(PEM)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a token says, which only ``proven`` has verified.

    Attributes:
        imprint: the hash that it signs.
        instant: by the authority's clock.
        authority: name of the certificate that signed it (RFC 4514).
    """

    imprint: str
    instant: datetime
    authority: str


def request_for(event: JournalEvent) -> TimeStampRequest:
    """What to ask for the hash of an event; it bears a nonce, and asks for the certificate."""
    asked = TimestampRequestBuilder().data(hashed_text(event))
    return asked.hash_algorithm(HashAlgorithm.SHA256).build()


def are_certificates(roots: bytes) -> bool:
    """Whether a file holds certificates that can be trusted, PEM."""
    try:
        return bool(x509.load_pem_x509_certificates(roots))
    except ValueError:
        return False


def read(token: bytes) -> Stamp | Problem:
    """What a token says, its signature apart."""
    found = _decoded(token)
    if isinstance(found, Problem):
        return found
    return _stamp(found)


def proven(
    token: bytes, roots: bytes, imprint: str, not_before: datetime, nonce: int | None = None
) -> Stamp | Problem:
    """What a token says, once it is verified.

    Args:
        token: the authority's answer.
        roots: the certificates that are trusted, PEM.
        imprint: the hash that it must sign.
        not_before: the instant that it must not precede.
        nonce: of the request; None when the request is not known any more.
    """
    answer = _decoded(token)
    stamp = answer if isinstance(answer, Problem) else _stamp(answer)
    if isinstance(answer, Problem) or isinstance(stamp, Problem):
        return stamp
    try:
        return next(_problems(answer, stamp, roots, imprint, not_before, nonce), stamp)
    except ValueError:
        return Problem.UNREADABLE


def _problems(
    answer: TimeStampResponse,
    stamp: Stamp,
    roots: bytes,
    imprint: str,
    not_before: datetime,
    nonce: int | None,
) -> Iterator[Problem]:
    """What is wrong, the most telling first: each is looked at when the one before is right.

    Raises ValueError for a certificate that cannot be read.
    """
    if nonce is not None and answer.tst_info.nonce != nonce:
        yield Problem.OTHER_NONCE
    if stamp.imprint != imprint:
        yield Problem.OTHER_HASH
    signer = _signer(answer)
    if signer is None:
        yield Problem.NO_CERTIFICATE
        return
    if not signer.not_valid_before_utc <= stamp.instant <= signer.not_valid_after_utc:
        yield Problem.EXPIRED
    try:
        trusted = x509.load_pem_x509_certificates(roots)
    except ValueError:
        yield Problem.ROOTS
        return
    try:
        VerifierBuilder(roots=trusted).build().verify(answer, bytes.fromhex(imprint))
    except (VerificationError, ValueError):
        yield Problem.UNTRUSTED
    if stamp.instant < not_before:
        yield Problem.TOO_EARLY


def _decoded(token: bytes) -> TimeStampResponse | Problem:
    """The answer, when it holds a token of which all that is read here can be read."""
    try:
        answer = decode_timestamp_response(token)
        if answer.status != PKIStatus.GRANTED:
            return Problem.REFUSED
        imprint = answer.tst_info.message_imprint
        if imprint.hash_algorithm != SHA256 or len(imprint.message) != hashlib.sha256().digest_size:
            return Problem.OTHER_HASH
    except ValueError:
        return Problem.UNREADABLE
    return answer


def _stamp(answer: TimeStampResponse) -> Stamp | Problem:
    try:
        signer = _signer(answer)
        instant = answer.tst_info.gen_time.astimezone(UTC)
        if not FIRST_YEAR <= instant.year <= LAST_YEAR:
            return Problem.UNREADABLE
        return Stamp(
            imprint=answer.tst_info.message_imprint.message.hex(),
            instant=instant,
            authority="" if signer is None else signer.subject.rfc4514_string(),
        )
    except (ValueError, OverflowError):
        return Problem.UNREADABLE


def _signer(answer: TimeStampResponse) -> x509.Certificate | None:
    """The certificate that signed, among those of the token. Raises ValueError for nonsense."""
    (signed, *_) = answer.signed_data.signer_infos or (None,)
    for der in answer.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        if signed is not None and (
            (certificate.issuer, certificate.serial_number) == (signed.issuer, signed.serial_number)
        ):
            return certificate
    return None
