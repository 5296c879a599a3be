"""A bounded answer: the first findings, and how many more there are.

A hostile document may be wrong in a hundred thousand places, and to say where each one is means to
count its siblings. So a check yields each finding with its element, and only those that are shown
are given a place.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from lxml.etree import _Element

from worker.billing.money import count
from worker.errors import Finding, Severity
from worker.validation.paths import where
from worker.validation.wording import worded

MAX_FINDINGS = 20
"""Beyond, a person corrects the first ones and starts again; how many remain is said."""
T = TypeVar("T")
Fault = tuple[Finding, _Element]
"""A finding without its place, and the element it is about."""


def located(finding: Finding, element: _Element) -> Finding:
    """A finding with the place of its element."""
    return replace(finding, where=where(element))


def placed(
    faults: Iterable[tuple[Finding, T]], place: Callable[[Finding, T], Finding]
) -> tuple[Finding, ...]:
    """The findings to show, each with its place, those that block first.

    Args:
        faults: as many as there are; none of those left out is kept nor placed.
        place: gives a finding its place; called for what is shown only.
    """
    shown: dict[Severity, list[tuple[Finding, T]]] = {severity: [] for severity in Severity}
    total = 0
    for fault in faults:
        total += 1
        if len(shown[fault[0].severity]) < MAX_FINDINGS:
            shown[fault[0].severity].append(fault)
    first = [*shown[Severity.BLOCKING], *shown[Severity.WARNING]][:MAX_FINDINGS]
    findings = tuple(place(finding, element) for finding, element in first)
    if total == len(first):
        return findings
    hidden = count(total - len(first), "autre constat")
    return (*findings, worded("RULES-MORE", severity=Severity.WARNING, count=hidden))
