"""A bounded answer: the first finding of each rule, others up to a number, how many more there are.

A hostile document may be wrong in a hundred thousand places, and to say where each one is means to
count its siblings. So a check yields each finding with its element, and only those that are kept
are given a place. Rules are few, unlike their repetitions: no code is ever left out.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import itemgetter
from typing import TypeVar

from lxml.etree import _Element

from worker.billing.money import count
from worker.errors import Finding, Severity
from worker.validation.paths import where
from worker.validation.wording import worded

MAX_FINDINGS = 20
"""Beyond, and once each rule has spoken, how many remain is said."""
T = TypeVar("T")
Fault = tuple[Finding, _Element]
"""A finding without its place, and the element it is about."""


def located(finding: Finding, element: _Element) -> Finding:
    """A finding with the place of its element."""
    return replace(finding, where=where(element))


def placed(
    faults: Iterable[tuple[Finding, T]],
    place: Callable[[Finding, T], Finding],
    at_least: int = 0,
) -> tuple[Finding, ...]:
    """The findings to keep, each with its place, those that block first.

    Args:
        faults: as many as there are; none of those left out is kept nor placed.
        place: gives a finding its place; called for what is kept only.
        at_least: how many faults are known of, when ``faults`` stops before the last.
    """
    first: dict[Severity, list[tuple[int, Finding, T]]] = {severity: [] for severity in Severity}
    again: dict[Severity, list[tuple[int, Finding, T]]] = {severity: [] for severity in Severity}
    seen: set[tuple[str, Severity]] = set()
    total = 0
    for total, (finding, element) in enumerate(faults, 1):
        rule, group = (finding.code, finding.severity), again[finding.severity]
        if rule not in seen:
            seen.add(rule)
            group = first[finding.severity]
        elif len(group) >= MAX_FINDINGS:
            continue
        group.append((total, finding, element))
    kept: list[tuple[Finding, T]] = []
    left = max(0, MAX_FINDINGS - len(seen))
    for severity in (Severity.BLOCKING, Severity.WARNING):
        repeats = again[severity][:left]
        left -= len(repeats)
        in_order = sorted([*first[severity], *repeats], key=itemgetter(0))
        kept += [(finding, element) for _rank, finding, element in in_order]
    findings = tuple(place(finding, element) for finding, element in kept)
    return (*findings, *more_than(len(kept), max(total, at_least)))


def more_than(kept: int, total: int) -> tuple[Finding, ...]:
    """How many findings there are beyond those that were kept, when there are any."""
    if total <= kept:
        return ()
    hidden = count(total - kept, "autre constat")
    return (worded("RULES-MORE", severity=Severity.WARNING, count=hidden),)
