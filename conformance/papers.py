"""The documents to judge: those of the golden samples, and copies broken on purpose."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pikepdf

from conformance import Standard
from tests.golden.samples import SAMPLES
from worker.formats import PDF, Branding, render_all
from worker.formats.embedding import XML_NAME
from worker.formats.profiles import ALWAYS, ON_DEMAND

PROFILES = (*ALWAYS, *(profile for group in ON_DEMAND.values() for profile in group))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One PDF. ``profile`` is what its invoice claims, empty for a statement."""

    name: str
    profile: str
    content: bytes
    is_facturx: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A break that must be refused, by this rule of this standard."""

    name: str
    standard: Standard
    rule: str
    break_it: Callable[[pikepdf.Pdf], None]


def golden_papers() -> Iterator[Paper]:
    """Every PDF of every sample in every dialect, then the PDFs attached inside."""
    for sample, build in SAMPLES.items():
        for document in render_all(*build(), Branding(), PROFILES):
            if document.media_type != PDF:
                continue
            paper = Paper(
                name=f"{sample}.{document.kind}",
                profile=document.profile,
                content=document.content,
                is_facturx=document.kind.endswith("facturx.pdf"),
            )
            yield paper
            yield from _attached(paper)


def _attached(paper: Paper) -> Iterator[Paper]:
    with pikepdf.open(io.BytesIO(paper.content)) as pdf:
        for name, attachment in pdf.attachments.items():
            file = attachment.get_file()
            if file.mime_type == PDF:
                yield Paper(
                    name=f"{paper.name}.{name}",
                    profile="",
                    content=file.read_bytes(),
                    is_facturx=False,
                )


def broken(paper: Paper, control: Control) -> Paper:
    """A copy of a Factur-X that has to be refused."""
    altered = io.BytesIO()
    with pikepdf.open(io.BytesIO(paper.content)) as pdf:
        control.break_it(pdf)
        pdf.save(altered)
    return Paper(
        name=f"{control.name.replace(' ', '-')}.pdf",
        profile=paper.profile,
        content=altered.getvalue(),
        is_facturx=paper.is_facturx,
    )


def _forget_language(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.Lang


def _forget_claim(pdf: pikepdf.Pdf) -> None:
    with pdf.open_metadata(set_pikepdf_as_editor=False) as claims:
        del claims["pdfuaid:part"]


def _forget_relationship(pdf: pikepdf.Pdf) -> None:
    del pdf.attachments[XML_NAME].obj.AFRelationship


def _forget_xml(pdf: pikepdf.Pdf) -> None:
    del pdf.attachments[XML_NAME]


def _change_total(pdf: pikepdf.Pdf) -> None:
    """Write a 1 before the total with VAT (BT-112)."""
    stream = pdf.attachments[XML_NAME].obj.EF.F
    tag = b"<ram:GrandTotalAmount>"
    stream.write(stream.read_bytes().replace(tag, tag + b"1"))


CONTROLS = (
    Control(
        name="relationship of the XML removed",
        standard=Standard.PDF_A,
        rule="ISO 19005-3:2012 6.8-3",
        break_it=_forget_relationship,
    ),
    Control(
        name="language removed",
        standard=Standard.PDF_UA,
        rule="ISO 14289-1:2014 7.2-34",
        break_it=_forget_language,
    ),
    Control(
        name="claim of accessibility removed",
        standard=Standard.PDF_UA,
        rule="claim",
        break_it=_forget_claim,
    ),
    Control(
        name="total changed in the XML",
        standard=Standard.FACTURX,
        rule="BR-CO-15",
        break_it=_change_total,
    ),
    Control(
        name="XML removed",
        standard=Standard.FACTURX,
        rule="type 17",
        break_it=_forget_xml,
    ),
)
