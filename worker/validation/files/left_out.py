"""Rules of EN 16931 that the official sheets leave out: what breaks them is told, as a warning.

A text of white space alone is none for the standard, and one for the sheets. BR-CO-25 was taken out
of them; that BT-6 is another currency than BT-5 is in its definition, and Peppol's R005.
"""

from collections.abc import Iterator

from lxml import etree

from worker.billing.bindings import PLACES
from worker.errors import Finding, Severity
from worker.validation.files.chorus import is_credit_note
from worker.validation.files.xpaths import Group, TooLong
from worker.validation.first_findings import Fault, located, placed
from worker.validation.official.french import in_french

DUE, CURRENCY = "BR-CO-25", "PEPPOL-EN16931-R005"
REQUIRED = {"BT-1": "BR-02", "BT-27": "BR-06", "BT-44": "BR-07"}
REQUIRED_OF_LINES = {"BT-126": "BR-21", "BT-153": "BR-25"}


def left_out(tree: etree._ElementTree) -> tuple[Finding, ...]:
    """What breaks such a rule in a document that its schema accepts: a bounded list."""
    return placed(_broken(Group.of_root(tree.getroot())), located)


def _broken(root: Group) -> Iterator[Fault]:
    yield from _blank(root, REQUIRED)
    for line in root.all("BG-25"):
        yield from _blank(line, REQUIRED_OF_LINES)
    for currency in root.at(PLACES["BT-6"]):
        if root.text("BT-6") == root.text("BT-5"):
            yield _warning(CURRENCY), currency
    told = any(node.element.text for term in ("BT-9", "BT-20") for node in root.all(term))
    for totals in root.all("BG-22"):
        if not told and not is_credit_note(root) and _is_due(totals):
            yield _warning(DUE), totals.element


def _blank(group: Group, required: dict[str, str]) -> Iterator[Fault]:
    for term, rule in required.items():
        for node in group.at(PLACES[term]):
            if not (node.text or "").strip():
                yield _warning(rule), node


def _is_due(totals: Group) -> bool:
    try:
        return totals.amount("BT-115") > 0
    except TooLong:
        return False  # told as AMOUNT-LENGTH


def _warning(rule: str) -> Finding:
    message, remedy = in_french(rule, "")
    return Finding(code=rule, message=message, remedy=remedy, severity=Severity.WARNING)
