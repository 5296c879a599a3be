"""Dates outside the calendar: plain text for the XSD of CII; for that of UBL, any year at all."""

from collections.abc import Iterator
from datetime import date

from lxml import etree
from lxml.etree import _Element

from worker.billing.standard import NAMESPACES
from worker.errors import Finding
from worker.validation.first_findings import Fault, placed
from worker.validation.paths import shorten

_DATES = "//*[local-name()='DateTimeString' or local-name()='DateString'][@format='102']"
_UBL_DATES = "//cbc:*[substring(local-name(), string-length(local-name()) - 3) = 'Date']"


def wrong_dates(tree: etree._ElementTree) -> tuple[Finding, ...]:
    """The dates of UBL, and of format 102 in CII (YYYYMMDD), that are not in the calendar.

    Four digits for the year, and no time zone: receivers differ on any other form.

    Args:
        tree: a document that its schema accepts.

    Returns:
        A bounded list (first_findings.py).
    """
    return placed(_wrong(tree))


def _wrong(tree: etree._ElementTree) -> Iterator[Fault]:
    for code, path, separator, remedy in (
        ("CII-DATE", _DATES, "", "Écrivez l'année, le mois et le jour, en huit chiffres."),
        ("UBL-DATE", _UBL_DATES, "-", "Écrivez AAAA-MM-JJ, sans fuseau horaire."),
    ):
        found = tree.xpath(path, namespaces=NAMESPACES)
        for node in found if isinstance(found, list) else ():
            if isinstance(node, _Element) and not _is_date((node.text or "").strip(), separator):
                yield _wrong_date(code, node, remedy), node


def _wrong_date(code: str, node: _Element, remedy: str) -> Finding:
    return Finding(
        code=code,
        message=f"« {shorten(node.text or '')} » n'est pas une date du calendrier.",
        remedy=remedy,
        value=shorten(node.text or ""),
    )


def _is_date(text: str, separator: str) -> bool:
    digits = text.replace("-", "") if separator and len(text) == 10 else text
    if separator and (len(text) != 10 or text[4] != "-" or text[7] != "-"):
        return False
    if not (len(digits) == 8 and digits.isascii() and digits.isdigit()):
        return False
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
