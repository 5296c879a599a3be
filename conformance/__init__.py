"""``make conformance``: what independent validators say of the documents of the golden samples.

veraPDF judges every PDF against PDF/A-3a and PDF/UA-1, Mustang every Factur-X; docs/conformance.md
says how to read it. Here, the words that the readers of both reports share.
"""

from dataclasses import dataclass
from enum import StrEnum


class Standard(StrEnum):
    """What a document has to satisfy."""

    PDF_A = "PDF/A-3a"
    PDF_UA = "PDF/UA-1"
    FACTURX = "Factur-X"


class Severity(StrEnum):
    """How grave a validator finds a fault, in Mustang's words; all of veraPDF's are errors."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule that a document breaks, with what the validator says of the first place."""

    rule: str
    text: str
    severity: Severity = Severity.ERROR


class ToolMissing(Exception):
    """This machine lacks a program: nothing was checked."""


class ToolBroken(Exception):
    """A validator could not be fetched, is not the one we chose, or gave no answer."""
