"""An address that mail can be delivered to on the Internet, told by its shape alone.

``dot-atom "@" host name`` (RFC 5322 §3.4.1, RFC 5321 §4.1.2, RFC 6531 §3.3): a quoted local part,
an address between brackets and a host name of one label are refused, for no member has any.
"""

import re
import unicodedata
from typing import Final

LONGEST_ADDRESS: Final = 254
"""Bytes of the whole (RFC 5321 §4.5.3.1.3: 256 with its angle brackets)."""
LONGEST_LOCAL: Final = 64
"""Bytes before the ``@`` (RFC 5321 §4.5.3.1.1)."""
LONGEST_DOMAIN: Final = 253
"""Bytes of a host name (RFC 1035 §2.3.4: 255 with its lengths)."""
_ATOM_SIGNS: Final = frozenset("!#$%&'*+/=?^_`{|}~-")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def parts_of(address: str) -> tuple[str, str] | None:
    """Local part and host name, in ASCII (IDNA), of an address; None when it is none."""
    local, _, domain = address.rpartition("@")
    host = _host(domain)
    long = len(local.encode(errors="replace")) > LONGEST_LOCAL
    if not host or long or not all(map(_is_atom, local.split("."))):
        return None
    if len(local.encode()) + 1 + len(host) > LONGEST_ADDRESS:
        return None
    return local, host


def _is_atom(text: str) -> bool:
    """RFC 5322 §3.2.3, and beyond ASCII what is written in a word (RFC 6531 §3.3)."""
    return bool(text) and all(sign in _ATOM_SIGNS or _is_of_a_word(sign) for sign in text)


def _is_of_a_word(sign: str) -> bool:
    return sign.isalnum() if sign.isascii() else unicodedata.category(sign)[0] in "LMN"


def _host(domain: str) -> str:
    """A host name of two labels at least, in ASCII, or nothing."""
    if not all(sign in ".-" or _is_of_a_word(sign) for sign in domain):
        return ""
    try:
        host = domain.encode("idna").decode("ascii")
    except UnicodeError:  # an empty label, a long one, a sign that IDNA has no place for
        return ""
    labels = host.split(".")
    sound = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
    return host if sound and len(host) <= LONGEST_DOMAIN and not labels[-1].isdigit() else ""
