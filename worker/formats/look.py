"""How the printed documents look: what a public body may change without touching a template."""

import re
from dataclasses import dataclass

MAX_LOGO_BYTES = 500_000
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The seller's graphic identity.

    Attributes:
        accent: ``#rrggbb``, of titles and rules; dark enough to be read on white.
        logo: the bytes of a PNG, JPEG or SVG image, or nothing.
    """

    accent: str = "#1f3f6e"
    logo: bytes = b""

    def __post_init__(self) -> None:
        if not _COLOUR.fullmatch(self.accent):
            raise ValueError(f"{self.accent!r} is not a colour (#rrggbb)")
        if len(self.logo) > MAX_LOGO_BYTES:
            raise ValueError(f"the logo has more than {MAX_LOGO_BYTES} bytes")
