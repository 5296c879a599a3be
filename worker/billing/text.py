"""Characters that hide in a text or turn it round: what is read is not what it says.

Imported files, options and the configuration are held to the same (Unicode 15, general categories
C*, Zl and Zp: controls, formats such as U+202E, surrogates of bytes that are no text, unassigned).
"""

import re
import unicodedata

from worker.errors import WrongUse

HIDDEN = (
    "\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
"""Controls, formats, lone surrogates, separators of lines: Cc, Cf, Cs, Zl and Zp of Unicode 15."""
_HARMFUL = re.compile(f"[\u0000-\u001f{HIDDEN}]")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_SPELT = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE"})
_NOT_IN_A_NAME = re.compile("[^A-Za-z0-9._]+")


def harmless(text: str) -> str:
    """A line to print: signs that move a terminal, or hide, are shown escaped."""
    return _HARMFUL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


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


def plain_name(text: str, most: int) -> str:
    """A text as a part of a file name that every system takes: ASCII, at most so many characters.

    Accents are left out; what is no letter, digit, point or underscore becomes a hyphen.
    """
    spelt = text.translate(_SPELT)
    bare = "".join(
        one for one in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(one)
    )
    return _NOT_IN_A_NAME.sub("-", bare).strip("-.")[:most].rstrip("-.")


def stated_reason(text: str, option: str = "--reason") -> str:
    """Why a person decides, as the journal keeps it. Raises WrongUse when nothing can be read."""
    reason = text.strip()
    if not reason:
        raise WrongUse("Le motif est vide.", f'Donnez-le : {option} "…".')
    if character := hidden_character(reason):
        raise WrongUse(
            f"Le motif contient {hidden_in_french(character)}.",
            "Retapez-le à la main, sur une seule ligne.",
        )
    return reason
