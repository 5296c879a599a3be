"""What our findings say in French: the sentences of ``findings.toml``, by code."""

from functools import cache
from typing import Any

from worker.billing.toml import own_table
from worker.errors import Finding, Severity, WrongUse


def worded(
    code: str,
    case: str = "",
    *,
    severity: Severity = Severity.BLOCKING,
    where: str = "",
    value: str = "",
    **facts: object,
) -> Finding:
    """A finding in its words.

    Args:
        code: one of ``docs/findings.md``.
        case: which of its sentences, for a code that has several.
        severity: whether it stops the record.
        where: the place, for people.
        value: the offending value, shortened; it may fill a gap of the sentences.
        facts: what fills the others.
    """
    sentences = _sentences()[code]
    said = sentences[case] if case else sentences
    return Finding(
        code=code,
        message=said["message"].format(value=value, **facts),
        remedy=said["remedy"].format(value=value, **facts),
        severity=severity,
        where=where,
        value=value,
    )


def unreadable(finding: Finding) -> WrongUse:
    """Why a file cannot be validated at all: one finding, and the same words for the error."""
    return WrongUse(finding.message, finding.remedy, findings=[finding])


@cache
def _sentences() -> dict[str, Any]:
    """Read when the first finding is made."""
    return own_table(__package__, "findings.toml")
