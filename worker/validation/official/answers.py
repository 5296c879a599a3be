"""The answers of the checking process, between it and the program.

They are JSON and never pickled: the process that reads strangers' documents must not be able to
make the program run anything. They are taken apart by hand: pydantic costs a tenth of a second on
both sides.
"""

import json
from dataclasses import asdict
from typing import Any

from worker.errors import Finding, IntegrityError, Severity, StorageUnavailable, WorkerError
from worker.validation import Report, RuleSet

_ERRORS = {kind.__name__: kind for kind in (IntegrityError, StorageUnavailable)}
"""Those that say more than that there is no verdict: each has its exit code."""


def encode_answer(answer: Report | WorkerError) -> bytes:
    """A report, or why there is none."""
    match answer:
        case Report():
            return json.dumps({"report": asdict(answer)}).encode()
        case WorkerError():
            said = {
                "message": answer.message,
                "remedy": answer.remedy,
                "kind": type(answer).__name__,
            }
            return json.dumps({"error": said}).encode()


def decode_answer(content: bytes) -> Report:
    """The report.

    Raises:
        WorkerError: the one that the other side met.
        TypeError, ValueError, KeyError: it is none.
    """
    answer = json.loads(content)
    if error := answer.get("error"):
        raise _ERRORS.get(error["kind"], WorkerError)(error["message"], error["remedy"])
    report = answer["report"]
    if report.keys() != {"rule_set", "valid", "findings"} or not isinstance(report["valid"], bool):
        raise ValueError("not a report")
    return Report(
        rule_set=RuleSet(**_texts(report["rule_set"])),
        valid=report["valid"],
        findings=tuple(map(_finding, report["findings"])),
    )


def _finding(fields: dict[str, Any]) -> Finding:
    return Finding(**_texts(fields) | {"severity": Severity(fields["severity"])})


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    if not all(isinstance(value, str) for value in fields.values()):
        raise TypeError("not all are texts")
    return fields
