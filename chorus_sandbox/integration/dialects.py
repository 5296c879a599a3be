"""Where each XML syntax keeps what the sandbox looks at: dialects.toml, read once."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Final, NamedTuple

from chorus_sandbox.integration import schemas


class Rows(NamedTuple):
    """Repeated elements: their XPath from the root, and that of each field from one of them."""

    at: str
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where one XML syntax keeps what the controls look at."""

    schema: str  # its XSD, as `schemas` finds it
    namespaces: Mapping[str, str]  # prefixes of the paths
    paths: Mapping[str, str]  # XPath of each field of `Read`, from the root
    tags: Mapping[str, str]  # the same places as the portal names them in its messages (§4.3)
    lines: Rows  # the invoice lines
    rates: Rows  # the VAT breakdown


def _dialect(table: Mapping[str, Any]) -> Dialect:
    paths = {field: path.format(**table["parts"]) for field, path in table["paths"].items()}
    lines, rates = (Rows(**table[name]) for name in ("lines", "rates"))
    return Dialect(
        schema=table["schema"],
        namespaces=table["namespaces"],
        paths=paths,
        tags={field: table["root"] + _tag(path) for field, path in paths.items()},
        lines=lines,
        rates=rates._replace(at=rates.at.format(**table["parts"])),
    )


def _tag(path: str) -> str:
    """A path as the portal spells it: the first of its two places, with neither prefix nor test."""
    return re.sub(r"\w+:|\[.*?\]|\s+\|.*", "", path).replace("/", ".") + ".value"


_TABLES = tomllib.loads(files(__package__).joinpath("dialects.toml").read_text("utf-8"))
_CII = _dialect(_TABLES["cii"])
DIALECTS: Final[Mapping[str, Dialect]] = {
    "IN_DP_E2_CII_FACTURX": replace(_CII, schema=schemas.FACTUR_X),
    "IN_DP_E1_CII_16B": _CII,
    "IN_DP_E1_UBL_INVOICE": _dialect(_TABLES["ubl"]),
}
"""The dialect of each ``syntaxeFlux`` that is simulated."""
