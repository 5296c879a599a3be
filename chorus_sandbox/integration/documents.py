"""Reads the invoice of a flux: Factur-X, CII or UBL. Files are taken for hostile."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from lxml import etree

from chorus_sandbox.integration import schemas
from chorus_sandbox.integration.dialects import DIALECTS, Dialect
from chorus_sandbox.ledger.records import TechnicalError

EMBEDDED_NAME = "factur-x.xml"
LARGEST_XML = 30 * 1024 * 1024
"""Most bytes of XML read, as deposited or once taken out of a PDF."""

_LONGEST_TEXT = 300


class Inadmissible(Exception):
    """The file cannot be read as its syntax wants.

    Attributes:
        errors: the lines of ``listeErreurTechnique``.
    """

    def __init__(self, *errors: TechnicalError) -> None:
        super().__init__(*(error.text for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What an invoice says, as text, before any control. Empty text when a field is absent."""

    tags: Mapping[str, str]  # see `Dialect.tags`
    number: str  # BT-1
    issued_on: date | None  # BT-2, none when absent or no date
    type_code: str  # BT-3
    framework: str  # BT-23
    seller: str  # BT-30
    buyer: str  # BT-47
    service: str  # BT-10
    engagement: str  # BT-13
    contract: str  # BT-12
    preceding: str  # BT-25
    currency: str  # BT-5
    means: tuple[str, ...]  # BT-81, every one
    accounts: tuple[str, ...]  # BT-84, every account number, IBAN or not
    net: str  # BT-109
    gross: str  # BT-112
    due: str  # BT-115


def read(syntax: str, content: bytes) -> Read:
    """The invoice of a flux of the given ``syntaxeFlux``, valid for its XSD.

    Raises:
        Inadmissible: no such file, or not valid.
    """
    tree, dialect = parse(syntax, content)
    errors = tuple(_xsd_error(*found) for found in schemas.violations(tree, dialect.schema))
    if errors:
        raise Inadmissible(*errors)
    return _fields(tree.getroot(), dialect)


def parse(syntax: str, content: bytes) -> tuple[etree._ElementTree, Dialect]:
    """The XML of a flux of the given ``syntaxeFlux``, not yet checked against its XSD.

    Raises:
        Inadmissible: no such file, or no XML.
    """
    dialect = DIALECTS.get(syntax)
    if dialect is None:
        raise unreadable(f"la syntaxe {syntax} n'est pas simulee")
    in_pdf = dialect.schema == schemas.FACTUR_X
    return _parse_xml(_embedded_xml(content) if in_pdf else content), dialect


def _parse_xml(content: bytes) -> etree._ElementTree:
    if len(content) > LARGEST_XML:
        raise unreadable("fichier XML trop volumineux")
    # No entity is expanded, no DTD or network address is read; libxml2 bounds depth and text.
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    try:
        tree = etree.ElementTree(etree.fromstring(content, parser))
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Inadmissible(_xsd_error(error.msg or "XML mal forme", line, column)) from error
    except ValueError as error:
        raise Inadmissible(_xsd_error(str(error), 1, 1)) from error
    if tree.docinfo.doctype:  # type: ignore[attr-defined] # the stubs forget it
        raise unreadable("declaration DOCTYPE refusee")
    return tree


def _fields(root: etree._Element, dialect: Dialect) -> Read:
    found = {name: texts_at(root, path, dialect) for name, path in dialect.paths.items()}
    values: dict[str, Any] = {name: next(iter(texts), "") for name, texts in found.items()}
    values["issued_on"] = _read_day(values["issued_on"])
    lists = {name: found[name] for name in ("means", "accounts")}
    return Read(tags=dialect.tags, **values | lists)


def texts_at(element: etree._Element, path: str, dialect: Dialect) -> tuple[str, ...]:
    """The texts an XPath finds from an element, of elements or attributes."""
    found = element.xpath(path, namespaces=dict(dialect.namespaces))
    return tuple(
        (item if isinstance(item, str) else item.text or "").strip()
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, str | etree._Element)  # noqa: SLF001 - lxml gives it no other name
    )


def _read_day(text: str) -> date | None:
    """A day in either writing: ``20260914`` (CII, format 102) or ``2026-09-14`` (UBL)."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _embedded_xml(content: bytes) -> bytes:
    """The one ``factur-x.xml`` of a PDF."""
    from pypdf import PdfReader  # noqa: PLC0415 - 0.2 s, only when a PDF comes

    # pypdf meets a broken file with nearly any exception; each means the same thing here. It
    # bounds by itself what a compressed stream may become (75 MB).
    try:
        found = PdfReader(io.BytesIO(content)).attachments.get(EMBEDDED_NAME, [])
    except Exception as error:
        raise unreadable("PDF illisible") from error
    if len(found) != 1:
        raise unreadable(f"le PDF doit contenir un fichier {EMBEDDED_NAME} et un seul")
    return bytes(found[0])


def _xsd_error(message: str, line: int, column: int) -> TechnicalError:
    # Recorded shape (§4.3); the sentence itself is libxml2's, the portal's validator is another.
    return TechnicalError(
        nature="ERR_XSD",
        code="ERR_XSD_001",
        text=f"IRRECEVABILITE: {message[:_LONGEST_TEXT]} - ligne: {line} - position: {column}",
    )


def unreadable(reason: str) -> Inadmissible:
    """The refusal of a file that is not what it is said to be."""
    return Inadmissible(simulated(1, f"IRRECEVABILITE: {reason}"))


def simulated(rank: int, text: str) -> TechnicalError:
    """An error that is not recorded: nature and code are as made up as the text."""
    return TechnicalError(nature="SIMULE", code=f"SIMULE_{rank:03d}", text=f"SIMULE - {text}")
