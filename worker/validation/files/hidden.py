"""Signs that hide in a text, or turn it round: XML takes them, and a reader does not see them."""

import re
from collections.abc import Iterator

from lxml import etree

from worker.billing.text import HIDDEN, hidden_in_french
from worker.errors import Finding, Severity
from worker.validation.first_findings import Fault, located, placed
from worker.validation.paths import short
from worker.validation.wording import worded

_HIDDEN = re.compile(f"[{HIDDEN}]")


def hidden_signs(tree: etree._ElementTree) -> tuple[Finding, ...]:
    """A warning for each element whose text is not what is read (``billing/text``); bounded."""
    return placed(_faults(tree), located)


def _faults(tree: etree._ElementTree) -> Iterator[Fault]:
    for element in tree.iter("{*}*"):
        if element.text and (sign := _HIDDEN.search(element.text)):
            yield (
                worded(
                    "TEXT-HIDDEN",
                    severity=Severity.WARNING,
                    element=short(element.tag),
                    sign=hidden_in_french(sign[0]),
                ),
                element,
            )
