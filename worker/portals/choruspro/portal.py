"""Chorus Pro through its REST API on PISTE, historic channel (reference §1, §2).

Two layers of identity: the PISTE application (a bearer token) and the *compte technique* (the
``cpro-account`` header). HTTP says whether the gateway let us in, ``codeRetour`` whether the
operation worked. Reads are repeated within bounds; what changes something is sent once.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from worker.billing.standard import DepositSyntax
from worker.portals import (
    DepositAnswer,
    FoundInvoice,
    HeldInvoice,
    IntegrationReport,
    InvoiceHistory,
    ServiceRecord,
    StructureRecord,
    SupportingFile,
)
from worker.portals.choruspro import completion, consultation, directory, search
from worker.portals.choruspro import deposit as depositing
from worker.portals.choruspro.access import ChorusProSettings
from worker.portals.choruspro.gateway import Gateway


class ChorusPro:
    """The portal contract over HTTP; every method means what ``Portal`` says. Close it when done.

    Safe between threads: they share one token, one pace and one circuit breaker.
    """

    def __init__(
        self,
        settings: ChorusProSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._gateway = Gateway(
            settings, monotonic=monotonic, sleep=sleep, clock=clock, heard=heard
        )

    def close(self) -> None:
        """Close the open connections."""
        self._gateway.close()

    def sign_in(self) -> None:
        self._gateway.prove_identity()

    def clock(self) -> datetime | None:
        return self._gateway.stated_at

    def deposit(self, *, file_name: str, syntax: DepositSyntax, content: bytes) -> DepositAnswer:
        return depositing.deposit(
            self._gateway, file_name=file_name, syntax=syntax, content=content
        )

    def integration_report(self, flux_number: str) -> IntegrationReport:
        return consultation.report(self._gateway, flux_number)

    def report_file(self, flux_number: str) -> bytes | None:
        return consultation.report_file(self._gateway, flux_number)

    def find(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        return search.find(self._gateway, invoice_number=invoice_number, flux_number=flux_number)

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        return search.changed(self._gateway, since, until)

    def issued(self, since: date, until: date) -> tuple[FoundInvoice, ...]:
        """Every invoice of ours dated in this period, bounds included."""
        return search.issued(self._gateway, since, until)

    def history(self, portal_id: str) -> InvoiceHistory:
        return consultation.history(self._gateway, int(portal_id))

    def held(self, portal_id: str) -> HeldInvoice:
        return consultation.held(self._gateway, int(portal_id))

    def download(self, portal_id: str) -> bytes:
        return consultation.download(self._gateway, int(portal_id))

    def complete(self, portal_id: str, *, comment: str, files: Sequence[SupportingFile]) -> None:
        completion.complete(self._gateway, int(portal_id), comment=comment, files=files)

    def acknowledge_rejection(self, portal_id: str) -> None:
        completion.acknowledge_rejection(self._gateway, int(portal_id))

    def structure(self, siret: str) -> StructureRecord | None:
        return directory.structure(self._gateway, siret)

    def service(self, structure: StructureRecord, code: str) -> ServiceRecord | None:
        return directory.service(self._gateway, structure, code)
