"""What a document claims to conform to, as values: a new dialect is a new value here.

One EN 16931 invoice exists in several dialects in France; they differ by what stands in BT-23,
BT-24, the identifiers of the parties and the notes, not by their structure (docs/documents.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from worker.billing.document import DocumentKind
from worker.billing.standard import (
    EN16931,
    EXTENDED_CTC_FR,
    FACTURX_EXTENDED,
    DepositSyntax,
    Rules,
    Schema,
    Sheet,
)

SUPPLIER_INVOICE = "A1"
"""Cadre de facturation: an invoice deposited by a supplier. Chorus Pro refuses S1, M1… here."""
SERVICES = "S1"
"""The reform's framework for the deposit of an invoice of services (BR-FR-08)."""
ICD_SIRENE = "0002"
"""ISO 6523 code of the Sirene register; in direct deposit it carries a SIRET too."""
ICD_SIRET = "0009"
"""ISO 6523 code of the SIRET."""
ICD_ROUTING = "0224"
"""Code of the *code routage*, a public body's code service (BR-FR-CPRO-11)."""
ICD_CTC = "0225"
"""Code of the reform's electronic addresses (BR-FR-12, BR-FR-13)."""
NATIVE_SIRET = "1"
"""``schemeName`` of a SIRET in Chorus Pro's own UBL, older than EN 16931."""


class Syntax(StrEnum):
    """How the invoice is written."""

    CII = "cii"
    """UN/CEFACT Cross Industry Invoice D22B: root ``CrossIndustryInvoice``."""
    UBL = "ubl"
    """OASIS UBL 2.1: root ``Invoice`` or ``CreditNote``."""
    CHORUS_UBL = "chorus-ubl"
    """UBL 2.1 in Chorus Pro's native dialect: root ``Invoice``, even for a credit note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A dialect of the standard in one syntax.

    Attributes:
        name: recorded beside each document.
        kind: of the XML file.
        pdf: of the Factur-X that carries the XML, or None.
        business_process: BT-23.
        customization: BT-24; empty in the native dialect, which is older than it.
        rules: what the XML must satisfy, all of it, before anything is stored.
        credit_note_rules: the same for a credit note: another root in UBL, and no means of payment
            for Chorus Pro.
        deposit_syntax: as what its file is deposited; None when it is not deposited.
        conformance_level: of the Factur-X, in its XMP.
        legal_siren: whether BT-30 and BT-47 are the SIREN, else the SIRET.
        routing_code: whether the code service also stands in BT-46.
        electronic_addresses: whether BT-34 and BT-49 are given.
        legal_notes: whether the coded notes (PMT, PMD, AAB) are given.
        line_reasons: whether a line without VAT repeats the reason of its breakdown.
        attachments: whether the XML holds the attachments (BG-24); a Factur-X has them beside it.
        coded_attachments: whether BT-123 is a code of BR-FR-17, else a French sentence.
    """

    name: str
    syntax: Syntax
    kind: DocumentKind
    pdf: DocumentKind | None = None
    business_process: str
    customization: str
    rules: tuple[Rules, ...]
    credit_note_rules: tuple[Rules, ...]
    deposit_syntax: DepositSyntax | None = None
    conformance_level: str = "EN 16931"
    legal_siren: bool = False
    routing_code: bool = False
    electronic_addresses: bool = False
    legal_notes: bool = False
    line_reasons: bool = False
    attachments: bool = False
    coded_attachments: bool = False

    def rules_of(self, *, credit_note: bool) -> tuple[Rules, ...]:
        """What the XML of an invoice or of a credit note must satisfy."""
        return self.credit_note_rules if credit_note else self.rules


_FACTURX = (Schema.FACTURX_EN16931, Sheet.FACTURX_EN16931)
_CTC_UBL = (Sheet.EXTENDED_CTC_FR_UBL, Sheet.BR_FR_UBL)
_CTC_CII = (
    Schema.FACTURX_EXTENDED,
    Schema.CII,
    Sheet.FACTURX_EXTENDED,
    Sheet.EXTENDED_CTC_FR_CII,
    Sheet.BR_FR_CII,
)

FACTURX_DIRECT = Profile(
    name="facturx-direct",
    syntax=Syntax.CII,
    kind=DocumentKind.CII,
    pdf=DocumentKind.FACTURX,
    business_process=SUPPLIER_INVOICE,
    customization=EN16931,
    rules=_FACTURX,
    credit_note_rules=_FACTURX,
    deposit_syntax=DepositSyntax.FACTURX,
)
"""Deposited by default: Factur-X in direct deposit (IN_DP_E2_CII_FACTURX)."""

EN16931_UBL = Profile(
    name="en16931-ubl",
    syntax=Syntax.UBL,
    kind=DocumentKind.UBL,
    business_process=SUPPLIER_INVOICE,
    customization=EN16931,
    rules=(Schema.UBL_INVOICE, Schema.CHORUS_UBL_INVOICE, Sheet.EN16931_UBL),
    credit_note_rules=(Schema.UBL_CREDIT_NOTE, Sheet.EN16931_UBL),
)
"""The same invoice in UBL 2.1, for programs. Whether direct deposit takes it is not established."""

CHORUS_E1_UBL = Profile(
    name="chorus-e1-ubl",
    syntax=Syntax.CHORUS_UBL,
    kind=DocumentKind.CHORUS_E1_UBL,
    attachments=True,
    business_process=SUPPLIER_INVOICE,
    customization="",
    rules=(Schema.UBL_INVOICE, Schema.CHORUS_UBL_INVOICE),
    credit_note_rules=(Schema.UBL_INVOICE,),
)
"""Chorus Pro's own UBL (IN_DP_E1_UBL_INVOICE), as far as public writers show it."""

CTC_FR_UBL = Profile(
    name="ctc-fr",
    syntax=Syntax.UBL,
    kind=DocumentKind.CTC_UBL,
    business_process=SERVICES,
    customization=EXTENDED_CTC_FR,
    rules=(Schema.UBL_INVOICE, *_CTC_UBL),
    credit_note_rules=(Schema.UBL_CREDIT_NOTE, *_CTC_UBL),
    legal_siren=True,
    routing_code=True,
    electronic_addresses=True,
    legal_notes=True,
    line_reasons=True,
    attachments=True,
    coded_attachments=True,
)
"""The reform's dialect in UBL, for a *plateforme agréée*."""

CTC_FR_FACTURX = Profile(
    name="ctc-fr",
    syntax=Syntax.CII,
    kind=DocumentKind.CTC_CII,
    pdf=DocumentKind.CTC_FACTURX,
    business_process=SERVICES,
    customization=FACTURX_EXTENDED,
    rules=_CTC_CII,
    credit_note_rules=_CTC_CII,
    conformance_level="EXTENDED",
    legal_siren=True,
    routing_code=True,
    electronic_addresses=True,
    legal_notes=True,
    line_reasons=True,
)
"""The reform's dialect in CII, inside a Factur-X."""

ALWAYS: tuple[Profile, ...] = (FACTURX_DIRECT, EN16931_UBL)
"""Made for every invoice."""
ON_DEMAND: Mapping[str, tuple[Profile, ...]] = {
    "chorus-e1-ubl": (CHORUS_E1_UBL,),
    "ctc-fr": (CTC_FR_UBL, CTC_FR_FACTURX),
}
"""Made too when the configuration asks for them, by the name it uses."""
