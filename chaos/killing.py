"""Where a process dies.

Nothing is built into the program for it: the interpreter tells a profiling function of each
Python function that is entered or left, and this one sends SIGKILL to its own process.
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from inspect import unwrap
from types import CodeType, FrameType


class Edge(StrEnum):
    """Which end of a function, in the interpreter's words."""

    ENTERED = "call"
    LEFT = "return"


@dataclass(frozen=True, slots=True)
class Place:
    """One end of a function.

    Attributes:
        target: ``module:qualified.name``.
        commands: those whose usual path comes by.
    """

    target: str
    edge: Edge
    commands: tuple[str, ...]

    def code(self) -> CodeType:
        """The code of the function. Raises AttributeError when there is no such function."""
        module, _, name = self.target.partition(":")
        found: object = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        code: CodeType = unwrap(found).__code__  # type: ignore[arg-type]
        return code


_ISSUING = ("run", "serve", "credit")
_SENDING = ("run", "serve", "deposit", "resend", "credit")
_ASKING = ("run", "serve", "follow", "resend", "credit")
_LOOKING = ("run", "serve", "follow", "reconcile")
_ALL = ("run", "serve", "deposit", "reconcile", "follow", "resend", "credit", "complete")

PLACES: Mapping[str, Place] = {
    "number taken": Place("worker.storage.invoices:take_number", Edge.LEFT, _ISSUING),
    "files to archive": Place("worker.storage.archive:Archive.put_all", Edge.ENTERED, _ISSUING),
    "files archived": Place("worker.storage.archive:Archive.put_all", Edge.LEFT, _ISSUING),
    "invoice stored": Place("worker.storage.invoices:issue", Edge.LEFT, ("run", "serve")),
    "credit note stored": Place(
        "worker.storage.invoices:issue_credit_note", Edge.LEFT, ("credit",)
    ),
    "correction stored": Place("worker.storage.invoices:correct", Edge.LEFT, ("resend",)),
    "event appended": Place("worker.storage.transaction:Transaction.journal", Edge.LEFT, _ALL),
    "before a commit": Place("sqlalchemy.orm:Session.commit", Edge.ENTERED, _ALL),
    "after a commit": Place("sqlalchemy.orm:Session.commit", Edge.LEFT, _ALL),
    "status moved": Place("worker.storage.invoices:move", Edge.LEFT, _ALL),
    "intent stored": Place("worker.storage.attempts:open_attempt", Edge.LEFT, _SENDING),
    "before the deposit": Place(
        "worker.portals.choruspro.portal:ChorusPro.deposit", Edge.ENTERED, _SENDING
    ),
    "before its bytes": Place(
        "worker.portals.http.attempt:Transport.attempt_alone", Edge.ENTERED, _SENDING
    ),
    "after its answer": Place(
        "worker.portals.http.attempt:Transport.attempt_alone", Edge.LEFT, _SENDING
    ),
    "after the deposit": Place(
        "worker.portals.choruspro.portal:ChorusPro.deposit", Edge.LEFT, _SENDING
    ),
    "answer stored": Place("worker.storage.attempts:answer_attempt", Edge.LEFT, _SENDING),
    "report read": Place(
        "worker.portals.choruspro.portal:ChorusPro.integration_report", Edge.LEFT, _ASKING
    ),
    "portal searched": Place("worker.portals.choruspro.portal:ChorusPro.find", Edge.LEFT, _LOOKING),
    "news read": Place("worker.portals.choruspro.portal:ChorusPro.changed", Edge.LEFT, _ASKING),
    "observation stored": Place("worker.storage.observations:observe", Edge.LEFT, _ASKING),
    "attempts closed": Place(
        "worker.storage.attempts:close_attempts", Edge.LEFT, ("run", "serve", "reconcile")
    ),
    "before the completion": Place(
        "worker.portals.choruspro.portal:ChorusPro.complete", Edge.ENTERED, ("complete",)
    ),
    "file handed over": Place(
        "worker.portals.choruspro.completion:_added", Edge.LEFT, ("complete",)
    ),
    "after the completion": Place(
        "worker.portals.choruspro.portal:ChorusPro.complete", Edge.LEFT, ("complete",)
    ),
}
"""The edges between two facts that must not come apart. docs/chaos.md says which."""


PORTAL_PLACES: Mapping[str, Place] = {
    "flux recorded": Place("chorus_sandbox.ledger.fluxes:Fluxes.add", Edge.LEFT, _SENDING),
    "invoice integrated": Place("chorus_sandbox.ledger.invoices:Invoices.add", Edge.LEFT, _ASKING),
    "verdict given": Place("chorus_sandbox.ledger.fluxes:Fluxes.conclude", Edge.LEFT, _ASKING),
    "files joined": Place(
        "chorus_sandbox.ledger.attachments:Attachments.join", Edge.LEFT, ("complete",)
    ),
    "search answered": Place("chorus_sandbox.ledger.invoices:Invoices.search", Edge.LEFT, _LOOKING),
}
"""Where the portal dies: what it has written stays, whoever asked hears nothing."""
_SECOND = "tests.contract.second_portal"
SECOND_PORTAL_PLACES: Mapping[str, Place] = {
    "file read": Place(f"{_SECOND}.integration:record", Edge.LEFT, _SENDING),
    "file decided": Place(f"{_SECOND}.integration:settle", Edge.LEFT, _ASKING),
    "act kept": Place(f"{_SECOND}.state:Store.commit", Edge.LEFT, _SENDING),
    "act to be answered": Place(
        f"{_SECOND}.server:SecondPortal.answer", Edge.LEFT, ("complete", *_SENDING)
    ),
    "list found": Place(f"{_SECOND}.search:search", Edge.LEFT, _LOOKING),
}
"""The same of the second portal; what its request did not commit yet is forgotten."""
_EVERYWHERE = {**PLACES, **PORTAL_PLACES, **SECOND_PORTAL_PLACES}


@dataclass(frozen=True, slots=True)
class AtPlace:
    """The n-th passage of a named place."""

    place: str
    nth: int

    def __str__(self) -> str:
        return f"{self.place}, passage {self.nth}"


@dataclass(frozen=True, slots=True)
class AtCall:
    """The n-th call of any Python function, in any thread."""

    nth: int

    def __str__(self) -> str:
        return f"call {self.nth}"


@dataclass(frozen=True, slots=True)
class AtInstant:
    """So many real seconds after the start, from outside: also in the middle of a system call."""

    seconds: float

    def __str__(self) -> str:
        return f"after {self.seconds:.3f} s"


Kill = AtPlace | AtCall | AtInstant
_Profiler = Callable[[FrameType, str, object], None]


def arm(kill: Kill | None) -> None:
    """Make this process die there; ``AtInstant`` is for the process that started it."""
    match kill:
        case AtPlace(place=place, nth=nth):

            def then(_name: str, count: int) -> None:
                if count == nth:
                    _die()

            _profile(_at_place({place: _EVERYWHERE[place]}, then))
        case AtCall(nth=nth):
            _profile(_at_call(nth))
        case AtInstant() | None:
            pass


def count_passages() -> Counter[str]:
    """The passages of every named place from now on, counted as they come."""
    passages: Counter[str] = Counter()

    def then(name: str, count: int) -> None:
        passages[name] = count

    _profile(_at_place(PLACES, then))
    return passages


def _die() -> None:
    # As a power cut: nothing is flushed, closed or told.
    os.kill(os.getpid(), signal.SIGKILL)


def _profile(profiler: _Profiler) -> None:
    threading.setprofile(profiler)
    sys.setprofile(profiler)


def _at_place(places: Mapping[str, Place], then: Callable[[str, int], None]) -> _Profiler:
    wanted: dict[CodeType, dict[str, str]] = {}
    for name, place in places.items():
        wanted.setdefault(place.code(), {})[place.edge.value] = name
    counts: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        edges = wanted.get(frame.f_code)
        if edges is not None and (name := edges.get(event)) is not None:
            counts[name] += 1
            then(name, counts[name])

    return watch


def _at_call(nth: int) -> _Profiler:
    left = nth

    def watch(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        if event == "call":
            left -= 1
            if left <= 0:
                _die()

    return watch
