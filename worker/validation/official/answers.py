"""The answers of the checking process, between it and the program.

They are JSON and never pickled: the process that reads strangers' documents must not be able to
make the program run anything.
"""

import json
from dataclasses import asdict

from pydantic import TypeAdapter

from worker.errors import IntegrityError, StorageUnavailable, WorkerError
from worker.validation import Report

_REPORT = TypeAdapter(Report)

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
    """
    answer = json.loads(content)
    if error := answer.get("error"):
        raise _ERRORS.get(error["kind"], WorkerError)(error["message"], error["remedy"])
    return _REPORT.validate_python(answer["report"])
