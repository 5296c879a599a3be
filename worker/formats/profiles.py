"""What a document claims to conform to, as values: a new dialect is a new value here.

One EN 16931 invoice exists in several dialects in France; they differ by what stands in BT-23,
BT-24 and the schemes of the parties' identifiers, not by their structure (docs/documents.md).
"""

from dataclasses import dataclass

from worker.document import DocumentKind

EN16931 = "urn:cen.eu:en16931:2017"
SUPPLIER_INVOICE = "A1"
"""Cadre de facturation: an invoice deposited by a supplier. Chorus Pro refuses S1, M1… here."""
ICD_SIRET = "0009"
"""ISO 6523 code of the SIRET."""
ICD_SIRENE = "0002"
"""ISO 6523 code of the Sirene register; in direct deposit it carries a SIRET too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A dialect of the standard in one syntax.

    Attributes:
        name: recorded beside each document.
        syntax: ``DocumentKind.CII`` or ``DocumentKind.UBL``.
        business_process: BT-23.
        customization: BT-24.
        party_scheme: scheme of BT-29 and BT-46.
        legal_scheme: scheme of BT-30 and BT-47.
    """

    name: str
    syntax: DocumentKind
    business_process: str
    customization: str
    party_scheme: str
    legal_scheme: str


FACTURX_DIRECT = Profile(
    name="facturx-direct",
    syntax=DocumentKind.CII,
    business_process=SUPPLIER_INVOICE,
    customization=EN16931,
    party_scheme=ICD_SIRET,
    legal_scheme=ICD_SIRENE,
)
"""Deposited by default: Factur-X in direct deposit (IN_DP_E2_CII_FACTURX)."""

EN16931_UBL = Profile(
    name="en16931-ubl",
    syntax=DocumentKind.UBL,
    business_process=SUPPLIER_INVOICE,
    customization=EN16931,
    party_scheme=ICD_SIRET,
    legal_scheme=ICD_SIRENE,
)
"""The same invoice in UBL 2.1. Whether direct deposit takes it is not established."""
