"""Chorus Pro's limits on the facts of an invoice file, wherever its syntax puts them.

The mapping is that of EN 16931 (docs/documents.md). It is for files that others made, too: it
reads only what has a limit, and leaves structure to the schemas.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from lxml import etree
from lxml.etree import _Element

from worker.billing import bindings
from worker.billing.bindings import PLACES, Place
from worker.billing.standard import CREDIT_NOTE
from worker.errors import Finding, Severity, has_blocking
from worker.validation import Report, RuleSet, value_limits
from worker.validation.files.xpaths import Group
from worker.validation.first_findings import Fault, placed
from worker.validation.value_limits import TRANSFER_CODES, Limit, broken
from worker.validation.wording import worded

MEGABYTE = 1_000_000
FACTS_VERSION = "1.1"
_SIRET = "[@schemeID='0009' or @schemeName='1']"
"""Which identifiers of a party are its SIRET in UBL; it may have others, a GLN for one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value with a limit, and where it stands; ``by_scheme``: another limit for its scheme."""

    limit: Limit
    place: Place
    of: str = ""
    required: bool = False
    by_scheme: Mapping[str, Limit] = field(default_factory=dict)


def _sirets(term: str) -> Place:
    place = PLACES[term]
    return replace(place, ubl=place.ubl + _SIRET)


FRAMEWORK = Fact(value_limits.FRAMEWORK, PLACES["BT-23"])
TYPE = Fact(value_limits.TYPE_CODE, PLACES["BT-3"])
PAYMENT_CODE = Fact(value_limits.PAYMENT_CODE, PLACES["BT-81"])
ACCOUNT = Fact(value_limits.IBAN_ACCOUNT, PLACES["BT-84"])
ATTACHMENT = Fact(
    value_limits.ATTACHMENT_NAME,
    Place(
        f"{PLACES['BG-24'].ubl}/{PLACES['BT-125'].ubl}[@filename]",
        f"{PLACES['BG-24'].cii}/{PLACES['BT-125'].cii}[@filename]",
    ),
)
GROSS_PRICE = Place(
    # UBL's own schema demands the amount.
    "",
    f"{PLACES['BG-25'].cii}/ram:SpecifiedLineTradeAgreement/ram:GrossPriceProductTradePrice"
    "[not(ram:AppliedTradeAllowanceCharge/ram:ActualAmount)]",
)
"""Gross prices (BT-148) without their discount (BT-147)."""
QUANTITY = Fact(
    value_limits.QUANTITY,
    Place(
        "cac:InvoiceLine/cbc:InvoicedQuantity | cac:CreditNoteLine/cbc:CreditedQuantity",
        # Of every line, even those that the calculation leaves out.
        "rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem/"
        f"{PLACES['BT-129'].cii}",
    ),
)
FACTS = (
    Fact(value_limits.NUMBER, PLACES["BT-1"], required=True),
    TYPE,
    FRAMEWORK,
    Fact(value_limits.CURRENCY, PLACES["BT-5"], required=True),
    Fact(value_limits.SERVICE_CODE, PLACES["BT-10"]),
    Fact(value_limits.ENGAGEMENT, PLACES["BT-13"]),
    Fact(value_limits.CONTRACT, PLACES["BT-12"]),
    Fact(
        value_limits.SIRET,
        PLACES["BT-30"],
        of="du vendeur (BT-30)",
        required=True,
        by_scheme=value_limits.FOREIGN_SELLERS,
    ),
    Fact(value_limits.SIRET, _sirets("BT-29"), of="du vendeur (BT-29)"),
    Fact(value_limits.SIRET, PLACES["BT-47"], of="de l'acheteur (BT-47)", required=True),
    Fact(value_limits.SIRET, _sirets("BT-46"), of="de l'acheteur (BT-46)"),
    Fact(value_limits.NAME, PLACES["BT-27"], of="du vendeur (BT-27)", required=True),
    Fact(value_limits.NAME, PLACES["BT-44"], of="de l'acheteur (BT-44)", required=True),
    PAYMENT_CODE,
    ACCOUNT,
    QUANTITY,
)


def check_facts(tree: etree._ElementTree) -> Report:
    """Check an invoice in UBL or CII against the limits of Chorus Pro.

    Args:
        tree: the document; its root must be of one of the two syntaxes.
    """
    root = Group.of_root(tree.getroot())
    # Lines are as many as their author likes: their findings are bounded, those of presence few.
    findings = placed(_limits(root), _placed) + tuple(_presence(root))
    return Report(rule_set=rule_set(), valid=not has_blocking(findings), findings=findings)


def check_flow(size: int) -> Iterator[Finding]:
    """What Chorus Pro says of a file of so many bytes."""
    limit, value = value_limits.MAX_FLOW // MEGABYTE, f"{size / MEGABYTE:.1f}".replace(".", ",")
    if size > value_limits.MAX_FLOW:
        yield worded("CHORUS-FLOW", "over", value=value, limit=limit)
    elif size > value_limits.MAX_FLUX:
        yield worded("CHORUS-FLOW", "near", severity=Severity.WARNING, value=value, limit=limit)


def is_credit_note(root: Group) -> bool:
    """Whether the type of a document in UBL or CII (BT-3) is that of a credit note."""
    return CREDIT_NOTE in {node.text for node in root.at(TYPE.place)}


@cache
def rule_set() -> RuleSet:
    """These limits, as recorded beside a verdict."""
    return RuleSet.of_sources(
        "Limites de Chorus Pro sur un fichier",
        FACTS_VERSION,
        __file__,
        value_limits.__file__,
        bindings.__file__,
        bindings.__file__.removesuffix("py") + "toml",
    )


def _limits(root: Group) -> Iterator[Fault]:
    for fact in FACTS:
        for node in root.at(fact.place):
            limit = fact.by_scheme.get(node.get("schemeID", ""), fact.limit)
            for finding in broken(limit, node.text or "", of=fact.of):
                yield finding, node
    for node in root.at(ATTACHMENT.place):
        for finding in broken(ATTACHMENT.limit, node.get("filename", "")):
            yield finding, node
    if root.cii:
        for node in root.at(GROSS_PRICE):
            yield worded("CHORUS-GROSS-PRICE"), node


def _presence(root: Group) -> Iterator[Finding]:
    for fact in FACTS:
        if fact.required and not root.at(fact.place):
            yield _missing(fact, root)
    if not root.at(FRAMEWORK.place):
        yield Finding(
            code=value_limits.FRAMEWORK.code,
            message=f"{value_limits.FRAMEWORK.subject} est absent : Chorus Pro suppose A1.",
            remedy=value_limits.FRAMEWORK.remedy,
            severity=Severity.WARNING,
            where=root.path(FRAMEWORK.place),
        )
    codes = {node.text for node in root.at(PAYMENT_CODE.place)}
    credit_note = is_credit_note(root)
    if not codes and not credit_note:
        yield _missing(PAYMENT_CODE, root)
    if codes and credit_note:
        yield worded(value_limits.PAYMENT_CODE.code, where=root.path(PAYMENT_CODE.place))
    if codes & TRANSFER_CODES and not root.at(ACCOUNT.place):
        yield _missing(ACCOUNT, root)


def _missing(fact: Fact, root: Group) -> Finding:
    return Finding(
        code=fact.limit.code,
        message=f"{fact.limit.subject} {fact.of}".rstrip() + " est absent.",
        remedy=fact.limit.remedy,
        where=root.path(fact.place),
    )


def _placed(finding: Finding, node: _Element) -> Finding:
    where = f"{node.getroottree().getpath(node)}, ligne {node.sourceline}"
    return replace(finding, where=where)
