"""The checking process: holds every compiled schema and sheet, answers one question at a time.

``service`` starts it and feeds it. It has no terminal, no secret and no network in what it loads;
it ends when its input does, so never outlives the program.
"""

import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from worker.billing.standard import Schema, Sheet
from worker.errors import WorkerError, WrongUse
from worker.validation import Report
from worker.validation.official.artefacts import SchemaFolders
from worker.validation.official.frames import READY, encode_answer, read_frame, write_frame
from worker.validation.official.schemas import check_xsd
from worker.validation.official.schematron import Sheets
from worker.validation.xml import parse_xml

MAX_DATA = 1_200_000_000
"""Memory it may write to. Saxon's native image reserves 32 GB of addresses before it starts, so
a bound on addresses (RLIMIT_AS) stops it at once; the bound on data it respects: it needs 380 MB
with every sheet compiled, and dies cleanly when it reaches the bound."""
MAX_WRITTEN = 16_000_000
"""Of one file: the sheets it prepares and what it complains of."""
RETIRED = 600_000_000
"""Resident memory above which it ends once it has answered: the next document gets a new one."""


class Checker:
    """Everything compiled, and the last document, which is asked about several times."""

    def __init__(self, folders: SchemaFolders) -> None:
        self.folders = folders
        self.sheets = Sheets(folders)
        self._last: tuple[bytes, etree._ElementTree] | None = None

    def answer(self, rules: str, content: bytes) -> Report | WorkerError:
        """The report of one rule set, or why there is none."""
        try:
            if rules in set(Schema):
                return check_xsd(Schema(rules), content, folders=self.folders)
            return self.sheets.check(Sheet(rules), self._tree(content))
        except WrongUse as unreadable:
            # Its schema should have refused it first.
            return WorkerError(unreadable.message, unreadable.remedy)
        except WorkerError as error:
            return error

    def _tree(self, content: bytes) -> etree._ElementTree:
        if self._last is None or self._last[0] != content:
            self._last = (content, parse_xml(content))
        return self._last[1]


def serve(checker: Checker, source: BinaryIO, target: BinaryIO, seconds: int) -> None:
    """Answer until the program has no more to ask."""
    write_frame(target, READY)
    while True:
        rules, content = read_frame(source), read_frame(source)
        if rules is None or content is None:
            return
        # The system itself ends a check that does not: no thread of Python runs meanwhile.
        signal.alarm(seconds)
        write_frame(target, encode_answer(checker.answer(rules.decode(), content)))
        signal.alarm(0)
        if _resident() > RETIRED:
            return


def _resident() -> int:
    """Not ``ru_maxrss``, which counts what the program had when it started this process."""
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * resource.getpagesize()
    )


def _main(ours: str, official: str, seconds: str) -> None:
    for limit, bound in (
        (resource.RLIMIT_DATA, MAX_DATA),
        (resource.RLIMIT_FSIZE, MAX_WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        # Whoever started us may have set a lower one, which only root could raise.
        _, hard = resource.getrlimit(limit)
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(limit, (allowed, allowed))
    # Whatever a library prints must not be taken for an answer.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    checker = Checker(SchemaFolders(ours=Path(ours), official=Path(official)))
    serve(checker, sys.stdin.buffer, target, int(seconds))


if __name__ == "__main__":
    try:
        _main(*sys.argv[1:])
    except BrokenPipeError:
        sys.exit(0)
