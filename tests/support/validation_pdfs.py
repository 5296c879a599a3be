"""A sound Factur-X, spoiled one fact at a time, and what its marks are said to be."""

from collections.abc import Callable
from functools import cache
from io import BytesIO

import pikepdf

from tests.support.validation_samples import changed, cii_xml, facturx_pdf
from worker.billing.standard import EN16931
from worker.errors import Severity
from worker.validation.files.pdf_marks import Wrapping, read_wrapping, wrong_wrapping

Spoil = Callable[[pikepdf.Pdf], object]


@cache
def sound_pdf() -> bytes:
    """Our own Factur-X of the profile EN 16931."""
    return facturx_pdf(cii_xml())


def spoilt(spoil: Spoil) -> bytes:
    """The same with one thing changed."""
    target = BytesIO()
    with pikepdf.open(BytesIO(sound_pdf())) as document:
        spoil(document)
        document.save(target)
    return target.getvalue()


def xmp(old: str, new: str) -> Spoil:
    """Change a text of the metadata."""

    def spoil(document: pikepdf.Pdf) -> None:
        metadata = document.Root.Metadata
        metadata.write(changed(metadata.read_bytes(), old, new))

    return spoil


def file_of(document: pikepdf.Pdf) -> pikepdf.Object:
    """The description of the embedded XML."""
    return document.Root.Names.EmbeddedFiles.Names[1]


def sound_wrapping(spoil: Spoil = id) -> Wrapping:
    """Its marks, spoiled perhaps, read in this process."""
    with pikepdf.open(BytesIO(sound_pdf())) as document:
        spoil(document)
        return read_wrapping(document, file_of(document), "")


def marks(spoil: Spoil, profile: str = EN16931) -> list[str]:
    """The codes of what is wrong around the XML, a warning with a mark."""
    return [
        finding.code + ("?" if finding.severity is Severity.WARNING else "")
        for finding in wrong_wrapping(sound_wrapping(spoil), profile, known=True)
    ]
