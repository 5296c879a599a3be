"""How the printed documents look: what a public body may change without touching a template."""

import re
from dataclasses import dataclass
from pathlib import Path

from worker.errors import ConfigurationError
from worker.formats.logo import logo_problem
from worker.isolation.files import read_bounded, reason
from worker.settings.keys import MIN_CONTRAST, contrast_on_white

MAX_LOGO_BYTES = 500_000
_READABLE = "Donnez un fichier ordinaire de 500 ko au plus : il est imprimé sur 80 mm × 16 mm."
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Branding:
    """The seller's graphic identity.

    Attributes:
        accent: ``#rrggbb``, of titles and rules; dark enough to be read on white (WCAG AA).
        logo: the bytes of a PNG, JPEG or SVG image, or nothing.
        by_title: the invoice goes with its title (Hélios): its page speaks of no deposit.
    """

    accent: str = "#1f3f6e"
    logo: bytes = b""
    by_title: bool = False

    def __post_init__(self) -> None:
        if not _COLOUR.fullmatch(self.accent):
            raise ValueError(f"{self.accent!r} is not a colour (#rrggbb)")
        if contrast_on_white(self.accent) < MIN_CONTRAST:
            raise ValueError(f"the colour {self.accent} cannot be read on white")
        if len(self.logo) > MAX_LOGO_BYTES:
            raise ValueError(f"the logo has more than {MAX_LOGO_BYTES} bytes")


def read_branding(accent: str, logo: Path | None) -> Branding:
    """Make the look that the configuration asks for; a logo is tried on a page first.

    Raises:
        ConfigurationError: the logo is missing, too big, or no image that can be printed.
    """
    if logo is None:
        return Branding(accent=accent)
    try:
        content = read_bounded(logo, MAX_LOGO_BYTES)
    except OSError as error:
        raise _refused(logo, f"est illisible : {reason(error)}", _READABLE) from error
    if problem := logo_problem(content):
        raise _refused(
            logo,
            problem,
            "Donnez une image PNG, JPEG ou SVG, en couleurs RVB et sans lien vers ailleurs.",
        )
    return Branding(accent=accent, logo=content)


def _refused(logo: Path, problem: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"Le logo {logo} (clé look.logo) {problem}.", remedy)
