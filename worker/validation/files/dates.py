"""Dates outside the calendar: plain text for the XSD of CII; for that of UBL, any year at all."""

import re
from collections.abc import Iterator
from datetime import date

from lxml import etree

from worker.errors import Finding, Severity
from worker.validation.files.xpaths import elements
from worker.validation.first_findings import Fault, located, placed
from worker.validation.paths import shorten
from worker.validation.wording import worded

_DATES = "//*[local-name()='DateTimeString' or local-name()='DateString'][@format='102']"
_UBL_DATES = "//cbc:*[substring(local-name(), string-length(local-name()) - 3) = 'Date']"
_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_DASHED = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_ZONE = re.compile(r"(?:Z|[+-]\d\d:\d\d)$", re.ASCII)
"""What ``xs:date`` takes behind a day; the schema has bounded its hours."""


def wrong_dates(tree: etree._ElementTree) -> tuple[Finding, ...]:
    """The dates of UBL, and of format 102 in CII (YYYYMMDD), that are not in the calendar.

    Four digits for the year. A time zone is a warning: it is a day, which receivers read
    differently.

    Args:
        tree: a document that its schema accepts.

    Returns:
        A bounded list (first_findings.py).
    """
    return placed(_wrong(tree), located)


def _wrong(tree: etree._ElementTree) -> Iterator[Fault]:
    for code, path, form in (
        ("CII-DATE", _DATES, _DIGITS),
        ("UBL-DATE", _UBL_DATES, _DASHED),
    ):
        for node in elements(tree.getroot(), path):
            written = (node.text or "").strip()
            day = _ZONE.sub("", written) if form is _DASHED else written
            if not _is_date(form.fullmatch(day)):
                yield worded(code, "wrong", value=shorten(written)), node
            elif day != written:
                finding = worded(code, "zone", severity=Severity.WARNING, value=shorten(written))
                yield finding, node


def _is_date(match: re.Match[str] | None) -> bool:
    try:
        return match is not None and bool(date(*map(int, match.groups())))
    except ValueError:
        return False
