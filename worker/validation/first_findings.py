"""A bounded answer: the first findings, and how many more there are.

A hostile document may be wrong in a hundred thousand places, and to say where each one is means to
count its siblings. So a check yields each finding with its element, and only those that are shown
are given a place.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from lxml.etree import _Element

from worker.billing.money import count
from worker.errors import Finding, Severity
from worker.validation.paths import where
from worker.validation.wording import worded

MAX_FINDINGS = 20
"""Beyond, a person corrects the first ones and starts again; how many remain is said."""
Fault = tuple[Finding, _Element]
"""A finding without its place, and the element it is about."""


def placed(
    faults: Iterable[Fault], place: Callable[[_Element], str] = where
) -> tuple[Finding, ...]:
    """The findings to show, each with its place, those that block first.

    Args:
        faults: as many as there are; none of those left out is kept nor placed.
        place: how to say where an element stands; called for what is shown only.
    """
    shown: dict[Severity, list[Fault]] = {severity: [] for severity in Severity}
    total = 0
    for finding, element in faults:
        total += 1
        if len(shown[finding.severity]) < MAX_FINDINGS:
            shown[finding.severity].append((finding, element))
    first = [*shown[Severity.BLOCKING], *shown[Severity.WARNING]][:MAX_FINDINGS]
    findings = tuple(replace(finding, where=place(element)) for finding, element in first)
    return findings + more(total - len(first))


def bounded(findings: list[Finding]) -> tuple[Finding, ...]:
    """The same for findings that have their place already; those that block come first."""
    ordered = sorted(findings, key=lambda finding: finding.severity is Severity.WARNING)
    return (*ordered[:MAX_FINDINGS], *more(len(findings) - MAX_FINDINGS))


def more(hidden: int) -> tuple[Finding, ...]:
    """What says that findings were left out, if any was."""
    if hidden <= 0:
        return ()
    shown = count(hidden, "autre constat")
    return (worded("RULES-MORE", severity=Severity.WARNING, count=shown),)
