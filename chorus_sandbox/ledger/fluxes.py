"""The fluxes in the ledger: each deposit, its bytes, its verdict."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from chorus_sandbox.ledger.records import FluxRecord, FluxState, RefusedInvoice, TechnicalError
from chorus_sandbox.ledger.tables import Tables


class Fluxes(Tables):
    """The fluxes."""

    def add(
        self,
        content: bytes,
        *,
        file_name: str,
        syntax: str,
        interface: str,
        now: datetime,
        delay: timedelta,
        index_delay: timedelta = timedelta(0),
        incident: bool = False,
        turned_away: bool = False,
        unchecked: bool = False,
    ) -> FluxRecord:
        """Records a deposit and gives it the next number: it is on disk when this returns.

        Args:
            content: the bytes, any file.
            file_name: the name the depositor gave.
            syntax: ``syntaxeFlux``.
            interface: four digits.
            now: instant of the deposit.
            delay: time until the verdict.
            index_delay: time until its invoices are found, once integrated.
            incident: end in an incident whatever the file is worth.
            turned_away: end in a rejection whatever the file is worth.
            unchecked: integrate it even when its number is taken.
        """
        with self.transaction():
            (rank,) = self._run("SELECT coalesce(max(id), 0) + 1 FROM flux").fetchone()
            self._insert(
                "flux",
                id=rank,
                number=f"CPP001{interface}{rank:015d}",
                syntax=syntax,
                interface=f"FSO{interface}A",
                file_name=file_name,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                deposited_at=now,
                due_at=now + delay,
                state=FluxState.WAITING,
                state_at=now,
                index_delay=index_delay,
                incident=incident,
                turned_away=turned_away,
                unchecked=unchecked,
            )
            self._insert("flux_content", flux_id=rank, content=content)
        (flux,) = self._select(FluxRecord, "WHERE id = ?", rank)
        return flux

    def numbered(self, number: str) -> FluxRecord | None:
        """The flux of a number, if it was ever given out."""
        return next(iter(self._select(FluxRecord, "WHERE number = ?", number)), None)

    def content(self, flux: FluxRecord) -> bytes:
        """The bytes of a flux, as deposited."""
        kept = self._run("SELECT content FROM flux_content WHERE flux_id = ?", flux.id)
        return bytes(kept.fetchone()[0])

    def next_due(self, now: datetime, *, up_to: int | None = None) -> FluxRecord | None:
        """The oldest flux whose verdict is due and not given, no later than a rank if told."""
        # The state is spelled out: a partial index does not serve a parameter.
        due = f"state = '{FluxState.WAITING}' AND due_at <= ? AND id <= coalesce(?, id)"
        clauses = f"WHERE {due} ORDER BY id LIMIT 1"
        return next(iter(self._select(FluxRecord, clauses, now, up_to)), None)

    def is_waiting(self, flux: FluxRecord) -> bool:
        """Whether the verdict on a flux is still to be given."""
        clauses = "WHERE id = ? AND state = ?"
        return bool(self._select(FluxRecord, clauses, flux.id, FluxState.WAITING))

    def count_report(self, flux: FluxRecord) -> None:
        """Notes that a report was answered."""
        with self.transaction():
            self._run("UPDATE flux SET reports = reports + 1 WHERE id = ?", flux.id)

    def all(self) -> tuple[FluxRecord, ...]:
        """Every flux, oldest first; row 0 stands for what was keyed, and is none."""
        return self._select(FluxRecord, "WHERE id > 0 ORDER BY id")

    def latest(self, most: int) -> tuple[FluxRecord, ...]:
        """So many fluxes, newest first."""
        return self._select(FluxRecord, "WHERE id > 0 ORDER BY id DESC LIMIT ?", most)

    def conclude(
        self,
        flux: FluxRecord,
        state: FluxState,
        *,
        technical: Sequence[TechnicalError] = (),
        refused: Sequence[RefusedInvoice] = (),
    ) -> None:
        """Writes the verdict on a flux, dated from the instant it was due."""
        self._run(
            "UPDATE flux SET state = ?, state_at = due_at, technical_errors = ?,"
            " refused_invoices = ? WHERE id = ?",
            state,
            tuple(technical),
            tuple(refused),
            flux.id,
        )

    def replay(self, flux: FluxRecord, *, at: datetime) -> None:
        """Has a verdict given once more, from this instant on, without the faults asked for."""
        self._run(
            "UPDATE flux SET state = ?, state_at = ?, due_at = ?, incident = 0, turned_away = 0,"
            " technical_errors = '[]', refused_invoices = '[]' WHERE id = ?",
            FluxState.WAITING,
            at,
            at,
            flux.id,
        )
