"""A document: frozen bytes with a name and a hash. The bytes are the invoice."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class DocumentKind(StrEnum):
    """What a document is, and its file name when exported."""

    FACTURX = "facturx.pdf"
    CII = "cii.xml"
    UBL = "ubl.xml"
    STATEMENT = "statement.pdf"
    STATEMENT_CSV = "statement.csv"
    STATEMENT_XLSX = "statement.xlsx"
    CHORUS_E1_UBL = "chorus-e1.ubl.xml"
    CTC_FACTURX = "ctc-fr.facturx.pdf"
    CTC_CII = "ctc-fr.cii.xml"
    CTC_UBL = "ctc-fr.ubl.xml"


class Unprintable(ValueError):
    """A text of an invoice holds a character that no font has, or that XML forbids.

    Attributes:
        character: the character, or nothing when the page could not be set for another reason.
    """

    def __init__(self, message: str, character: str = "") -> None:
        super().__init__(message)
        self.character = character


@dataclass(frozen=True, kw_only=True)
class Document:
    """Bytes that never change once made.

    ``profile`` names what the document claims to conform to (``facturx-direct``…), or is empty.
    """

    kind: DocumentKind
    profile: str
    media_type: str
    content: bytes

    @cached_property
    def sha256(self) -> str:
        """Of the content, in lower-case hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()
