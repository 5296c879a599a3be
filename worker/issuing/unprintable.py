"""A text that holds a character no font has: which one, and where a person corrects it."""

from dataclasses import astuple

from worker.billing.invoice import Invoice


def cannot_be_printed(character: str) -> str:
    """The end of a sentence, in French, about a text that holds a character no font has."""
    if not character:
        return "ne peut pas être imprimé"
    seen = f"« {character} », " if character.isprintable() else ""
    codes = " ".join(f"U+{ord(one):04X}" for one in character)
    return f"contient un signe qui ne peut pas être imprimé ({seen}{codes})"


def holder_of(invoice: Invoice, character: str) -> tuple[str, str]:
    """Which text of an invoice holds a character, in French, and where a person corrects it."""
    buyer, seller = invoice.buyer, invoice.seller
    notes = [note.text for note in invoice.notes]
    reason = notes[:1] if invoice.is_credit_note else []
    members = "Corrigez-le dans le fichier des membres, puis réimportez."
    configuration = "Corrigez-le dans la configuration (syndicat, billing)."
    tariff = "Corrigez-le dans la grille tarifaire."
    for field, remedy, texts in (
        ("le nom du membre", members, [buyer.name]),
        ("l'adresse du membre", members, astuple(buyer.address)),
        ("la référence de la convention", members, [invoice.contract]),
        (
            "le code service ou l'engagement",
            "Corrigez-le dans le fichier des références, puis réimportez.",
            [invoice.service_code, invoice.engagement],
        ),
        ("le motif", "Retapez la commande avec un autre motif (--reason).", reason),
        ("le nom du syndicat", configuration, [seller.name, seller.legal_form]),
        ("l'adresse du syndicat", configuration, astuple(seller.address)),
        ("une mention de règlement", configuration, [invoice.payment_terms, *notes]),
        ("le libellé d'un service", tariff, [line.name for line in invoice.lines]),
        ("le motif d'exonération", tariff, [line.vat.reason for line in invoice.lines]),
    ):
        if character and any(character in text for text in texts):
            return field, remedy
    return "un texte", "Retirez les caractères inhabituels des données, puis recommencez."
