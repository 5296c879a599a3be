"""Take the invoice XML out of a hybrid PDF, and what the PDF says of it, in a process of its own.

A PDF may unfold to any size as soon as it is opened, inside a library: only the operating system
can stop that. ``read_hybrid`` starts this module as a child with bounded memory and time, gives
it the PDF on standard input and reads, on standard output, a line of JSON and the XML.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from io import BytesIO
from typing import Any

from worker.errors import Finding, WrongUse
from worker.validation.files.pdf_marks import Wrapping, read_wrapping

XML_NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")
"""Embedded files that hold an invoice; order-x.xml is an order."""
MAX_XML = 20_000_000
MAX_MEMORY = 700_000_000
"""Address space of the child; the largest PDF read is 50 MB."""
MAX_SECONDS = 20
_ODD = (ValueError, TypeError, KeyError, AttributeError)
"""What the PDF library raises where something is not what its place promises."""
MAX_NODES = 10_000
"""Of the tree of embedded files."""


class _Exit(IntEnum):
    """What the child has to say."""

    FOUND = 0
    NO_XML = 10
    ENCRYPTED = 11
    DAMAGED = 12
    TOO_LARGE = 13
    AMBIGUOUS = 14


_MESSAGES = {
    _Exit.NO_XML: (
        "PDF-NO-XML",
        "Ce PDF ne contient pas de facture électronique : aucun fichier factur-x.xml.",
        "Transmettez un PDF Factur-X, ou le fichier XML de la facture.",
    ),
    _Exit.AMBIGUOUS: (
        "PDF-AMBIGUOUS",
        "Ce PDF contient plusieurs fichiers nommés comme la facture : nul ne sait lequel sera lu.",
        "Exportez-le à nouveau, avec un seul fichier factur-x.xml.",
    ),
    _Exit.ENCRYPTED: (
        "PDF-ENCRYPTED",
        "Ce PDF est chiffré ou protégé : Chorus Pro ne peut pas le lire.",
        "Exportez-le à nouveau sans mot de passe ni protection.",
    ),
    _Exit.DAMAGED: (
        "PDF-DAMAGED",
        "Ce PDF est endommagé.",
        "Exportez-le à nouveau depuis le logiciel qui l'a produit.",
    ),
    _Exit.TOO_LARGE: (
        "PDF-TOO-LARGE",
        "Ce PDF demande trop de mémoire ou de temps pour être une facture.",
        "Vérifiez l'origine du fichier avant de le transmettre.",
    ),
}


@dataclass(frozen=True, slots=True)
class Hybrid:
    """An invoice XML and the PDF around it."""

    xml: bytes
    wrapping: Wrapping


def read_hybrid(pdf: bytes) -> Hybrid:
    """The invoice XML inside a PDF, and the marks around it.

    Raises:
        WrongUse: with one finding (``PDF-…``), when there is none or it cannot be read.
    """
    # -P: never import a module from the current folder. No environment: no secret in a process
    # that opens hostile files.
    environment = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "worker.validation.files.pdf"],
            input=pdf,
            capture_output=True,
            timeout=MAX_SECONDS + 10,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise _unreadable(_Exit.TOO_LARGE) from None
    if child.returncode == _Exit.FOUND:
        said, _, xml = child.stdout.partition(b"\n")
        marks = json.loads(said)
        return Hybrid(xml, Wrapping(**marks | {"actions": tuple(marks["actions"])}))
    try:
        reason = _Exit(child.returncode)
    except ValueError:
        # Killed by a bound (signal) or by the library itself: no answer is a refusal.
        reason = _Exit.TOO_LARGE if child.returncode < 0 else _Exit.DAMAGED
    raise _unreadable(reason)


def _unreadable(said: _Exit) -> WrongUse:
    code, message, remedy = _MESSAGES[said]
    return WrongUse(message, remedy, findings=[Finding(code=code, message=message, remedy=remedy)])


def _embedded_files(document: Any) -> Iterator[tuple[set[str], Any]]:  # noqa: ANN401 - pikepdf's
    """Every embedded file with all the names it goes by: a reader may look for any of them."""
    tree = document.Root.get("/Names", {}).get("/EmbeddedFiles")
    waiting, seen = [tree] if tree is not None else [], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > MAX_NODES:
            raise MemoryError
        waiting.extend(node.get("/Kids", []))
        pairs = list(node.get("/Names", []))
        for key, file in zip(pairs[::2], pairs[1::2], strict=False):
            names = {str(key)} | {str(file[name]) for name in ("/F", "/UF") if name in file}
            yield {name.lower() for name in names}, file


def _invoice_of(document: Any) -> tuple[_Exit, bytes]:  # noqa: ANN401 - pikepdf's
    found = [file for names, file in _embedded_files(document) if not names.isdisjoint(XML_NAMES)]
    if len(found) != 1:
        return (_Exit.AMBIGUOUS if found else _Exit.NO_XML), b""
    xml = found[0].EF.F.read_bytes()
    if len(xml) > MAX_XML:
        return _Exit.TOO_LARGE, b""
    marks = json.dumps(asdict(read_wrapping(document, found[0])))
    return _Exit.FOUND, marks.encode() + b"\n" + xml


def _extract(pdf: bytes) -> tuple[_Exit, bytes]:
    """In the child."""
    import pikepdf  # noqa: PLC0415 - only the child needs it, under its bounds

    try:
        with pikepdf.open(BytesIO(pdf)) as document:
            return (_Exit.ENCRYPTED, b"") if document.is_encrypted else _invoice_of(document)
    except pikepdf.PasswordError:
        return _Exit.ENCRYPTED, b""
    except MemoryError:
        return _Exit.TOO_LARGE, b""
    except (pikepdf.PdfError, pikepdf.DataDecodingError, *_ODD) as error:
        # The PDF library reports its lack of memory as a defect of the file.
        return (_Exit.TOO_LARGE if "bad_alloc" in str(error) else _Exit.DAMAGED), b""


def _main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said, answer = _extract(sys.stdin.buffer.read())
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return said


if __name__ == "__main__":
    sys.exit(_main())
