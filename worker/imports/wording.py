"""How the imports speak: French findings and refusals, with values quoted safely.

Sources are written with plain spaces; the no-break spaces of French typography are set here, once.
"""

import re

from worker.errors import Finding, ImportRefused

QUOTED_LENGTH = 40
"""Characters of an offending value that a message shows."""

_NO_BREAK_HERE = re.compile(r" (?=[:;?!»])|(?<=«) ")


def french(text: str) -> str:
    """The same text with no-break spaces before ``: ; ? ! »`` and after ``«``."""
    return _NO_BREAK_HERE.sub("\u00a0", text)


def shortened(text: str) -> str:
    """A value fit for a terminal: at most 40 characters, none of them a control character."""
    shown = text if len(text) <= QUOTED_LENGTH else text[: QUOTED_LENGTH - 1] + "…"
    return "".join(
        character if character.isprintable() else "\ufffd" for character in " ".join(shown.split())
    )


def quoted(text: str) -> str:
    """A shortened value between French quotation marks."""
    return f"« {shortened(text)} »"


def finding(code: str, message: str, remedy: str, *, where: str = "", value: str = "") -> Finding:
    """A blocking finding in good typography; ``value`` is kept shortened."""
    return Finding(
        code=code,
        message=french(message),
        remedy=french(remedy),
        where=french(where),
        value=shortened(value),
    )


def refusal(message: str, remedy: str) -> ImportRefused:
    """The exception for a file that cannot be read as a table at all."""
    return ImportRefused(french(message), french(remedy))
