"""The official rules in French: what a biller must know and do, by the code of the rule.

The publishers write most of them in English, for programmers. The sentences here are ours, by
family where a family repeats itself; a code that is not known keeps the publisher's own words as a
technical detail. Meaning: EN 16931-1, tables of business rules (BR).
"""

import re

MAX_DETAIL = 400
_ADD = "Ajoutez cet élément à la facture."
_TOTAL = "Recalculez les totaux à partir des lignes, puis exportez la facture à nouveau."
_CODED = "Prenez un code de la liste officielle (norme EN 16931, listes de codes)."
_DECIMALS = "Arrondissez ce montant au centime."
_STRUCTURE = "Faites corriger le logiciel qui a produit le document."

_MISSING = {
    "01": "l'identifiant du profil (BT-24)",
    "02": "le numéro de facture (BT-1)",
    "03": "la date d'émission (BT-2)",
    "04": "le type de facture (BT-3)",
    "05": "la devise (BT-5)",
    "06": "le nom du vendeur (BT-27)",
    "07": "le nom de l'acheteur (BT-44)",
    "08": "l'adresse du vendeur (BG-5)",
    "09": "le pays du vendeur (BT-40)",
    "10": "l'adresse de l'acheteur (BG-8)",
    "11": "le pays de l'acheteur (BT-55)",
    "12": "le total des lignes (BT-106)",
    "13": "le total hors taxe (BT-109)",
    "14": "le total toutes taxes comprises (BT-112)",
    "15": "le net à payer (BT-115)",
    "16": "au moins une ligne de facture (BG-25)",
    "17": "le nom du bénéficiaire (BT-59), différent du vendeur",
    "18": "le nom du représentant fiscal (BT-62)",
    "19": "l'adresse du représentant fiscal (BG-12)",
    "20": "le pays du représentant fiscal (BT-69)",
    "21": "l'identifiant d'une ligne (BT-126)",
    "22": "la quantité facturée d'une ligne (BT-129)",
    "23": "l'unité de la quantité d'une ligne (BT-130)",
    "24": "le montant net d'une ligne (BT-131)",
    "25": "le nom de l'article d'une ligne (BT-153)",
    "26": "le prix net de l'article d'une ligne (BT-146)",
    "31": "le montant d'une remise (BT-92)",
    "32": "la catégorie de TVA d'une remise (BT-95)",
    "33": "le motif d'une remise (BT-97 ou BT-98)",
    "36": "le montant de frais (BT-99)",
    "37": "la catégorie de TVA de frais (BT-102)",
    "38": "le motif de frais (BT-104 ou BT-105)",
    "41": "le montant d'une remise de ligne (BT-136)",
    "42": "le motif d'une remise de ligne (BT-139 ou BT-140)",
    "43": "le montant de frais de ligne (BT-141)",
    "44": "le motif de frais de ligne (BT-144 ou BT-145)",
    "45": "la base d'une ventilation de TVA (BT-116)",
    "46": "le montant d'une ventilation de TVA (BT-117)",
    "47": "la catégorie d'une ventilation de TVA (BT-118)",
    "48": "le taux d'une ventilation de TVA (BT-119)",
    "49": "le mode de paiement (BT-81)",
    "50": "le compte à créditer (BT-84)",
    "52": "la référence d'une pièce jointe (BT-122)",
    "53": "le total de TVA dans la devise de comptabilité (BT-111)",
    "54": "le nom ou la valeur d'une caractéristique d'article (BT-160, BT-161)",
    "55": "la référence de la facture antérieure (BT-25)",
    "56": "le numéro de TVA du représentant fiscal (BT-63)",
    "57": "le pays de livraison (BT-80)",
    "61": "le compte à créditer (BT-84), obligatoire pour un virement",
    "62": "le schéma de l'adresse électronique du vendeur (BT-34)",
    "63": "le schéma de l'adresse électronique de l'acheteur (BT-49)",
    "64": "le schéma de l'identifiant standard de l'article (BT-157)",
    "65": "le schéma du code de classification de l'article (BT-158)",
}
_SENTENCES = {
    "BR-27": ("Le prix net d'un article (BT-146) est négatif.", "Un prix n'est jamais négatif."),
    "BR-28": ("Le prix brut d'un article (BT-148) est négatif.", "Un prix n'est jamais négatif."),
    "BR-29": (
        "La période de facturation finit avant de commencer (BT-73, BT-74).",
        "Corrigez les dates de la période.",
    ),
    "BR-30": (
        "La période d'une ligne finit avant de commencer (BT-134, BT-135).",
        "Corrigez les dates de la période.",
    ),
    "BR-51": (
        "Un numéro de carte bancaire entier figure sur la facture (BT-87).",
        "Ne gardez que les 4 à 6 derniers chiffres.",
    ),
    "BR-CO-03": (
        "La date (BT-7) et le code (BT-8) d'exigibilité de la TVA sont donnés tous les deux.",
        "Gardez l'un ou l'autre.",
    ),
    "BR-CO-04": ("Une ligne n'a pas de catégorie de TVA (BT-151).", _ADD),
    "BR-CO-09": (
        "Un numéro de TVA ne commence pas par le code d'un pays (BT-31, BT-48, BT-63).",
        "Un numéro de TVA français s'écrit FR, deux caractères, puis le SIREN.",
    ),
    "BR-CO-10": ("Le total des lignes (BT-106) n'est pas la somme des lignes (BT-131).", _TOTAL),
    "BR-CO-11": ("Le total des remises (BT-107) n'est pas la somme des remises (BT-92).", _TOTAL),
    "BR-CO-12": ("Le total des frais (BT-108) n'est pas la somme des frais (BT-99).", _TOTAL),
    "BR-CO-13": (
        "Le total hors taxe (BT-109) n'est pas celui des lignes moins les remises plus les frais.",
        _TOTAL,
    ),
    "BR-CO-14": (
        "Le total de TVA (BT-110) n'est pas la somme de la ventilation (BT-117).",
        _TOTAL,
    ),
    "BR-CO-15": (
        "Le total TTC (BT-112) n'est pas le total hors taxe (BT-109) plus la TVA (BT-110).",
        _TOTAL,
    ),
    "BR-CO-16": (
        "Le net à payer (BT-115) n'est pas le TTC (BT-112) moins l'acompte plus l'arrondi.",
        _TOTAL,
    ),
    "BR-CO-17": (
        "Un montant de TVA (BT-117) n'est pas sa base (BT-116) multipliée par son taux (BT-119).",
        _TOTAL,
    ),
    "BR-CO-18": ("Il manque la ventilation de TVA (BG-23).", _ADD),
    "BR-CO-19": (
        "La période de facturation (BG-14) n'a ni début ni fin.",
        "Donnez BT-73, BT-74 ou les deux.",
    ),
    "BR-CO-20": (
        "La période d'une ligne (BG-26) n'a ni début ni fin.",
        "Donnez BT-134, BT-135 ou les deux.",
    ),
    "BR-CO-25": (
        "Un montant reste à payer, sans échéance (BT-9) ni conditions de paiement (BT-20).",
        "Ajoutez la date d'échéance ou les conditions de paiement.",
    ),
    "BR-CO-26": (
        "Rien n'identifie le vendeur : ni BT-29, ni BT-30, ni numéro de TVA (BT-31).",
        "Ajoutez le SIRET ou le numéro de TVA du vendeur.",
    ),
    "BR-CO-27": (
        "Le compte à créditer (BT-84) est donné deux fois, ou pas du tout.",
        "Donnez l'IBAN seul.",
    ),
    "PEPPOL-EN16931-R008": (
        "Le document contient un élément vide.",
        "Retirez l'élément, ou remplissez-le.",
    ),
}
_CODES = {
    "01": "Le type de facture (BT-3)",
    "03": "La devise d'un montant",
    "04": "La devise de la facture (BT-5)",
    "05": "La devise de comptabilité (BT-6)",
    "06": "Le code d'exigibilité de la TVA (BT-8)",
    "07": "Le schéma d'un objet facturé (BT-18, BT-128)",
    "08": "Le sujet d'une note (BT-21)",
    "10": "Le schéma d'un identifiant",
    "11": "Le schéma d'un identifiant légal (BT-30, BT-47)",
    "13": "La liste de classification d'un article (BT-158)",
    "14": "Un code de pays",
    "15": "Le pays d'origine d'un article (BT-159)",
    "16": "Le mode de paiement (BT-81)",
    "17": "Une catégorie de TVA",
    "18": "Une catégorie de TVA",
    "19": "Le code de motif d'une remise",
    "20": "Le code de motif de frais",
    "21": "Le schéma de l'identifiant standard d'un article (BT-157)",
    "22": "Le code du motif d'exonération (BT-121)",
    "23": "L'unité d'une quantité (BT-130, BT-150)",
    "24": "Le type d'une pièce jointe",
    "25": "Le schéma d'une adresse électronique (BT-34, BT-49)",
    "26": "Le schéma du lieu de livraison (BT-71)",
}
_CATEGORIES = {
    "S": "au taux normal ou réduit (S)",
    "Z": "à taux zéro (Z)",
    "E": "exonérée (E)",
    "AE": "en autoliquidation (AE)",
    "IC": "intracommunautaire (K)",
    "K": "intracommunautaire (K)",
    "G": "à l'exportation (G)",
    "O": "hors du champ de la TVA (O)",
    "AF": "IGIC (L)",
    "AG": "IPSI (M)",
    "B": "en paiement scindé (B)",
}
_WITHOUT_RATE = {"O"}
_WITH_RATE = {"S", "AF", "AG"}

_FAMILY = re.compile(r"^BR-(?:FREXT-|FXEXT-)?(\w{1,2})-?(\d\d)\w*$", re.IGNORECASE)
_EXTENDED = re.compile(r"^BR-(?:FREXT|FXEXT|EXT)-(?:BR-)?((?:CO-|CL-)?\d\d)\w*(?:-\w+)?$")
_TERM = re.compile(r"\b(?:BT|BG|EXT-FR-FE)-[A-Z0-9-]*\d+\b")
_FACTURX = (
    (
        re.compile(r"Element '([^']+)' must occur exactly (\d+) times"),
        "L'élément « {0} » doit figurer exactement {1} fois.",
    ),
    (
        re.compile(r"Element '([^']+)' must occur at least (\d+) times"),
        "L'élément « {0} » doit figurer au moins {1} fois.",
    ),
    (
        re.compile(r"Element '([^']+)' may occur at maximum (\d+) times"),
        "L'élément « {0} » figure plus de {1} fois.",
    ),
    (re.compile(r"Attribute '([^']+)' is required"), "Il manque l'attribut « {0} »."),
    (
        re.compile(r"Value of '([^']+)' is not allowed"),
        "La valeur de « {0} » n'est pas dans la liste admise.",
    ),
    (
        re.compile(
            r"(?:Element|Attribute)(?: variant)? '?([@\w:]+)(?:\[[^']*\])?'? ?"
            r"(?:is )?marked as not used"
        ),
        "« {0} » n'a pas sa place ici dans ce profil.",
    ),
)
_SYNTAX = (
    (
        re.compile(r"should not include (?:the )?(.+?)(?: (?:if|or it|or they) .*)?\.?$"),
        "EN 16931 n'a pas l'usage de « {0} ».",
    ),
    (
        re.compile(r"^(.+?) (?:should|shall|must) not be (?:present|used)", re.IGNORECASE),
        "EN 16931 n'a pas l'usage de « {0} ».",
    ),
    (
        re.compile(
            r"^(.+?) (?:should|shall|must) (?:occur|exist|be present) ?(?:a )?max", re.IGNORECASE
        ),
        "Un élément figure trop de fois (détail technique : « {0} »).",
    ),
)


def in_french(code: str, text: str) -> tuple[str, str]:
    """What a broken rule means, and what to do.

    Args:
        code: of the rule, such as ``BR-CO-15``.
        text: the publisher's words.

    Returns:
        Message and remedy; never empty, whatever the code.
    """
    words = _words(code, text)
    if code.startswith("BR-FR-"):
        # The French rules are written in French by their publisher.
        return f"{words or 'Une règle française de facturation n’est pas respectée.'}", (
            f"Corrigez ce que demande la règle {code}, puis exportez la facture à nouveau."
        )
    return (
        _exact(code)
        or _extension(code)
        or _decimals(code, text)
        or _category(code)
        or _structure(code, words)
        or (
            f"La règle officielle {code} n'est pas respectée (détail technique : « {words} »).",
            "Corrigez l'élément indiqué, ou le logiciel qui a produit le document.",
        )
    )


def _exact(code: str) -> tuple[str, str] | None:
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code.startswith("BR-CL-") and (subject := _CODES.get(code[6:8])):
        return f"{subject} n'est pas dans la liste de codes admise.", _CODED
    if missing := _MISSING.get(code.removeprefix("BR-")[:2] if code.count("-") < 3 else ""):
        return f"Il manque {missing}.", _ADD
    if code in {"BR-CO-05", "BR-CO-06", "BR-CO-07", "BR-CO-08"}:
        return (
            "Le code d'un motif de remise ou de frais et son texte se contredisent.",
            "Donnez un code et un texte qui disent la même chose.",
        )
    if code in {"BR-CO-21", "BR-CO-22", "BR-CO-23", "BR-CO-24"}:
        return "Une remise ou des frais n'ont pas de motif.", "Ajoutez le motif, ou son code."
    return None


def _extension(code: str) -> tuple[str, str] | None:
    """An extension restates a rule of EN 16931 with a cent of slack for each line."""
    match = _EXTENDED.match(code)
    return _exact(f"BR-{match[1]}") if match and (match[1][0] == "C" or "-BR-" in code) else None


def _decimals(code: str, text: str) -> tuple[str, str] | None:
    if not code.startswith(("BR-DEC-", "UBL-DT-01")):
        return None
    term = f" {match[0]}" if (match := _TERM.search(text)) else ""
    return f"Le montant{term} a plus de deux décimales.", _DECIMALS


def _category(code: str) -> tuple[str, str] | None:
    match = _FAMILY.match(code)
    label = _CATEGORIES.get(match[1].upper()) if match else None
    if match is None or label is None:
        return None
    category, number = match[1].upper(), match[2]
    sentences = {
        "01": (f"La TVA {label} n'a pas sa ventilation, ou en a plusieurs (BG-23).", _TOTAL),
        **dict.fromkeys(("02", "03", "04"), _vat_number(category, label)),
        **dict.fromkeys(("05", "06", "07"), _rate(category, label)),
        "08": (
            f"La base de la TVA {label} (BT-116) n'est pas la somme de ses lignes et frais.",
            _TOTAL,
        ),
        "09": (f"Le montant de la TVA {label} (BT-117) n'est pas juste.", _TOTAL),
        "10": (
            (f"La TVA {label} porte un motif d'exonération.", "Retirez BT-120 et BT-121.")
            if category in _WITH_RATE | {"Z"}
            else (
                f"Il manque le motif de la TVA {label}.",
                "Donnez le texte (BT-120) ou le code VATEX (BT-121).",
            )
        ),
        "11": (
            (f"De la TVA {label} est mêlée à une autre.", "Faites deux factures.")
            if category == "O"
            else ("Il manque la date ou la période de livraison.", _ADD)
        ),
        "12": (
            (f"De la TVA {label} est mêlée à une autre.", "Faites deux factures.")
            if category == "O"
            else ("Il manque le pays de livraison (BT-80).", _ADD)
        ),
        **dict.fromkeys(
            ("13", "14"), (f"De la TVA {label} est mêlée à une autre.", "Faites deux factures.")
        ),
    }
    return sentences.get(number)


def _vat_number(category: str, label: str) -> tuple[str, str]:
    if category == "O":
        return (
            "Une facture hors du champ de la TVA (O) porte un numéro de TVA.",
            "Retirez les numéros de TVA du vendeur et de l'acheteur.",
        )
    return (
        f"Une opération {label} demande un numéro de TVA qui manque.",
        "Ajoutez celui du vendeur (BT-31, ou BT-32) et, selon le cas, de l'acheteur (BT-48).",
    )


def _rate(category: str, label: str) -> tuple[str, str]:
    if category in _WITHOUT_RATE:
        return f"Une opération {label} porte un taux de TVA.", "Retirez ce taux."
    if category in _WITH_RATE:
        return f"Le taux d'une opération {label} n'est pas admis.", "Donnez un taux positif."
    return f"Le taux d'une opération {label} n'est pas nul.", "Mettez le taux à 0."


def _structure(code: str, words: str) -> tuple[str, str] | None:
    patterns = _FACTURX if code.startswith(("FX-", "SCHEMATRON")) else _SYNTAX
    if not code.startswith(("FX-", "SCHEMATRON", "UBL-", "CII-")):
        return None
    for pattern, sentence in patterns:
        if match := pattern.search(words):
            return sentence.format(*match.groups()), _STRUCTURE
    return None


def _words(code: str, text: str) -> str:
    """The publisher's words without the code in front."""
    words = re.sub(rf"^\W*{re.escape(code)}[^\]:]*?(?:\]|(?=:)|\s)\s*[-:,.]*\s*", "", text)
    words = " ".join(words.split())
    return words if len(words) <= MAX_DETAIL else words[: MAX_DETAIL - 1] + "…"
