"""Why a document was refused, in French. Only reached once lxml has refused it.

xmlschema finds the same errors with more to tell; our own schemas carry the remedy in their
French documentation.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import cast

from lxml import etree
from lxml.etree import _Element
from xmlschema import XMLSchema, XMLSchemaException, XMLSchemaValidationError
from xmlschema.validators import XMLSchemaChildrenValidationError, XsdElement, facets

from worker.errors import Finding
from worker.validation.first_findings import Fault
from worker.validation.paths import short, shorten
from worker.validation.wording import worded

MAX_EXPLAINED = 2_000
"""Errors looked at, for the first of each code to be told."""
MAX_EXPECTED = 5
"""Names of expected elements shown to people: UBL often has dozens."""
_FACETS: Mapping[type, str] = {
    facets.XsdMaxLengthFacet: "est trop long",
    facets.XsdMinLengthFacet: "est trop court",
    facets.XsdLengthFacet: "n'a pas la bonne longueur",
    facets.XsdPatternFacets: "n'a pas la forme attendue",
    facets.XsdEnumerationFacets: "n'est pas dans la liste des valeurs admises",
    facets.XsdFractionDigitsFacet: "a trop de décimales",
    facets.XsdTotalDigitsFacet: "a trop de chiffres",
}
_TYPES = {
    "date": "n'est pas une date (AAAA-MM-JJ)",
    "time": "n'est pas une heure",
    "decimal": "n'est pas un nombre",
    "boolean": "n'est ni « true » ni « false »",
    "base64Binary": "n'est pas du base64",
}
_ATTRIBUTE = re.compile(r"attribute ([\w:.-]+)=")
_MISSING_ATTRIBUTE = re.compile(r"missing required attribute '([^']+)'")


def explain(entry: Path, tree: etree._ElementTree) -> Iterator[Fault]:
    """What is wrong in a refused document, as far as it is looked at.

    Args:
        entry: the main file of the schema; it and those it imports were checked before.
        tree: the document.

    Yields:
        Nothing when xmlschema sees nothing wrong or cannot work: the verdict does not depend on it.
    """
    # When it fails, what was found before stands, or the caller has lxml's own reasons.
    with suppress(XMLSchemaException, RecursionError):
        for error in islice(_schema(entry).iter_errors(tree.getroot()), MAX_EXPLAINED):
            yield _fault(error, tree.getroot())


@lru_cache(maxsize=8)
def _schema(entry: Path) -> XMLSchema:
    # "skip": the files were checked by their hash; to check them against the schema of schemas too
    # takes seven times as long.
    return XMLSchema(entry.as_uri(), allow="local", use_location_hints=False, validation="skip")


def _fault(error: XMLSchemaValidationError, root: _Element) -> Fault:
    element = cast("_Element | None", error.elem)  # the tree given is lxml's
    if element is None:
        message = f"Le document ne suit pas le schéma : {error}"
        return Finding(code="XSD-OTHER", message=message), root
    if isinstance(error, XMLSchemaChildrenValidationError):
        return _structure_fault(error, element)
    if match := _MISSING_ATTRIBUTE.search(error.reason or ""):
        return worded("XSD-ATTRIBUTE", attribute=match[1], element=short(element.tag)), element
    return _value_finding(error, element), element


def _structure_fault(error: XMLSchemaChildrenValidationError, element: _Element) -> Fault:
    name = short(element.tag)
    expected = [
        short(particle.name)
        for particle in error.expected or ()
        if isinstance(particle, XsdElement) and particle.name
    ]
    listed = " ou ".join(f"« {tag} »" for tag in expected[:MAX_EXPECTED])
    if error.invalid_tag is None:
        missing = listed or "un élément obligatoire"
        return worded("XSD-ABSENT", expected=missing, element=name), element
    child = element[error.index] if error.index < len(element) else element
    finding = worded(
        "XSD-UNEXPECTED",
        "other" if listed else "nothing",
        child=short(error.invalid_tag),
        element=name,
        expected=listed,
    )
    return finding, child


def _value_finding(error: XMLSchemaValidationError, element: _Element) -> Finding:
    name = short(element.tag)
    value = element.text or ""
    if match := _ATTRIBUTE.match(error.reason or ""):
        value = element.get(match[1], "")
        name = f"{name}/@{match[1]}"
    validator = error.validator
    fault = _FACETS.get(type(validator)) or _TYPES.get(
        getattr(validator, "local_name", None) or "", "n'est pas admis"
    )
    return Finding(
        code="XSD-VALUE",
        message=f"Le contenu de « {name} » {fault} : « {shorten(value)} »."
        if value
        else f"Le contenu de « {name} » manque : il {fault}.",
        remedy=_documentation(validator) or "Corrigez cette valeur.",
        value=shorten(value),
    )


def _documentation(validator: object) -> str:
    """The French documentation of the type that a facet belongs to; ours say what to write."""
    annotation = getattr(getattr(validator, "parent", None), "annotation", None)
    for note in getattr(annotation, "documentation", ()):
        if note.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr":
            return " ".join((note.text or "").split())
    return ""
