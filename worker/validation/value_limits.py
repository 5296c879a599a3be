"""What Chorus Pro accepts in one value, whatever the place it is read from.

The same limits hold for our invoices (``rules``) and for other people's files (``facts``). Sources
are those of docs/documents.md: G… and S… are rules of the AIFE's EDI annex, BT-… terms of EN 16931.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from re import Pattern

from worker.billing.identifiers import is_valid_siret
from worker.billing.text import hidden_character
from worker.errors import Finding

PAYMENT_CODES = frozenset({"01", "10", "20", "30", "31", "42", "48", "49", "58", "59", "97"})
"""BT-81, list S2.05."""
TRANSFER_CODES = frozenset({"30", "31", "42", "58"})
"""Those that need the account to pay to (EN 16931, BR-50 and BR-61)."""
REFUSED_TYPES = frozenset({"261", "751"})
"""BT-3 values that EN 16931 knows and Chorus Pro refuses."""

MAX_ATTACHMENT = 10_000_000
"""Bytes of one attachment."""
MAX_FLUX = 20_000_000
"""Bytes of what is deposited: 30 MB with its base64, whichever way the portal counts (§5)."""
MAX_FLOW = 30_000_000
"""Bytes of what the portal takes of others; before or after base64 is unsaid (§5)."""
_EXTENSION = (
    "BMP|GIF|FAX|ODT|PPT|TIFF|XLS|BZ2|GZ|JPEG|P7S|RTF|TXT|XML|CSV|GZIP|JPG|PDF|SVG|XHTML|XLSX|DOC|"
    "HTM|ODP|PNG|TGZ|XLC|ZIP|DOCX|HTML|ODS|PPS|TIF|XLM|PPTX"
)
_NUMBER = re.compile(r"[A-Za-z0-9+_/-]{1,20}")
_SERVICE_WORD = "[0-9A-Za-zÀ-ÖØ-öø-ÿŒœŸ_-]+"
_SERVICE = re.compile(f"{_SERVICE_WORD}(?: {_SERVICE_WORD})*")
_FRAMEWORK = re.compile(r"A(?:[1-9]|1[0-9]|2[0-5])")
_FILE_NAME = re.compile(rf"(?i:[A-Z0-9_-][A-Z0-9._-]*\.(?:{_EXTENSION}))")
_QUANTITY = re.compile(r"-?[0-9]{1,10}(?:\.[0-9]{1,4}0*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one kind of value must look like.

    Attributes:
        code: of the finding when it does not.
        subject: its French name, such as ``Le code service (BT-10)``.
        remedy: what is accepted, as an instruction in French.
        accepts: the test itself.
    """

    code: str
    subject: str
    remedy: str
    accepts: Callable[[str], bool]


def broken(limit: Limit, value: str, *, where: str = "", of: str = "") -> tuple[Finding, ...]:
    """The finding when a value is not accepted, or nothing.

    Args:
        limit: the limit that applies.
        value: as it was read.
        where: the place, for people.
        of: whose value it is, in French, such as ``du vendeur``.
    """
    if limit.accepts(value):
        return ()
    subject = f"{limit.subject} {of}".strip()
    shown = value if len(value) <= 60 else value[:59] + "…"
    message = (
        f"{subject} est vide." if not value.strip() else f"{subject} est refusé : « {shown} »."
    )
    return (
        Finding(code=limit.code, message=message, remedy=limit.remedy, where=where, value=shown),
    )


def is_valid_iban(text: str) -> bool:
    """Country, length and key, written without spaces or lower case."""
    # Its tables of banks are read at import.
    from schwifty import IBAN  # noqa: PLC0415
    from schwifty.exceptions import SchwiftyException  # noqa: PLC0415

    try:
        return str(IBAN(text)) == text
    except SchwiftyException:
        return False


def _short_text(length: int) -> Callable[[str], bool]:
    return lambda text: 0 < len(text) <= length and text == text.strip()


def _whole(pattern: Pattern[str], length: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= length and pattern.fullmatch(text) is not None


NUMBER = Limit(
    code="CHORUS-NUMBER",
    subject="Le numéro de facture (BT-1)",
    remedy="20 caractères au plus, parmi les lettres sans accent, les chiffres, + _ / et -, "
    "sans espace.",
    accepts=_whole(_NUMBER, 20),
)
"""G1.05; the space that the EDI allows is not in the API's list."""
SERVICE_CODE = Limit(
    code="CHORUS-SERVICE",
    subject="Le code service (BT-10)",
    remedy="Reprenez le code de l'annuaire de Chorus Pro : 100 caractères au plus, lettres, "
    "chiffres, espace, _ ou -.",
    accepts=_whole(_SERVICE, 100),
)
"""Portal message: « le champ BuyerReference doit être alphanumérique »."""
ENGAGEMENT = Limit(
    code="CHORUS-ENGAGEMENT",
    subject="Le numéro d'engagement (BT-13)",
    remedy="Demandez à l'acheteur son numéro d'engagement : 50 caractères au plus.",
    # With an invisible character, Chorus Pro finds no such engagement.
    accepts=lambda text: _short_text(50)(text) and not hidden_character(text),
)
CONTRACT = Limit(
    code="CHORUS-CONTRACT",
    subject="La référence du marché ou de la convention (BT-12)",
    remedy="50 caractères au plus.",
    accepts=_short_text(50),
)
SIRET = Limit(
    code="CHORUS-SIRET",
    subject="Le SIRET",
    remedy="14 chiffres sans espace, clé comprise ; le SIREN seul est refusé par Chorus Pro.",
    accepts=is_valid_siret,
)
"""Direct deposit: BT-29, BT-30, BT-46 and BT-47."""
_COUNTRIES = "AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI"
_EU_VAT = re.compile(rf"(?:{_COUNTRIES})[0-9A-Z+*]{{2,13}}")


def _foreign(remedy: str, accepts: Callable[[str], bool]) -> Limit:
    subject = "L'identifiant"
    return Limit(code="CHORUS-SIRET", subject=subject, remedy=remedy, accepts=accepts)


FOREIGN_SELLERS = {
    "0223": _foreign(
        "Un numéro de TVA d'un autre État de l'Union européenne, sans espace (schéma 0223).",
        lambda text: _EU_VAT.fullmatch(text) is not None,
    ),
    "0226": _foreign("De 1 à 80 caractères, pour un particulier (schéma 0226).", _short_text(80)),
    "0227": _foreign("De 1 à 80 caractères, hors de l'Union (schéma 0227).", _short_text(80)),
    "0228": _foreign("Un numéro RIDET (schéma 0228).", _whole(re.compile(r"[0-9]{6,10}"), 10)),
    "0229": _foreign("Un numéro TAHITI (schéma 0229).", _whole(re.compile(r"[0-9A-Z]{6,9}"), 9)),
}
"""What identifies a seller who has no SIRET, by the scheme of BT-30 (BR-FR-CPRO-03)."""
NAME = Limit(
    code="CHORUS-NAME",
    subject="Le nom",
    remedy="De 1 à 99 caractères, sans espace au début ni à la fin.",
    accepts=_short_text(99),
)
"""BT-27, BT-44."""
FRAMEWORK = Limit(
    code="CHORUS-FRAMEWORK",
    subject="Le cadre de facturation (BT-23)",
    remedy="Un code de A1 à A25 : A1 pour une facture déposée par un fournisseur. Les codes de la "
    "réforme (S1, M1…) sont refusés en dépôt direct.",
    accepts=_whole(_FRAMEWORK, 3),
)
"""G1.02."""
PAYMENT_CODE = Limit(
    code="CHORUS-PAYMENT-MEANS",
    subject="Le mode de paiement (BT-81)",
    remedy="30 pour un virement ; sinon 01, 10, 20, 31, 42, 48, 49, 58, 59 ou 97.",
    accepts=PAYMENT_CODES.__contains__,
)
"""S2.05."""
IBAN_ACCOUNT = Limit(
    code="CHORUS-IBAN",
    subject="Le compte à créditer (BT-84)",
    remedy="Un IBAN exact, sans espace : Chorus Pro n'accepte aucun autre compte.",
    accepts=is_valid_iban,
)
"""G1.16 to G1.19."""
CURRENCY = Limit(
    code="CHORUS-CURRENCY",
    subject="La devise (BT-5)",
    remedy="Établissez la facture en euros (EUR).",
    accepts=lambda text: text == "EUR",
)
TYPE_CODE = Limit(
    code="CHORUS-TYPE",
    subject="Le type de facture (BT-3)",
    remedy="380 pour une facture, 381 pour un avoir.",
    accepts=lambda text: text not in REFUSED_TYPES and text.isdigit(),
)
ATTACHMENT_NAME = Limit(
    code="CHORUS-ATTACHMENT",
    subject="Le nom de la pièce jointe",
    remedy="50 caractères au plus, extension comprise ; une extension que Chorus Pro admet "
    "(pdf, xlsx, csv…) ; lettres sans accent, chiffres, point, tiret et souligné.",
    accepts=_whole(_FILE_NAME, 50),
)
"""Closed list of the AIFE; the characters are those no channel refuses (§5)."""
QUANTITY = Limit(
    code="CHORUS-QUANTITY",
    subject="La quantité (BT-129)",
    remedy="Dix chiffres au plus avant la virgule, quatre décimales au plus.",
    accepts=lambda text: _QUANTITY.fullmatch(text.strip()) is not None,
)
"""Four decimals at most (BR-FR-DEC-02; the API counts ten digits)."""
FREE_TEXT = Limit(
    code="CHORUS-TEXT",
    subject="Le texte libre",
    remedy="1 024 caractères au plus.",
    accepts=lambda text: len(text) <= 1024,
)
