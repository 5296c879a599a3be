"""The graphic identity: colours that can be read, and images that are nothing but images."""

import io
import os
from base64 import b64encode
from pathlib import Path

import pytest
from PIL import Image

from worker.errors import ConfigurationError
from worker.formats.branding import MAX_LOGO_BYTES, Branding, read_branding
from worker.formats.logo import logo_problem
from worker.settings.keys import contrast_on_white

ACCENT = "#1d4f7c"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" %s</svg>'
SIZE = 'width="9" height="9">'


def image(kind: str, mode: str = "RGB") -> bytes:
    """A small image."""
    output = io.BytesIO()
    Image.new(mode, (4, 4)).save(output, kind)
    return output.getvalue()


def svg(body: str) -> bytes:
    """A drawing with ``body`` in it."""
    return (SVG % (SIZE + body)).encode()


def refusal(folder: Path, content: bytes | None) -> str:
    """What is said of a logo that cannot be used."""
    logo = folder / "logo.svg"
    if content is not None:
        logo.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_branding(ACCENT, logo)
    assert caught.value.remedy
    return caught.value.message


@pytest.mark.parametrize(
    "colour, ratio", [("#ffffff", 1), ("#000000", 21), ("#767676", 4.54), ("#777777", 4.48)]
)
def test_contrast_is_that_of_the_web_guidelines(colour: str, ratio: float) -> None:
    """The contrast of known colours is the one WCAG gives: #767676 is the palest grey allowed."""
    assert contrast_on_white(colour) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("colour", ["blue", "#12345", "#777777", "#ffcc00"])
def test_a_colour_that_is_none_or_too_pale_is_refused(colour: str) -> None:
    """Titles are never printed in a colour that nobody can read."""
    with pytest.raises(ValueError, match="colour"):
        Branding(accent=colour)


@pytest.mark.parametrize(
    "content",
    [
        image("PNG"),
        image("PNG", "RGBA"),
        image("JPEG"),
        svg('<path d="M0 0h9v9z"/>'),
        svg('<style>.a{fill:url(#g)}</style><g class="a"/><use xlink:href="#g"/>'),
        svg(f'<g fill="url({" " * 400_000}#a)"/>'),
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">' + svg("<g/>"),
    ],
    ids=["png", "transparent", "jpeg", "svg", "style", "spaces", "doctype"],
)
def test_images_are_taken_whatever_their_name(tmp_path: Path, content: bytes) -> None:
    """A PNG, JPEG or plain SVG becomes the logo, byte for byte."""
    logo = tmp_path / "logo"
    logo.write_bytes(content)

    assert read_branding(ACCENT, logo) == Branding(accent=ACCENT, logo=content)


def test_no_logo_is_a_look_too() -> None:
    """Without a logo only the colour is set."""
    assert read_branding(ACCENT, None) == Branding(accent=ACCENT)


def test_a_missing_logo_is_said_with_its_path(tmp_path: Path) -> None:
    """The message names the file and its key."""
    message = refusal(tmp_path, None)

    assert str(tmp_path / "logo.svg") in message
    assert "look.logo" in message
    assert "illisible" in message


def test_a_logo_too_big_is_refused(tmp_path: Path) -> None:
    """A logo travels in every document: more than 500 kB is too much."""
    assert "500 ko" in refusal(tmp_path, b"x" * (MAX_LOGO_BYTES + 1))


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"%PDF-1.7", b"<html/>", b"<svg", b"\xff" * 9],
    ids=["empty", "gif", "pdf", "html", "cut", "noise"],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    """Any other file is refused before a document is made."""
    assert "n'est pas une image" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [image("PNG")[:60], svg("").replace(b"9", b"0"), image("JPEG", "CMYK")],
    ids=["cut", "empty", "cmyk"],
)
def test_a_damaged_image_is_refused(tmp_path: Path, content: bytes) -> None:
    """What starts like an image but cannot be printed, or not for archives, is found at once."""
    assert "abîmée" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        '<image href="https://exemple.fr/a.png"/>',
        f'<image id="i" href="data:image/png;base64,{b64encode(image("PNG")).decode()}"/>',
        "<filter id='f'><feTurbulence numOctaves='99'/></filter>",
        '<filter id="f"><feGaussianBlur stdDeviation="999"/></filter>',
        '<filter id="f"><feMorphology radius="999"/></filter>',
        '<g filter="blur(999px)"/>',
        '<g style="filter: blur(999px)"/>',
        "<style>g{filter:url(#f)}</style>",
        '<marker id="m"/>',
        '<pattern id="p"/>',
        "<feImage/>",
        '<html xmlns="http://www.w3.org/1999/xhtml"/>',
        '<image xlink:href="file:///etc/passwd"/>',
        '<image href="/etc/passwd"/>',
        '<image href="data:image/svg+xml;base64,AAAA"/>',
        "<style>@import 'https://exemple.fr/a.css';</style>",
        '<path fill="url(https://exemple.fr/a.svg#g)" d="M0 0h9v9z"/>',
        '<path style="fill: URL( &quot;//exemple.fr/a&quot; )" d="M0 0h9v9z"/>',
        "<foreignObject/>",
        '<g onload="alert(1)"/>',
        '<g ONCLICK="alert(1)"/>',
        '<use href="#g"><set attributeName="href" to="https://exemple.fr/a.svg#g"/></use>',
        '<use href="#g"><animate attributeName="href" values="file:///etc/passwd"/></use>',
        '<a href="#g"><g/></a>',
        r'<path style="fill: u\72l(https://exemple.fr/a.svg#g)" d="M0 0h9v9z"/>',
        r"<style>@\69mport 'https://exemple.fr/a.css';</style>",
        "<style><![CDATA[@import 'https://exemple.fr/a.css';]]></style>",
        '<path style="fill: image-set(\'https://exemple.fr/a.png\' 1x)" d="M0 0h9v9z"/>',
        "<?xml-stylesheet href='https://exemple.fr/a.css'?>",
    ],
)
def test_a_drawing_that_reaches_out_is_refused(tmp_path: Path, body: str) -> None:
    """An SVG brings nothing from elsewhere: no file, no address, no code."""
    assert "références extérieures" in refusal(tmp_path, svg(body))


def test_a_style_sheet_named_before_the_drawing_is_refused(tmp_path: Path) -> None:
    """It stands outside the root, and is an address all the same."""
    sheet = b"<?xml-stylesheet href='https://exemple.fr/a.css'?>"

    assert "références extérieures" in refusal(tmp_path, sheet + svg("<g/>"))


def large(kind: str) -> bytes:
    """An image of a few kilobytes that unfolds to twenty-five million pixels."""
    output = io.BytesIO()
    Image.new("1" if kind == "PNG" else "L", (5000, 5000)).save(output, kind)
    return output.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_of_too_many_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    """Its weight says nothing of what it unfolds to."""
    content = large(kind)

    assert len(content) < MAX_LOGO_BYTES
    assert "trop de points" in refusal(tmp_path, content)


def doubling(levels: int) -> str:
    """A drawing of a few lines whose last level shows the first one two to the power of them."""
    first = '<g id="g0"><path d="M0 0h9v9z"/></g>'
    return first + "".join(
        f'<g id="g{n}"><use href="#g{n - 1}"/><use href="#g{n - 1}"/></g>'
        for n in range(1, levels + 1)
    )


@pytest.mark.parametrize(
    "body",
    [
        doubling(40),
        '<g id="g"><use href="#g"/><use href="#g"/></g>',
        f'<path id="p" d="{"M0 0h9v9z" * 10_000}"/>' + '<use href="#p"/>' * 1_000,
        f'<clipPath id="c"><path d="{"M0 0h9v9z" * 10_000}"/></clipPath>'
        + '<g clip-path="url(#c)"/>' * 1_000,
    ],
    ids=["doubling", "circle", "used", "clipped"],
)
def test_a_drawing_that_repeats_itself_is_refused(tmp_path: Path, body: str) -> None:
    """A reference costs what it names, again at each place."""
    assert "trop compliqué" in refusal(tmp_path, svg(body))


def test_what_a_drawing_program_notes_is_passed_over() -> None:
    """Its window, its authors, its licence: nothing of it is drawn."""
    notes = (
        '<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata>'
        '<s:namedview xmlns:s="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd"/>'
    )

    assert logo_problem(svg(notes + '<path d="M0 0h9v9z"/>')) == ""


def test_a_pipe_or_a_device_is_no_logo(tmp_path: Path) -> None:
    """What nobody writes to is refused at once, and what never ends is not read."""
    os.mkfifo(tmp_path / "logo.svg")
    assert "ce n'est pas un fichier" in refusal(tmp_path, None)
    with pytest.raises(ConfigurationError, match="ce n'est pas un fichier"):
        read_branding(ACCENT, Path("/dev/zero"))


def test_entities_are_refused(tmp_path: Path) -> None:
    """An entity, which may read a file or grow without end, has no place in a logo."""
    bomb = b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + svg("<g>&a;</g>")

    assert "références extérieures" in refusal(tmp_path, bomb)
