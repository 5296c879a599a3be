"""The checking process: holds every compiled schema and sheet, answers one question at a time.

``service`` starts it, under the bounds of ``isolation.limits``, and feeds it. It ends when its
input does, so never outlives the program.
"""

import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lxml import etree

from worker.billing.standard import Schema, Sheet
from worker.errors import WorkerError, WrongUse
from worker.isolation.frames import read_frame, write_frame
from worker.validation import Report
from worker.validation.official.answers import encode_answer
from worker.validation.official.artefacts import SchemaFolders
from worker.validation.official.schemas import check_xsd, collapse_dates
from worker.validation.official.schematron import Sheets
from worker.validation.xml import parse_xml

RETIRED = 600_000_000
"""Resident memory above which it ends once it has answered: the next document gets a new one."""

ATTACHMENT = 1000
"""Characters of an attachment that the sheets are given."""


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
            tree = parse_xml(content)
            collapse_dates(tree)
            _shorten_attachments(tree)
            self._last = (content, tree)
        return self._last[1]


def _shorten_attachments(tree: etree._ElementTree) -> None:
    """No sheet reads what is attached, in base64, but whether it is there."""
    for element in tree.iter("{*}EmbeddedDocumentBinaryObject", "{*}AttachmentBinaryObject"):
        element.text = (element.text or "")[:ATTACHMENT]


def prepare(ours: str, official: str, seconds: str) -> Callable[[BinaryIO, BinaryIO], None]:
    """What answers until the program has no more to ask; ``seconds`` bound each answer."""
    checker = Checker(SchemaFolders(ours=Path(ours), official=Path(official)))

    def serve(source: BinaryIO, target: BinaryIO) -> None:
        while _resident() < RETIRED:
            rules, content = read_frame(source), read_frame(source)
            if rules is None or content is None:
                return
            # The system itself ends a check that does not: no thread of Python runs meanwhile.
            signal.alarm(int(seconds))
            write_frame(target, encode_answer(checker.answer(rules.decode(), content)))
            signal.alarm(0)

    return serve


def _resident() -> int:
    """Not ``ru_maxrss``, which counts what the program had when it started this process."""
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * resource.getpagesize()
    )
