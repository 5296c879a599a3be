"""The faults in the ledger: those that wait, those that were injected, where a plan stands."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from chorus_sandbox.entries import read_entry
from chorus_sandbox.fault_kinds import Armed, Fault, FaultKind, FaultPlan, Injection
from chorus_sandbox.ledger.tables import Tables, instant

_FILE = "faults file"


class Faults(Tables):
    """The faults."""

    def arm(self, faults: Iterable[Fault], *, now: datetime, replacing: bool = False) -> None:
        """Adds faults to those that wait, or puts them in their place when `replacing`."""
        with self.transaction():
            self._arm(faults, now, replacing=replacing)

    def arm_file(self, digest: str, faults: Iterable[Fault], *, now: datetime) -> None:
        """Arms the faults of a file, unless the same file was armed before: a restart goes on."""
        with self.transaction():
            if self._mark(_FILE) != digest:
                self._set_mark(_FILE, digest)
                self._arm(faults, now, replacing=True)

    def clear(self) -> None:
        """Deletes the faults that wait; what was injected stays known."""
        with self.transaction():
            self._run("DELETE FROM fault")

    def _arm(self, faults: Iterable[Fault], now: datetime, *, replacing: bool) -> None:
        if replacing:
            self._run("DELETE FROM fault")
        for fault in faults:
            self._add(fault, now)

    def armed(self) -> tuple[Armed, ...]:
        """The faults that wait, in the order they were given."""
        return tuple(self._rows())

    def injected(self) -> tuple[Injection, ...]:
        """Every fault injected, oldest first."""
        return self._select(Injection, "ORDER BY id")

    def draw(self, path: str, *, now: datetime, plan: FaultPlan | None) -> tuple[int, Fault] | None:
        """The fault a request meets, already noted as injected, and the rank of that note.

        Faults that wait come before the plan; a request meets one at most.
        """
        if plan is None and not self._run("SELECT 1 FROM fault").fetchone():
            return None
        with self.transaction():
            rank = self._next_rank(plan) if plan else 0
            planned = False
            fault = self._next_armed(path, now)
            if fault is None and plan is not None:
                fault = plan.draw(rank, path)
                planned = True
                if fault is not None and fault.times is not None and fault.times > 1:
                    self._add(replace(fault, times=fault.times - 1), now)
            if fault is None:
                return None
            note = self._insert("injection", at=now, kind=fault.kind, path=path, planned=planned)
        return note, fault

    def name_flux(self, injection: int, flux_number: str) -> None:
        """Notes the flux that a request recorded in spite of its fault."""
        with self.transaction():
            noted = "UPDATE injection SET flux_number = ? WHERE id = ?"
            self._run(noted, flux_number, injection)

    def _add(self, fault: Fault, now: datetime) -> None:
        lasting = fault.kind is FaultKind.MAINTENANCE and fault.seconds is not None
        ends_at = now + timedelta(seconds=fault.seconds or 0) if lasting else None
        self._insert(
            "fault",
            description=json.dumps(fault.described()),
            skip=fault.skip,
            remaining=None if lasting else fault.times,
            ends_at=ends_at,
        )

    def _rows(self) -> Iterator[Armed]:
        rows = self._run(
            "SELECT id, description, skip, remaining, ends_at FROM fault ORDER BY id"
        ).fetchall()
        for identifier, description, skip, remaining, ends_at in rows:
            fault = read_entry(json.loads(description), Fault, f"panne {identifier}")
            yield Armed(
                id=identifier,
                fault=replace(fault, skip=skip, times=remaining),
                ends_at=None if ends_at is None else instant(ends_at),
            )

    def _next_armed(self, path: str, now: datetime) -> Fault | None:
        for armed in self._rows():
            if armed.ends_at is not None and armed.ends_at <= now:
                self._run("DELETE FROM fault WHERE id = ?", armed.id)
            elif armed.fault.applies_to(path):
                if not armed.fault.skip:
                    self._run("UPDATE fault SET remaining = remaining - 1 WHERE id = ?", armed.id)
                    self._run("DELETE FROM fault WHERE remaining = 0")
                    return armed.fault
                self._run("UPDATE fault SET skip = skip - 1 WHERE id = ?", armed.id)
        return None

    def _next_rank(self, plan: FaultPlan) -> int:
        rank = int(self._mark(plan.name) or 0) + 1
        self._set_mark(plan.name, str(rank))
        return rank

    def _mark(self, name: str) -> str | None:
        row = self._run("SELECT value FROM mark WHERE name = ?", name).fetchone()
        return str(row[0]) if row else None

    def _set_mark(self, name: str, value: str) -> None:
        self._run("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)", name, value)
