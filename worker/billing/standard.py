"""What EN 16931 and its French dialects name, as values: namespaces, profiles (BT-24), rule sets.

Shared by what writes a document (``formats``) and what checks it (``validation``).
"""

import re
from enum import StrEnum

NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "ubl": "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    "cn": "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "ext": "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2",
}
"""Of UN/CEFACT CII D22B and OASIS UBL 2.1, by their usual prefix."""
CII_ROOT = f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice"
UBL_INVOICE_ROOT = f"{{{NAMESPACES['ubl']}}}Invoice"
UBL_CREDIT_NOTE_ROOT = f"{{{NAMESPACES['cn']}}}CreditNote"

EN16931 = "urn:cen.eu:en16931:2017"
EXTENDED_CTC_FR = f"{EN16931}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
FACTURX_EXTENDED = f"{EN16931}#conformant#urn:factur-x.eu:1p0:extended"
"""BT-24 of the reform's dialect inside a PDF: with the one above, Factur-X 1.09.2 takes the XML for
a bare CII (FX-SCH-A-000636)."""


CREDIT_NOTE = "381"
"""BT-3."""
AGREED_PRICE = "Prix TTC par utilisateur et par mois (EUR)"
"""BT-160 of the price that the convention sets: EN 16931 has no term for a price with taxes."""
AGREED_PRICES = re.compile(r"Prix TTC (?:par \D.*|pour (?P<units>[0-9]+)\s.+) \(EUR\)")
"""BT-160 of any agreed price: of one unit, of a user and month, or of several units."""


class Schema(StrEnum):
    """The XSDs, by the name that reports record."""

    UBL_INVOICE = "ubl-invoice"
    UBL_CREDIT_NOTE = "ubl-credit-note"
    CHORUS_UBL_INVOICE = "chorus-ubl-invoice"
    """Our own: what Chorus Pro demands beyond UBL. It supposes UBL_INVOICE."""
    FACTURX_MINIMUM = "facturx-minimum"
    FACTURX_BASIC_WL = "facturx-basic-wl"
    FACTURX_BASIC = "facturx-basic"
    FACTURX_EN16931 = "facturx-en16931"
    FACTURX_EXTENDED = "facturx-extended"
    CII = "cii-d22b"


class Sheet(StrEnum):
    """The Schematrons; the value is the key of ``official.toml``.

    Each supposes a schema: it must only be given documents that the schema has accepted.
    """

    EN16931_UBL = "en16931-ubl"
    EN16931_CII = "en16931-cii"
    EXTENDED_CTC_FR_UBL = "extended-ctc-fr-ubl"
    BR_FR_UBL = "br-fr-ubl"
    FACTURX_MINIMUM = "facturx-minimum-rules"
    FACTURX_BASIC_WL = "facturx-basic-wl-rules"
    FACTURX_BASIC = "facturx-basic-rules"
    FACTURX_EN16931 = "facturx-en16931-rules"
    FACTURX_EXTENDED = "facturx-extended-rules"
    EXTENDED_CTC_FR_CII = "extended-ctc-fr-cii"
    BR_FR_CII = "br-fr-cii"


class DepositSyntax(StrEnum):
    """How a deposited file is written, in the terms of no portal."""

    FACTURX = "facturx"
    CII = "cii"
    UBL = "ubl"


Rules = Schema | Sheet
"""Any official rule set."""
