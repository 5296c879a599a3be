"""Validation for the whole program: one checking process, fed by one thread.

``submit`` answers with a future, so that a batch prepares the next document meanwhile. The
process is started again when it dies; a document that kills it twice gets a finding that blocks,
and the others go on. Nothing is ever valid because something could not run.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Self

from worker.billing.standard import Rules, Schema, Sheet
from worker.isolation.child import Child, ChildFailed, Ending
from worker.isolation.limits import VALIDATION, Program
from worker.validation import Report
from worker.validation.official.answers import decode_answer
from worker.validation.official.artefacts import SchemaFolders, installed_folders
from worker.validation.official.schemas import rule_set
from worker.validation.official.schematron import suits
from worker.validation.wording import worded

ATTEMPTS = 2

_Request = tuple[bytes, tuple[Rules, ...], "Future[tuple[Report, ...]]"]


class ValidationService:
    """Checks documents in a process of its own; usable from any thread.

    Args:
        folders: where schemas and rules are, when not those of this installation.
        program: what runs in the checking process; its ``wall`` is for one rule set on one
            document: a usual one takes 10 ms, a first one compiles for 1 s.
        ours: whether the documents are those of this program, which no memory bound can be met by.

    Raises:
        IntegrityError: at once, when a part of the installation is missing; of an artefact that
            was altered, with the first document that needs it.
    """

    def __init__(
        self,
        folders: SchemaFolders | None = None,
        *,
        program: Program = VALIDATION,
        ours: bool = False,
    ) -> None:
        self._ours = ours
        self._folders = folders or installed_folders()
        self._program = program
        folders_and_wall = (self._folders.ours, self._folders.official, program.bounds.wall)
        self._arguments = tuple(map(str, folders_and_wall))
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._lock = Lock()
        self._closed = False
        self._child: Child | None = None
        self._thread = Thread(target=self._run, name="validation", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def submit(self, xml: bytes, rules: Sequence[Rules]) -> "Future[tuple[Report, ...]]":
        """Queue one document.

        Args:
            xml: the document.
            rules: what it must pass, in this order. Nothing is run after a schema that refuses;
                every sheet is run otherwise.

        Returns:
            One report for each rule set that was run. Its ``result()`` raises IntegrityError or
            ChildFailed when there is no verdict.

        Raises:
            ValueError: when there is no rule, or the first is not a schema of the same syntax:
                a sheet may only see what its schema has accepted.
            ChildFailed: when the service is closed.
        """
        schema = rules[0] if rules else None
        if not isinstance(schema, Schema):
            raise ValueError("the first rule set must be a schema")  # noqa: TRY004 - or no rule
        if not all(suits(rule, schema) for rule in rules if isinstance(rule, Sheet)):
            raise ValueError(f"a sheet of another syntax than the schema {schema}")
        future: Future[tuple[Report, ...]] = Future()
        with self._lock:
            if self._closed:
                raise _closed()
            self._requests.put((xml, tuple(rules), future))
        return future

    def check(self, xml: bytes, rules: Sequence[Rules]) -> tuple[Report, ...]:
        """The same, waiting for the answer."""
        return self.submit(xml, rules).result()

    def close(self) -> None:
        """End the process; what was still waiting is cancelled. Closing again does nothing."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()
            self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            xml, rules, future = request
            if self._closed:
                future.cancel()
            elif future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._reports(xml, rules))
                except Exception as error:  # noqa: BLE001 - handed to who waits for the answer
                    future.set_exception(error)
        if self._child is not None:
            self._child.end()

    def _reports(self, xml: bytes, rules: tuple[Rules, ...]) -> tuple[Report, ...]:
        reports: list[Report] = []
        for rule in rules:
            report = self._report(xml, rule)
            reports.append(report)
            unrun = any(finding.code == "VALIDATOR-FAILED" for finding in report.findings)
            # What one sheet has no time for, the next would not either.
            if unrun or (isinstance(rule, Schema) and not report.valid):
                break
        return tuple(reports)

    def _report(self, xml: bytes, rule: Rules) -> Report:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                child = self._living_child()
                child.request(rule.encode(), xml)
                return child.receive(decode_answer)
            except ChildFailed as failed:
                if self._closed:
                    raise _closed() from None
                if failed.ending is Ending.START:
                    raise ChildFailed(
                        f"Le validateur ne démarre pas (détail technique : {failed.detail}).",
                        "Réinstallez le programme avec ses dépendances, ou libérez de la mémoire.",
                        ending=failed.ending,
                    ) from failed
                # It costs a tenth of a second, which only a death is worth.
                import structlog  # noqa: PLC0415

                structlog.get_logger(__name__).warning(
                    "checking process died",
                    rules=rule.value,
                    attempt=attempt,
                    ending=failed.ending.value,
                    said=failed.detail,
                )
                last = failed
                if failed.ending is Ending.WALL and not self._ours:
                    # A second try would double the time that a document of another can take.
                    break
        starved = last.ending is Ending.MEMORY
        if last.ending is Ending.KILLED or (starved and self._ours):
            # Lack of memory is the fault of no document, and no member is parked for it.
            raise ChildFailed(
                f"Le validateur n'a pas pu contrôler ce document : {last.reason}.",
                "Libérez de la mémoire, puis relancez : rien n'a été fait à moitié.",
                ending=last.ending,
            )
        case = "machine" if starved else "document"
        finding = worded("VALIDATOR-FAILED", case, reason=last.reason)
        return Report(rule_set=rule_set(rule, self._folders), valid=False, findings=(finding,))

    def _living_child(self) -> Child:
        child = self._child
        if child is None or not child.is_alive():
            if child is not None:
                child.end()
            with self._lock:
                if self._closed:
                    raise _closed()
                child = self._child = Child(self._program, *self._arguments, subject="ce document")
        return child


def _closed() -> ChildFailed:
    return ChildFailed("Le contrôle a été interrompu : il n'y a pas de verdict.")
