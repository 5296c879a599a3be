"""Validation for the whole program: one checking process, fed by one thread.

``submit`` answers with a future, so that a batch prepares the next document meanwhile. The
process is started again when it dies; a document that kills it twice gets a finding that blocks,
and the others go on. Nothing is ever valid because something could not run.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread, Timer
from typing import IO, BinaryIO, Self

import structlog

from worker.billing.standard import Rules, Schema, Sheet
from worker.errors import Finding, WorkerError
from worker.validation import Report, RuleSet
from worker.validation.official.artefacts import SchemaFolders, installed_folders, verify_artefacts
from worker.validation.official.frames import READY, decode_answer, read_frame, write_frame
from worker.validation.official.schemas import rule_set
from worker.validation.official.schematron import sheet_rule_set, suits

MAX_SECONDS = 60
"""For one rule set on one document; a usual one takes 10 ms, a first one compiles for 1 s."""
START_SECONDS = 30
ATTEMPTS = 2
_PASSED_ON = ("PYTHONPATH", "TMPDIR")
"""All the environment the process gets: no secret where hostile files are opened."""

_log = structlog.get_logger(__name__)
_Request = tuple[bytes, tuple[Rules, ...], "Future[tuple[Report, ...]]"]


class ValidatorStopped(WorkerError):
    """The checking process does not start or was closed: there is no verdict at all."""


class ValidationService:
    """Checks documents in a process of its own; usable from any thread.

    Args:
        folders: where schemas and rules are, when not those of this installation.
        seconds: what one rule set may take on one document.
        command: how to start the checking process, for the tests of its failures.

    Raises:
        IntegrityError: at once, when any artefact is missing or was altered.
    """

    def __init__(
        self,
        folders: SchemaFolders | None = None,
        *,
        seconds: int = MAX_SECONDS,
        command: Sequence[str] = (),
    ) -> None:
        self._folders = folders or installed_folders()
        verify_artefacts(self._folders)
        self._seconds = seconds
        # -P: never import a module from the current folder.
        self._command = list(command) or [
            *(sys.executable, "-P", "-m", "worker.validation.official.process"),
            *(str(self._folders.ours), str(self._folders.official), str(seconds)),
        ]
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._lock = Lock()
        self._closed = False
        self._process: _Process | None = None
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
            ValidatorStopped when there is no verdict.

        Raises:
            ValueError: when there is no rule, or the first is not a schema of the same syntax:
                a sheet may only see what its schema has accepted.
            ValidatorStopped: when the service is closed.
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
            if self._process is not None:
                self._process.kill()
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
        if self._process is not None:
            self._process.end()

    def _reports(self, xml: bytes, rules: tuple[Rules, ...]) -> tuple[Report, ...]:
        reports: list[Report] = []
        for rule in rules:
            reports.append(self._report(xml, rule))
            if isinstance(rule, Schema) and not reports[-1].valid:
                break
        return tuple(reports)

    def _report(self, xml: bytes, rule: Rules) -> Report:
        for attempt in range(1, ATTEMPTS + 1):
            process = self._living_process()
            answer = process.ask(rule, xml, self._seconds)
            if answer is not None:
                return decode_answer(answer)
            if self._closed:
                raise _closed()
            _log.warning(
                "checking process died", rules=rule.value, attempt=attempt, said=process.end()
            )
        return Report(
            rule_set=_rule_set(rule, self._folders),
            valid=False,
            findings=(
                Finding(
                    code="VALIDATOR-FAILED",
                    message="Ce document fait échouer le validateur : aucun verdict n'est "
                    "possible.",
                    remedy="Vérifiez l'origine et la taille du document ; s'il est normal, "
                    "signalez-le à qui maintient le programme.",
                ),
            ),
        )

    def _living_process(self) -> "_Process":
        process = self._process
        if process is None or not process.is_alive():
            if process is not None:
                process.end()
            with self._lock:
                if self._closed:
                    raise _closed()
                process = self._process = _Process(self._command)
            process.wait_until_ready()
        return process


class _Process:
    """One life of the checking process."""

    def __init__(self, command: Sequence[str]) -> None:
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - end() closes
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                # Ctrl-C is for the program, which ends the process in its own time.
                start_new_session=True,
            )
        except OSError as error:
            self._complaints.close()
            raise ValidatorStopped(
                f"Le validateur ne démarre pas : {error}", "Réessayez, ou libérez de la mémoire."
            ) from error

    def is_alive(self) -> bool:
        return self._child.poll() is None

    def kill(self) -> None:
        self._child.kill()

    def wait_until_ready(self) -> None:
        if self._bounded(START_SECONDS, lambda _source, target: read_frame(target)) != READY:
            raise ValidatorStopped(
                f"Le validateur ne démarre pas (détail technique : {self.end()}).",
                "Réinstallez le programme avec ses dépendances.",
            )

    def ask(self, rule: Rules, xml: bytes, seconds: float) -> bytes | None:
        """The answer, or nothing when the process died or had to be killed."""

        def exchange(source: BinaryIO, target: BinaryIO) -> bytes | None:
            write_frame(source, rule.encode())
            write_frame(source, xml)
            return read_frame(target)

        return self._bounded(seconds, exchange)

    def end(self) -> str:
        """Make sure it is gone; its last words."""
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            try:
                if stream is not None:
                    stream.close()
            except BrokenPipeError:
                continue
        if self._complaints.closed:
            return ""
        with self._complaints as complaints:
            complaints.seek(0)
            return complaints.read()[-500:].decode(errors="replace").strip()

    def _bounded(
        self, seconds: float, exchange: Callable[[BinaryIO, BinaryIO], bytes | None]
    ) -> bytes | None:
        source, target = self._child.stdin, self._child.stdout
        assert source is not None and target is not None  # noqa: S101, PT018 - both are pipes
        # Killing it is what unblocks the pipes, whichever side is waiting. The process has its
        # own alarm; a second later, this one is for a process that is stopped.
        deadline = Timer(seconds + 1, self._child.kill)
        deadline.daemon = True
        deadline.start()
        try:
            return exchange(source, target)  # type: ignore[arg-type]  # IO[bytes] is what it is
        except BrokenPipeError:
            return None
        finally:
            deadline.cancel()


def _rule_set(rule: Rules, folders: SchemaFolders) -> RuleSet:
    match rule:
        case Schema():
            return rule_set(rule, folders)
        case Sheet():
            return sheet_rule_set(rule, folders)


def _closed() -> ValidatorStopped:
    return ValidatorStopped("Le contrôle a été interrompu : il n'y a pas de verdict.")
