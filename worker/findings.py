"""Findings: what a check has to say, as values. They never stop anything by themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs."""

    BLOCKING = "blocking"
    """The record cannot go on: a person must correct something first."""
    WARNING = "warning"
    """The record goes on; a person should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of a check.

    Attributes:
        code: stable identifier, upper case, such as ``REF-ENGAGEMENT``.
        message: what is wrong, in French, naming the record.
        remedy: what to do about it, in French; empty when nothing can be done.
        severity: whether it stops the record.
        where: the place, for people: a file, line and column, or a path in a document.
        value: the offending value as it was read, shortened.
    """

    code: str
    message: str
    remedy: str = ""
    severity: Severity = Severity.BLOCKING
    where: str = ""
    value: str = ""


def has_blocking(findings: Iterable[Finding]) -> bool:
    """Whether at least one finding stops the record."""
    return any(finding.severity is Severity.BLOCKING for finding in findings)
