"""What a document claims to be, hence the rules it must pass.

The claim is the root element and BT-24. A claim whose rules we do not have never passes for a
successful check: it comes with a finding that blocks.
"""

import re
from dataclasses import dataclass, replace

from lxml import etree

from worker.billing.bindings import PLACES
from worker.billing.standard import (
    CII_ROOT,
    EN16931,
    EXTENDED_CTC_FR,
    FACTURX_EXTENDED,
    NAMESPACES,
    UBL_CREDIT_NOTE_ROOT,
    UBL_INVOICE_ROOT,
    Rules,
    Schema,
    Sheet,
)
from worker.errors import Finding, Severity, has_blocking
from worker.validation.files.xpaths import Group
from worker.validation.wording import worded

UBL_RULES: tuple[Rules, ...] = (Schema.UBL_INVOICE, Sheet.EN16931_UBL)
CII_RULES: tuple[Rules, ...] = (Schema.CII, Sheet.EN16931_CII)
FACTURX_RULES: tuple[Rules, ...] = (Schema.FACTURX_EN16931, Sheet.FACTURX_EN16931)
CTC_UBL_RULES: tuple[Rules, ...] = (Sheet.EXTENDED_CTC_FR_UBL, Sheet.BR_FR_UBL)
CTC_CII_RULES: tuple[Rules, ...] = (Schema.CII, Sheet.EXTENDED_CTC_FR_CII, Sheet.BR_FR_CII)
FACTURX_EXTENDED_RULES: tuple[Rules, ...] = (Schema.FACTURX_EXTENDED, Sheet.FACTURX_EXTENDED)

_CII: dict[str, tuple[Rules, ...]] = {
    "urn:factur-x.eu:1p0:minimum": (Schema.FACTURX_MINIMUM, Sheet.FACTURX_MINIMUM),
    "urn:factur-x.eu:1p0:basicwl": (Schema.FACTURX_BASIC_WL, Sheet.FACTURX_BASIC_WL),
    f"{EN16931}#compliant#urn:factur-x.eu:1p0:basic": (Schema.FACTURX_BASIC, Sheet.FACTURX_BASIC),
    FACTURX_EXTENDED: FACTURX_EXTENDED_RULES,
    EXTENDED_CTC_FR: CTC_CII_RULES,
}
_CIUS = re.compile(rf"{re.escape(EN16931)}(?:#compliant#[^#]+)+")
"""A use of EN 16931 that restricts it; what follows ``#conformant#`` extends it."""
_UBL_ROOTS = {
    UBL_INVOICE_ROOT: Schema.UBL_INVOICE,
    UBL_CREDIT_NOTE_ROOT: Schema.UBL_CREDIT_NOTE,
}
_OF_THE_REFORM = (
    f"boolean({PLACES['BT-23'].cii}"
    "[string-length(.) = 2 and contains('BSM', substring(., 1, 1))"
    " and contains('123456789', substring(., 2, 1))]"
    " | rsm:ExchangedDocument/ram:IncludedNote[ram:SubjectCode = 'ADN']"
    " | //ram:URIUniversalCommunication/ram:URIID[@schemeID = '0225'])"
)
"""How the reform's dialect shows inside a Factur-X EXTENDED, whose BT-24 does not say it: its
framework (BR-FR-08), its coded note ADN, or an electronic address of its directory (BR-FR-12).
PMT, PMD and AAB do not tell: French invoices had them before."""
_NATIVE = "boolean(//cac:PartyIdentification/cbc:ID[@schemeName = '1'])"
"""How Chorus Pro's own UBL marks a SIRET; EN 16931 has no such attribute."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a document says it follows.

    Attributes:
        profile: BT-24 as written, empty when absent.
        rules: what to run, the schema first.
        findings: what these rules leave unchecked; a blocking one: they cannot conclude.
        native: whether it is in Chorus Pro's own UBL, older than EN 16931.
    """

    profile: str
    rules: tuple[Rules, ...]
    findings: tuple[Finding, ...] = ()
    native: bool = False

    @property
    def conclusive(self) -> bool:
        """Whether these rules are all that it must pass."""
        return not has_blocking(self.findings)


def read_claim(tree: etree._ElementTree, *, hybrid: bool = False) -> Claim:
    """The rules that a UBL or CII document must pass by its own account.

    Args:
        tree: the document.
        hybrid: whether it stands inside a PDF: a CII of EN 16931 is then a Factur-X.

    Raises:
        ValueError: when its root is of neither syntax.
    """
    root = tree.getroot()
    profile = Group.of_root(root).text("BT-24")
    if schema := _UBL_ROOTS.get(str(root.tag)):
        if not profile and root.xpath(_NATIVE, namespaces=NAMESPACES):
            return Claim(profile, (schema,), (worded("CLAIM-NATIVE"),), native=True)
        return _ubl(schema, profile)
    if root.tag == CII_ROOT:
        claim = _cii(profile, hybrid=hybrid)
        if profile == FACTURX_EXTENDED and root.xpath(_OF_THE_REFORM, namespaces=NAMESPACES):
            return replace(claim, rules=(*FACTURX_EXTENDED_RULES, *CTC_CII_RULES))
        return claim
    raise ValueError(f"neither UBL nor CII: {root.tag!s}")


def _ubl(schema: Schema, profile: str) -> Claim:
    if profile == EXTENDED_CTC_FR:
        # An extension: EN 16931's own rules refuse what it adds (two identifiers of a buyer).
        return Claim(profile, (schema, *CTC_UBL_RULES))
    rules: tuple[Rules, ...] = (schema, Sheet.EN16931_UBL)
    if profile in {"", EN16931}:
        # Without BT-24, the first rule of EN 16931 (BR-01) says so.
        return Claim(profile, rules)
    if _CIUS.fullmatch(profile):
        return Claim(profile, rules, (_own_rules(profile),))
    return Claim(profile, (schema,), (_without_rules(profile),))


def _cii(profile: str, *, hybrid: bool) -> Claim:
    if rules := _CII.get(profile):
        return Claim(profile, rules)
    if not profile:
        # As in UBL, BR-01 says so.
        return Claim(profile, CII_RULES)
    if profile == EN16931:
        return Claim(profile, FACTURX_RULES if hybrid else CII_RULES)
    if _CIUS.fullmatch(profile):
        return Claim(profile, CII_RULES, (_own_rules(profile),))
    return Claim(profile, (Schema.CII,), (_without_rules(profile),))


def _own_rules(profile: str) -> Finding:
    return worded("CLAIM-OWN-RULES", severity=Severity.WARNING, value=profile[:120])


def _without_rules(profile: str) -> Finding:
    said = f"le profil « {profile[:120]} »" if profile else "aucun profil (BT-24)"
    return worded("CLAIM-UNKNOWN", value=profile[:120], profile=said)
