"""Characters that hide in a text or turn it round: what is read is not what it says.

Imported files, options and the configuration are held to the same (Unicode 15, general categories
C*, Zl and Zp: controls, formats such as U+202E, surrogates of bytes that are no text, unassigned).
"""

import re
import unicodedata

from worker.errors import WrongUse

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def forbidden_in_xml(text: str) -> str:
    """The first character of a text that XML 1.0 has no place for (§2.2), or nothing."""
    match = _NOT_XML.search(text)
    return match[0] if match else ""


def hidden_character(text: str) -> str:
    """The first character that cannot be seen in a text of one line, or nothing.

    Spaces of any kind are no such character: French typography has several.
    """
    return next(
        (
            character
            for character in text
            if not character.isprintable() and unicodedata.category(character) != "Zs"
        ),
        "",
    )


def hidden_in_french(character: str) -> str:
    """What such a character is, in the words of a message: « un saut de ligne »."""
    return (
        "un saut de ligne"
        if character in "\r\n"
        else f"un caractère invisible (U+{ord(character):04X})"
    )


def stated_reason(text: str) -> str:
    """Why a person decides, as the journal keeps it. Raises WrongUse when nothing can be read."""
    reason = text.strip()
    if not reason:
        raise WrongUse("Le motif est vide.", 'Donnez-le : --reason "…".')
    if character := hidden_character(reason):
        raise WrongUse(
            f"Le motif contient {hidden_in_french(character)}.",
            "Retapez-le à la main, sur une seule ligne.",
        )
    return reason
