"""What a test may do at the portal: by Python, and by JSON at `/_second/<name of the method>`."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from tests.contract.second_portal.answers import Json, buyer_acts
from tests.contract.second_portal.behaviours import Arming, Behaviour, Operation
from tests.contract.second_portal.documents import Document
from tests.contract.second_portal.integration import add_invoice, settle
from tests.contract.second_portal.state import (
    Invoice,
    Service,
    State,
    Structure,
    structure_from,
)


class Controls:
    """Control of the portal by a test; every public method takes and gives JSON by keyword."""

    def __init__(self, data: Path | None) -> None:
        self._lock = RLock()
        self._state = State(data)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the state alone, and commit what is written meanwhile."""
        with self._lock:
            try:
                yield
            finally:
                self._state.store.commit()

    # Time and pace.

    def now(self) -> str:
        """The portal's time."""
        return self._state.now.isoformat()

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> str:
        """Move the portal's clock, and let what is due happen."""
        with self._held():
            self._state.move(timedelta(days=days, hours=hours, seconds=seconds))
            settle(self._state)
            return self.now()

    def freeze(self, *, at: str) -> str:
        """Stop the portal's clock at an ISO instant."""
        with self._held():
            self._state.freeze(datetime.fromisoformat(at))
            return self.now()

    def step(self) -> None:
        """Decide every pending flux, whatever its delay."""
        with self._held():
            settle(self._state, step=True)

    def configure(self, **settings: Any) -> Json:  # noqa: ANN401 - any JSON
        """Change settings of the portal by name; answers all of them."""
        with self._held():
            self._state.settings = replace(self._state.settings, **settings)
            self._state.keep_settings()
            return asdict(self._state.settings)

    # Switches.

    def behaviours(self) -> list[Json]:
        """Every switch, with its explanation and the operations that it concerns."""
        return [
            {
                "name": one.value,
                "group": one.group,
                "text": one.__doc__,
                "operations": list(one.reach),
            }
            for one in Behaviour
        ]

    def arm(
        self,
        *,
        behaviour: str,
        number: str | None = None,
        operation: str | None = None,
        requests: int | None = None,
        skip: int = 0,
        **parameters: Any,  # noqa: ANN401 - any JSON
    ) -> None:
        """Arm a switch: always, for an invoice number, an operation, or requests to come."""
        with self._held():
            at = Operation(operation) if operation else None
            member = Behaviour[behaviour.upper()]
            if at and at not in member.reach:
                raise ValueError(f"{member} has no effect at {at}")
            self._state.armed.append(Arming(member, number, at, requests, parameters, skip))
            self._state.keep_armed()

    def disarm(self, *, behaviour: str | None = None) -> None:
        """Disarm a switch, or all."""
        with self._held():
            kept = [one for one in self._state.armed if behaviour not in {None, one.behaviour}]
            self._state.armed[:] = kept
            self._state.keep_armed()

    def armed(self) -> list[Json]:
        """What is armed, with the requests that remain."""
        with self._held():
            return [asdict(one) for one in self._state.armed]

    # Directory.

    def add_structure(
        self,
        *,
        siret: str,
        name: str,
        services: list[Json | Service] | None = None,
        **facts: Any,  # noqa: ANN401 - any JSON
    ) -> Json:
        """Add a structure, or replace the one of its SIRET."""
        with self._held():
            listed = [asdict(one) if isinstance(one, Service) else one for one in services or []]
            found = structure_from({"siret": siret, "name": name, "services": listed, **facts})
            self._state.keep_structure(found)
            return asdict(found)

    def structures(self) -> list[Json]:
        """The directory."""
        with self._held():
            return [asdict(one) for one in self._state.structures.values()]

    def close_structure(self, *, siret: str, at: str = "") -> None:
        """Close a structure now, or at an ISO instant to come."""
        self._change(siret, closes=at or self.now())

    def merge_structure(self, *, siret: str, successor: str, redirects: bool = False) -> None:
        """Merge a structure into another; the search of the old may answer with the new."""
        self._change(siret, closes=self.now(), successor=successor, redirects=redirects)

    def _change(self, siret: str, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        with self._held():
            found: Structure = self._state.structures[siret]
            self._state.keep_structure(replace(found, **facts))

    # Acts at the portal, of buyers and of the supplier's own people.

    def buyer(
        self, *, status: str, number: str = "", identifier: int = 0, reason: str = ""
    ) -> None:
        """Let the buyer of an invoice choose any status."""
        with self._held():
            settle(self._state)
            invoice = self._find(number, identifier)
            moment = self._state.moment(Operation.TREAT, [invoice.document.number])
            buyer_acts(self._state, moment, invoice, status, reason)
            self._state.keep_armed()

    def _find(self, number: str, identifier: int) -> Invoice:
        same = [
            one
            for one in self._state.invoices.values()
            if number in {"", one.document.number} and identifier in {0, one.cpp_id}
        ]
        return max(same, key=lambda one: (one.living, not one.copy_of, one.rank))

    def key_invoice(
        self,
        *,
        number: str,
        status: str = "",
        mode: str = "SAISIE_PORTAIL",
        **facts: Any,  # noqa: ANN401 - any JSON
    ) -> int:
        """Key an invoice by hand: any number and facts of a `Document`."""
        with self._held():
            given = {"supplier": self._state.settings.supplier, "issued": self.now()[:10], **facts}
            document = Document("hand", number, **given)
            invoice = add_invoice(self._state, document, "", "")
            invoice.mode = mode
            self._state.keep_invoice(invoice)
            if status:
                self.buyer(status=status, identifier=invoice.cpp_id)
            return invoice.cpp_id

    # What is held.

    def recorded(self) -> list[Json]:
        """Every deposited file: flux, name, SHA-256, time, numbers, verdict and reasons."""
        with self._held():
            settle(self._state)
            return [
                {**asdict(one), "numbers": [inner.number for inner in one.documents]}
                for one in self._state.fluxes.values()
            ]

    def file_of(self, *, flux: str) -> str:
        """The deposited bytes of a flux, as Latin-1 text."""
        return self._state.file(self._state.fluxes[flux].sha256).decode("latin-1")

    def invoices(self) -> list[Json]:
        """Every invoice held, living or not, with its passages and what uniqueness compares."""
        with self._held():
            settle(self._state)
            return [
                {
                    **asdict(one),
                    "unique": list(one.document.unique),
                    "kind": one.document.kind,
                    "status": one.passages[-1].status,
                }
                for one in self._state.invoices.values()
            ]

    def requests(self) -> list[Json]:
        """The journal of requests: time, operation, SHA-256 of the body, status, own error."""
        with self._held():
            return list(self._state.requests.values())

    def _note(self, path: str, body: bytes, status: int, error: str) -> None:
        fact = {"at": self.now(), "path": path, "status": status, "error": error}
        self._state.keep_request(fact | {"sha256": hashlib.sha256(body).hexdigest()})
