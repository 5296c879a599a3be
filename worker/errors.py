"""The one tree of exceptions. A message says what happened, on which record, and what to do.

::

    WorkerError                 (70)  a defect of ours, if nothing more precise fits
    ├── WrongUse                 (2)  command, configuration or input file to correct
    │   ├── ConfigurationError
    │   ├── TariffError
    │   ├── ImportRefused             a file with bad rows; nothing of it was taken
    │   └── SellerUnfit               the portal would refuse whatever this seller sends
    ├── PortalError              (3)  nothing is lost: try later
    │   ├── PortalDown                the portal could not be reached, or asked to wait
    │   └── PortalAnswerError         it answered, but not what a read can use
    ├── PortalAccessRefused      (2)  credentials or rights to correct, then try again
    │   └── DepositsRefused           one deposit after the other, for a reason common to all
    ├── StorageUnavailable       (3)  database locked or disk full: nothing half done
    ├── Refused                  (4)  the command would break a rule
    ├── InvalidDocument          (4)  a rendered document breaks a rule: nothing of it is kept
    ├── ChangedMeanwhile         (3)  data changed while a member was being prepared
    ├── ChildFailed             (70)  a bounded child process ended without an answer
    └── IntegrityError          (70)  something kept was altered: stop and look
        └── UnreadableRecord          a row of one invoice or member: it alone stops

The number is the exit code of the command line (docs/commands.md).
Data errors that concern one record of many are findings: values, which stop nothing by themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

KEEP_AND_COMPARE = "Conservez tout en l'état et comparez à une sauvegarde."
"""What to do about anything that was altered."""
VERIFY_AND_COMPARE = "Tapez « journal verify », et comparez à une sauvegarde."
"""What to do before it is known what was altered."""


class Severity(StrEnum):
    """How much a finding weighs."""

    BLOCKING = "blocking"
    """The record cannot go on: a person must correct something first."""
    WARNING = "warning"
    """The record goes on; a person should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of a check.

    Attributes:
        code: stable identifier, one of ``docs/findings.md`` or of an official rule.
        message: what is wrong, in French, naming the record.
        remedy: what to do about it, in French; empty when nothing can be done.
        severity: whether it stops the record.
        where: the place, for people: a file, line and column, or a path in a document.
        value: the offending value as it was read, shortened.
    """

    code: str
    message: str
    remedy: str = ""
    severity: Severity = Severity.BLOCKING
    where: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingGroup:
    """Findings of one cause, told as one.

    Attributes:
        count: how many there are.
        where: the places of all, for people.
        value: the offending value, of one alone.
    """

    code: str
    count: int
    message: str
    remedy: str = ""
    severity: Severity = Severity.BLOCKING
    where: str = ""
    value: str = ""


def has_blocking(findings: Iterable[Finding]) -> bool:
    """Whether at least one finding stops the record."""
    return any(finding.severity is Severity.BLOCKING for finding in findings)


class WorkerError(Exception):
    """Base of all. ``message`` and ``remedy`` are French: people read them."""

    exit_code = 70

    def __init__(self, message: str, remedy: str = "", *, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.findings = tuple(findings)


class WrongUse(WorkerError):
    """The command, the configuration or an input file must be corrected."""

    exit_code = 2


class ConfigurationError(WrongUse):
    """The configuration is missing, unreadable or wrong."""


class TariffError(WrongUse):
    """A tariff grid is missing, wrong, or was changed after it had been used."""


class ImportRefused(WrongUse):
    """An input file has bad rows; nothing of it was taken.

    ``groups``: the findings again, those of one cause as one.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        findings: Sequence[Finding] = (),
        groups: Sequence[FindingGroup] = (),
    ) -> None:
        super().__init__(message, remedy, findings=findings)
        self.groups = tuple(groups)


class SellerUnfit(WrongUse):
    """The portal would refuse whatever this seller sends: nothing was issued."""


class PortalError(WorkerError):
    """The portal gave nothing that a read can use; nothing is lost, try later.

    ``wait``: seconds during which it asked to be left alone; 0 when it did not say.
    """

    exit_code = 3

    def __init__(self, message: str, remedy: str = "", *, wait: float = 0) -> None:
        super().__init__(message, remedy)
        self.wait = wait


class PortalDown(PortalError):
    """The portal could not be reached, or asked to wait."""


class PortalAnswerError(PortalError):
    """The portal's answer to a read is an error code, or cannot be understood."""


class PortalAccessRefused(WorkerError):
    """The portal refuses our credentials or rights: repeating would not help."""

    exit_code = 2


class DepositsRefused(PortalAccessRefused):
    """The portal refuses one deposit after the other for the same reason: it is not theirs."""


class StorageUnavailable(WorkerError):
    """The database or the disk refused; the transaction was undone."""

    exit_code = 3


class Refused(WorkerError):
    """The command would break a rule; it says which and what to do instead."""

    exit_code = 4


class InvalidDocument(WorkerError):
    """A rendered document breaks a rule: nothing of it is kept."""

    exit_code = 4


class IntegrityError(WorkerError):
    """What was kept differs from what was recorded: someone must look before going on."""


class UnreadableRecord(IntegrityError):
    """A row about one invoice or member is not what the program wrote: it alone stops."""


def unreadable(error: UnreadableRecord) -> Finding:
    """What keeps one member back whose rows cannot be read."""
    return Finding(code="ROW-UNREADABLE", message=error.message.rstrip("."), remedy=error.remedy)
