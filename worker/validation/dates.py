"""The dates of a CII document, which no official rule of Factur-X reads: XSD sees plain text."""

from collections.abc import Iterator
from datetime import date

from lxml import etree
from lxml.etree import _Element

from worker.findings import Finding
from worker.validation.paths import shorten, where

_DATES = "//*[local-name()='DateTimeString' or local-name()='DateString'][@format='102']"


def wrong_dates(tree: etree._ElementTree) -> Iterator[Finding]:
    """Every date of format 102 (YYYYMMDD) that is not in the calendar."""
    found = tree.xpath(_DATES)
    for node in found if isinstance(found, list) else ():
        if not isinstance(node, _Element) or _is_date(node.text or ""):
            continue
        yield Finding(
            code="CII-DATE",
            message=f"« {shorten(node.text or '')} » n'est pas une date du calendrier.",
            remedy="Écrivez l'année, le mois et le jour, en huit chiffres : AAAAMMJJ.",
            where=where(node),
            value=shorten(node.text or ""),
        )


def _is_date(text: str) -> bool:
    digits = text.strip()
    if not (len(digits) == 8 and digits.isascii() and digits.isdigit()):
        return False
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
