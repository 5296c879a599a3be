"""What can go wrong on purpose, and how it is asked for: by hand or by a seeded plan (§8.1).

A fault *before* recording leaves nothing in the ledger; a fault *after* leaves exactly what the
request asked for, on disk before the caller notices anything.
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from chorus_sandbox.entries import EntryError, read_entry

_MOST: Final = 1_000_000
"""Most of anything counted here: times, results, seconds."""


class FaultKind(StrEnum):
    """Every fault the sandbox knows; the French manual explains each."""

    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    ERROR_BEFORE = "error_before"
    BAD_GATEWAY_AFTER = "bad_gateway_after"
    GATEWAY_TIMEOUT_AFTER = "gateway_timeout_after"
    SLOW_AFTER = "slow_after"
    TRUNCATED = "truncated"
    WRONG_TYPES = "wrong_types"
    TOKEN_EXPIRY = "token_expiry"  # noqa: S105 - a kind of fault
    WRONG_ACCOUNT = "wrong_account"
    FORBIDDEN = "forbidden"
    TOO_MANY_REQUESTS = "too_many_requests"
    MAINTENANCE = "maintenance"
    UNKNOWN_FLUX_STATE = "unknown_flux_state"
    INCIDENT = "incident"
    UNKNOWN_STATUS = "unknown_status"
    STATUS_BACKWARDS = "status_backwards"
    LATE_INDEXING = "late_indexing"
    SHORT_PAGES = "short_pages"
    TURNED_AWAY = "turned_away"
    NO_UNIQUENESS = "no_uniqueness"
    ANOTHER_REPORT = "another_report"
    LATE_HISTORY = "late_history"


class Shape(StrEnum):
    """What ``wrong_types`` changes in an answer."""

    OBJECTS = "objects"
    NUMBERS = "numbers"
    NULLS = "nulls"
    MISSING = "missing"
    ALL = "all"


_DEPOSITS = ("*/deposer/flux",)
_STATUSES = ("*/rechercher/*fournisseur", "*/consulter/historique", "*/consulter/fournisseur")
# The routes where a kind means something; the others mean something everywhere.
_PLACES: Final[Mapping[FaultKind, tuple[str, ...]]] = {
    FaultKind.WRONG_TYPES: ("/cpro/*",),
    FaultKind.WRONG_ACCOUNT: ("/cpro/*",),
    FaultKind.FORBIDDEN: ("/cpro/*",),
    FaultKind.UNKNOWN_FLUX_STATE: ("*/consulterCRDetaille",),
    FaultKind.INCIDENT: _DEPOSITS,
    FaultKind.LATE_INDEXING: _DEPOSITS,
    FaultKind.TURNED_AWAY: _DEPOSITS,
    FaultKind.NO_UNIQUENESS: _DEPOSITS,
    FaultKind.ANOTHER_REPORT: ("*/consulterCRDetaille",),
    FaultKind.LATE_HISTORY: ("*/consulter/historique",),
    FaultKind.UNKNOWN_STATUS: _STATUSES,
    FaultKind.STATUS_BACKWARDS: _STATUSES,
    FaultKind.SHORT_PAGES: ("*/rechercher/*", "*/rechercher"),
}
_BURSTS: Final[Mapping[FaultKind, int]] = {
    FaultKind.TOO_MANY_REQUESTS: 3,
    FaultKind.MAINTENANCE: 5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault to inject.

    Attributes:
        kind: what goes wrong.
        routes: pattern of the paths it applies to, with ``*`` and ``?``.
        times: how many requests it hits; none for no end.
        skip: matching requests that pass untouched first.
        seconds: how long the answer is held (``slow_after``), the invoice not found
            (``late_indexing``), the maintenance on, the history late (``late_history``); or what
            ``Retry-After`` says (``too_many_requests``). None for the default of the kind.
        size: results of a page (``short_pages``).
        shape: which types are wrong (``wrong_types``).
    """

    kind: FaultKind
    routes: str = "*"
    times: int | None = 1
    skip: int = 0
    seconds: float | None = None
    size: int = 1
    shape: Shape = Shape.ALL

    def __post_init__(self) -> None:
        for name, least in (("times", 1), ("skip", 0), ("seconds", 0), ("size", 1)):
            value = getattr(self, name)
            if value is not None and not least <= value <= _MOST:
                raise ValueError(f"« {name} » doit aller de {least} à {_MOST}")

    def applies_to(self, path: str) -> bool:
        """Whether a request to this path may be hit."""
        places = _PLACES.get(self.kind, ("*",))
        return fnmatchcase(path, self.routes) and any(fnmatchcase(path, place) for place in places)

    def described(self) -> dict[str, object]:
        """The fault as JSON has it; `read_entry` reads it back."""
        return {name: value for name, value in asdict(self).items() if value is not None} | {
            "times": self.times
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """A fault that waits for its requests."""

    id: int  # rank in the ledger
    fault: Fault  # the fault, with what is left of its ``times`` and ``skip``
    ends_at: datetime | None  # when it ends by itself, if ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault that was injected."""

    id: int  # rank in the ledger
    at: datetime  # instant of the request
    kind: FaultKind  # what went wrong
    path: str  # path of the request
    planned: bool  # whether the seeded plan chose it
    flux_number: str  # ``numeroFluxDepot`` the request recorded, empty when none


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Faults drawn from a seed: the same requests in the same order meet the same faults."""

    seed: int  # any whole number
    rate: float  # share of the requests that are hit, from 0 to 1
    faults: tuple[Fault, ...] = ()  # what may be drawn; every kind when empty

    @property
    def name(self) -> str:
        """Under which the ledger counts the requests this plan has seen."""
        return f"plan {self.seed}"

    def draw(self, rank: int, path: str) -> Fault | None:
        """The fault that the request of this rank meets; a burst has several ``times``."""
        chance = random.Random(f"{self.seed} {rank}")  # noqa: S311 - repeatable, not secret
        if chance.random() >= self.rate:
            return None
        known = self.faults or tuple(Fault(kind=kind) for kind in FaultKind)
        possible = [fault for fault in known if fault.applies_to(path)]
        if not possible:
            return None
        drawn = chance.choice(possible)
        return replace(drawn, times=_BURSTS.get(drawn.kind, 1))


def read_kinds(text: str) -> tuple[Fault, ...]:
    """The faults of a plan: ``drop_after,slow_after:2``, each with its seconds if any.

    Raises:
        EntryError: unknown kind, or seconds that are none or out of bounds.
    """
    faults = []
    for item in filter(None, (item.strip() for item in text.split(","))):
        kind, colon, seconds = item.partition(":")
        try:
            entry = {"kind": kind, "seconds": float(seconds) if colon else None}
        except ValueError as error:
            raise EntryError(f"« {item} » : durée illisible.") from error
        faults.append(read_entry(entry, Fault, f"« {item} »"))
    return tuple(faults)
