"""TOML: the program's own tables, and files of any origin.

Of these, what would take the parser any memory or time is refused before, or by it.

The parser of Python remembers each part of a dotted key once for each part before it, and calls
itself once for each bracket.
"""

import re
import tomllib
from collections.abc import Callable
from importlib import resources
from typing import Any

MOST_DOTS = 100
"""In one line: a dotted key is one, and none of ours has five."""
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)$")
_LARGEST = 2**63
"""Of a whole number of TOML 1.0."""


def own_table(package: str, name: str) -> dict[str, Any]:
    """A table that is a part of the program, beside the modules of a package."""
    return tomllib.loads(resources.files(package).joinpath(name).read_text("utf-8"))


def parse_toml(content: bytes, *, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Parse a file, with or without a byte order mark.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
        ValueError: it is not TOML, or nested or numbered beyond reason; why, in French.
    """
    text = content.decode("utf-8-sig")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"plus de {MOST_DOTS} points à la ligne {number}")
    try:
        data = tomllib.loads(text, parse_float=parse_float)
    except RecursionError:
        raise ValueError("des crochets ou des accolades sont imbriqués sans fin") from None
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        where = f"à la ligne {place[1]}, colonne {place[2]}" if place else "à la fin du fichier"
        raise ValueError(f"sa syntaxe TOML est fausse {where}") from error
    except (ValueError, ArithmeticError) as error:
        raise ValueError("un nombre y a trop de chiffres") from error
    _refuse_huge(data)
    return data


def _refuse_huge(value: object) -> None:
    match value:
        case dict():
            for inner in value.values():
                _refuse_huge(inner)
        case list():
            for inner in value:
                _refuse_huge(inner)
        case int() if not -_LARGEST <= value < _LARGEST:
            raise ValueError("un nombre entier est trop grand")
