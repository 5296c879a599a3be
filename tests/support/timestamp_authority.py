"""A fictitious time-stamping authority, which answers real requests of RFC 3161 as it is told."""

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.scripted_server import Step, read_request, reply

FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
POLICY = "1.3.6.1.4.1.99999.1"
NAME = "Horodatage fictif"
ASKED = -1
"""The nonce of the request."""
_NO_KEY_USE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Its root, and the certificate and key with which it signs."""

    root: x509.Certificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def made(cls, until: datetime = UNTIL, *, stamps: bool = True) -> Self:
        """A new one.

        Args:
            until: the end of its certificate.
            stamps: whether its certificate is one for time-stamping.
        """
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = (
            _certificate("Racine fictive", "Racine fictive", root_key, UNTIL)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(**_NO_KEY_USE, key_cert_sign=True, crl_sign=True), critical=True
            )
            .sign(root_key, hashes.SHA256())
        )
        use = ExtendedKeyUsageOID.TIME_STAMPING if stamps else ExtendedKeyUsageOID.EMAIL_PROTECTION
        certificate = (
            _certificate(NAME, "Racine fictive", key, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        return cls(root=root, certificate=certificate, key=key)

    @property
    def roots(self) -> bytes:
        """What is trusted, PEM."""
        return self.root.public_bytes(Encoding.PEM)

    def answer(
        self,
        query: bytes,
        at: datetime,
        *,
        nonce: int | None = ASKED,
        imprint: bytes | None = None,
        certificates: bool = True,
    ) -> bytes:
        """A granted token, DER.

        Args:
            query: the request, DER.
            at: the instant that it states.
            nonce: another one than that of the request; None for none.
            imprint: another hash than that of the request.
            certificates: whether its certificate comes along.
        """
        asked = tsp.TimeStampReq.load(query)
        told = {"version": "v1", "policy": POLICY, "serial_number": 1, "gen_time": at}
        content = tsp.TSTInfo(
            told
            | {
                "message_imprint": asked["message_imprint"]
                if imprint is None
                else {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": imprint},
            }
            | (
                {}
                if nonce is None
                else {"nonce": asked["nonce"].native if nonce == ASKED else nonce}
            )
        ).dump()
        ours = asn1_x509.Certificate.load(self.certificate.public_bytes(Encoding.DER))
        signed = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {
                    "type": "signing_certificate_v2",
                    "values": [{"certs": [{"cert_hash": hashlib.sha256(ours.dump()).digest()}]}],
                },
            ]
        )
        signer = {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {
                    "issuer_and_serial_number": {
                        "issuer": ours.issuer,
                        "serial_number": ours.serial_number,
                    }
                }
            ),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": signed,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": self.key.sign(signed.dump(), ec.ECDSA(hashes.SHA256())),
        }
        token: dict[str, Any] = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(content),
            },
            "signer_infos": [signer],
        }
        if certificates:
            token["certificates"] = [ours]
        answer: bytes = tsp.TimeStampResp(
            {
                "status": {"status": "granted"},
                "time_stamp_token": {
                    "content_type": "signed_data",
                    "content": cms.SignedData(token),
                },
            }
        ).dump()
        return answer


Stamped = Callable[[bytes], bytes]
"""Of a request, the answer."""


def answering(answer: Stamped) -> Step:
    """A step that reads a request, and answers by a function of its body."""

    def step(connection: socket.socket) -> bool:
        query = read_request(connection).partition(b"\r\n\r\n")[2]
        headers = "Content-Type: application/timestamp-reply\r\n"
        return reply(answer(query), headers=headers)(connection)

    return step


def whatever(then: Step) -> Step:
    """A step that reads a request, and does something of its own."""

    def step(connection: socket.socket) -> bool:
        return bool(read_request(connection)) and then(connection)

    return step


def _certificate(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, until: datetime
) -> x509.CertificateBuilder:
    subject, signed_by = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(until)
    )
