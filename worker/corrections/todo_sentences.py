"""The French of each advice, around its command, and of what a status does not allow.

All of it stands in ``todo_sentences.toml``.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources

from worker.corrections.todo import TO_FILL_IN, Advice
from worker.portals.choruspro.status_words import french_word

_FRENCH = tomllib.loads(
    resources.files(__package__).joinpath("todo_sentences.toml").read_text("utf-8")
)
SENTENCES: Mapping[str, str] = _FRENCH["advice"]
"""By ``AdviceCode``."""
NOT_SENT_AGAIN: Mapping[str, list[str]] = _FRENCH["not_sent_again"]
"""By status: why an invoice is not sent again in the way that was asked, and what to do."""
NOT_CREDITED: Mapping[str, list[str]] = _FRENCH["not_credited"]
"""By status: why an invoice has no credit note now, and what to do."""


def sentence(advice: Advice) -> str:
    """What a person reads, with the whole command line to type."""
    words = (f'"{word}"' if word == TO_FILL_IN else word for word in advice.command)
    command = " ".join(("chorus-worker", *words))
    told = map(french_word, advice.arguments)
    return SENTENCES[advice.code].format(*told, command=command)
