"""Signs that hide in a text, or turn it round: whoever reads it does not see what it says.

Imported files, options and the configuration are held to the same (Unicode 15, general categories
C*, Zl and Zp: controls, formats such as U+202E, surrogates of bytes that are no text, unassigned).
"""

import unicodedata


def hidden_sign(text: str) -> str:
    """The first sign that cannot be seen in a text of one line, or nothing.

    Spaces of any kind are no such sign: French typography has several.
    """
    return next(
        (sign for sign in text if not sign.isprintable() and unicodedata.category(sign) != "Zs"),
        "",
    )


def hidden_in_french(sign: str) -> str:
    """What such a sign is, in the words of a message: « un saut de ligne »."""
    return "un saut de ligne" if sign in "\r\n" else f"un caractère invisible (U+{ord(sign):04X})"
