"""Take the invoice XML out of a hybrid PDF, and what the PDF says of it, in a bounded process.

``read_hybrid`` gives the PDF to the child, which runs ``prepare`` and answers with the marks in
JSON, then the XML; or with the reason why there is none.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from io import BytesIO
from typing import Any, BinaryIO

from worker.errors import Finding
from worker.isolation.child import Child, ChildFailed, Ending
from worker.isolation.frames import read_frame, write_frame
from worker.isolation.limits import PDF, Program
from worker.validation.files.pdf_actions import of_name_tree
from worker.validation.files.pdf_marks import (
    XML_NAME,
    XRECHNUNG_NAME,
    Wrapping,
    embedded_streams,
    read_wrapping,
)
from worker.validation.wording import unreadable, worded
from worker.validation.xml import MAX_BYTES

XML_NAMES = frozenset({XML_NAME, XRECHNUNG_NAME})
"""Embedded files that hold an invoice; order-x.xml is an order."""
OLDER_NAME = "zugferd-invoice.xml"
"""Of the same, before Factur-X: it holds the invoice when no file has a name of today."""
_ODD = (ValueError, TypeError, KeyError, AttributeError)
"""What the PDF library raises where something is not what its place promises."""


class _Lack(StrEnum):
    """Why a PDF gives no invoice."""

    NO_XML = "PDF-NO-XML"
    ENCRYPTED = "PDF-ENCRYPTED"
    DAMAGED = "PDF-DAMAGED"
    TOO_LARGE = "PDF-TOO-LARGE"
    AMBIGUOUS = "PDF-AMBIGUOUS"


class _Unfit(Exception):
    """In the child: the PDF gives no invoice."""

    def __init__(self, lack: _Lack) -> None:
        self.lack = lack


@dataclass(frozen=True, slots=True)
class Hybrid:
    """An invoice XML and the PDF around it."""

    xml: bytes
    wrapping: Wrapping


def read_hybrid(pdf: bytes, program: Program = PDF) -> Hybrid:
    """The invoice XML inside a PDF, and the marks around it, read in a bounded process.

    Raises:
        WrongUse: with one finding, when there is none (``PDF-…``), when reading it exceeds a bound
            (``PDF-TOO-LARGE``) or breaks the reader (``VALIDATOR-FAILED``).
        ChildFailed: the machine cannot read any PDF.
    """
    try:
        with Child(program, subject="ce PDF") as child:
            child.request(pdf)
            answer = child.receive(_decode)
            if isinstance(answer, Wrapping):
                return Hybrid(child.receive(bytes), answer)
    except ChildFailed as failed:
        if not failed.by_document:
            raise
        broken = failed.ending in {Ending.CRASH, Ending.GARBAGE}
        finding = Finding(
            code="VALIDATOR-FAILED" if broken else _Lack.TOO_LARGE.value,
            message=failed.message,
            remedy=failed.remedy,
        )
        raise unreadable(finding) from failed
    raise unreadable(worded(answer.value))


def _decode(said: bytes) -> Wrapping | _Lack:
    marks = json.loads(said)
    if not isinstance(marks, dict):
        return _Lack(marks)
    lists = {name: tuple(marks[name]) for name in ("names", "actions")}
    stated = {name: tuple(values) for name, values in marks["stated"].items()}
    return Wrapping(**marks | lists | {"stated": stated})


def _embedded_files(document: Any) -> Iterator[tuple[set[str], Any]]:  # noqa: ANN401 - pikepdf's
    """Every embedded file with all the names it goes by: a reader may look for any of them."""
    for key, file in of_name_tree(document.Root, "/EmbeddedFiles"):
        names = {str(key)} | {str(file[name]) for name in ("/F", "/UF") if name in file}
        yield {name.lower() for name in names}, file


def _invoice_of(document: Any) -> tuple[Wrapping, bytes]:  # noqa: ANN401 - pikepdf's
    current, older = [], []
    for names, file in _embedded_files(document):
        if not names.isdisjoint(XML_NAMES):
            current.append(file)
        elif OLDER_NAME in names:
            older.append(file)
    found = current or older
    if len(found) != 1:
        raise _Unfit(_Lack.AMBIGUOUS if found else _Lack.NO_XML)
    streams = embedded_streams(found[0])
    if not streams:
        raise _Unfit(_Lack.NO_XML)
    xml = next(iter(streams.values())).read_bytes()
    if len(xml) > MAX_BYTES:
        raise _Unfit(_Lack.TOO_LARGE)
    beside = str(older[0].get("/UF", OLDER_NAME)) if current and older else ""
    return read_wrapping(document, found[0], beside), xml


def prepare() -> Callable[[BinaryIO, BinaryIO], None]:
    """In the child: what reads one PDF."""
    import pikepdf  # noqa: PLC0415 - only the child needs it, under its bounds

    def extract(pdf: bytes) -> tuple[Wrapping, bytes]:
        try:
            with pikepdf.open(BytesIO(pdf)) as document:
                if document.is_encrypted:
                    raise _Unfit(_Lack.ENCRYPTED)
                return _invoice_of(document)
        except pikepdf.PasswordError:
            raise _Unfit(_Lack.ENCRYPTED) from None
        except (pikepdf.PdfError, pikepdf.DataDecodingError, *_ODD) as error:
            # The PDF library reports its lack of memory as a defect of the file.
            if "bad_alloc" in str(error):
                raise MemoryError from error
            raise _Unfit(_Lack.DAMAGED) from error

    def serve(source: BinaryIO, target: BinaryIO) -> None:
        try:
            wrapping, xml = extract(read_frame(source) or b"")
        except _Unfit as unfit:
            write_frame(target, json.dumps(unfit.lack).encode())
        else:
            write_frame(target, json.dumps(asdict(wrapping)).encode())
            write_frame(target, xml)

    return serve
