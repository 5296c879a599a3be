"""How the imports speak: French findings and refusals, with values quoted safely.

Their sentences stand in ``findings.toml``, with plain spaces; the no-break spaces of French
typography are set here, once.
"""

import re
from functools import cache

from worker.billing.toml import own_table
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


@cache
def wordings() -> dict[str, tuple[str, str]]:
    """The message and the remedy of each finding and refusal, by the names of ``findings.toml``."""
    data = own_table(__package__, "findings.toml")
    shared = data.pop("remedies")
    return {name: (message, shared.get(remedy, remedy)) for name, (message, remedy) in data.items()}


def words_of(name: str, /, **facts: object) -> tuple[str, str]:
    """Such a message and its remedy, with the facts in their braces, in good typography."""
    message, remedy = wordings()[name]
    return french(message.format(**facts)), french(remedy.format(**facts))


def finding(
    code: str, words: str = "", *, where: str = "", value: str = "", **facts: object
) -> Finding:
    """A blocking finding in the words that ``findings.toml`` has under ``words``, else its code.

    ``facts`` fill their braces; ``value`` is kept shortened.
    """
    message, remedy = words_of(words or code, value=quoted(value), **facts)
    return Finding(
        code=code, message=message, remedy=remedy, where=french(where), value=shortened(value)
    )


def refusal(name: str, file: str, **facts: object) -> ImportRefused:
    """The exception for a file that cannot be read as a table at all."""
    return ImportRefused(*words_of(name, file=file, **facts))
