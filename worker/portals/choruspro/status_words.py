"""Chorus Pro's words for where a file or an invoice stands, and ours: status_words.toml.

An unknown word is never a success.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files

from worker.portals import BuyerStatus, FluxState

_WORDS = tomllib.loads(files(__package__).joinpath("status_words.toml").read_text("utf-8"))
FLUX_STATES: Mapping[str, FluxState] = {
    word: FluxState(state) for state, words in _WORDS["flux"].items() for word in words
}
BUYER_STATUSES: Mapping[str, BuyerStatus] = {
    word: BuyerStatus(status) for status, words in _WORDS["invoice"].items() for word in words
}

_FRENCH: Mapping[str, str] = _WORDS["french"]


class Author(StrEnum):
    """Who writes the comment that a status comes with."""

    PORTAL = "portal"
    SELLER = "seller"
    """Us: what ``complete`` was given."""
    BUYER = "buyer"
    ACCOUNTANT = "accountant"
    """The public accountant of the buyer."""

    @property
    def french(self) -> str:
        """For people, at the beginning of a line."""
        return _AUTHORS[self]


_AUTHORS = {
    Author.PORTAL: "Chorus Pro",
    Author.SELLER: "Nous",
    Author.BUYER: "Le membre",
    Author.ACCOUNTANT: "Le comptable du membre",
}
COMMENTS: Mapping[str, Author] = {
    word: Author(author) for author, words in _WORDS["comment"].items() for word in words
}


def flux_state(word: str) -> FluxState:
    """Our word for ``etatCourantDepotFlux``."""
    return FLUX_STATES.get(word, FluxState.UNRECOGNISED)


def buyer_status(word: str) -> BuyerStatus:
    """Our word for ``statut``, ``statutCourantCode`` or ``histoStatutCode``."""
    return BUYER_STATUSES.get(word, BuyerStatus.UNRECOGNISED)


def french_word(word: str) -> str:
    """A word of the portal as tables have it; one that is unknown, as it is."""
    return _FRENCH.get(word, word)


def author_of(word: str) -> Author:
    """Who writes the comment that comes with a word."""
    return COMMENTS.get(word, Author.PORTAL)
