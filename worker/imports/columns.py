"""What each import file may hold, column by column (docs/commands.md), and how headers match."""

import difflib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from worker.billing.members import Nature
from worker.errors import Finding
from worker.imports import values
from worker.imports.wording import finding, quoted


class ImportKind(StrEnum):
    """The files finance brings."""

    MEMBERS = "members"
    SUBSCRIPTIONS = "subscriptions"
    USAGE = "usage"
    REFERENCES = "references"
    PREVIOUS = "previous"
    """Amounts of a year that another program billed, to be compared with."""
    SETTLEMENTS = "settlements"
    TITLES = "titles"
    UNITS = "units"
    POPULATION = "population"


OF_THE_TREASURY = frozenset({ImportKind.SETTLEMENTS, ImportKind.TITLES})
"""What accounting takes in: it is judged beside the invoices that the books have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: ``parse`` makes a value or a Finding of a filled cell, ``blank`` stands for none.

    ``field`` is the record's name for its value. ``blank`` is never used in a compulsory column:
    an empty cell there is a finding. What is ``personal`` stays out of the copy that is kept (C11).
    """

    name: str
    field: str
    parse: Callable[[str], object]
    compulsory: bool
    blank: object = ""
    personal: bool = False


def _must(name: str, field: str, parse: Callable[[str], object]) -> Column:
    return Column(name=name, field=field, parse=parse, compulsory=True)


def _may(name: str, field: str, parse: Callable[[str], object], blank: object = "") -> Column:
    return Column(name=name, field=field, parse=parse, compulsory=False, blank=blank)


def _contact(name: str, field: str, parse: Callable[[str], object]) -> Column:
    return Column(name=name, field=field, parse=parse, compulsory=False, personal=True)


_name = partial(values.plain_text, maximum=99)  # BT-44, BR-FR-CPRO-44
_address = partial(values.plain_text, maximum=120)  # BG-8 holds 400 in all, BR-FR-CPRO-33
_reference = partial(values.plain_text, maximum=99)
_convention = partial(values.plain_text, maximum=50, code="IMPORT-CONVENTION")  # BT-12, CPRO-14

COLUMNS: Mapping[ImportKind, tuple[Column, ...]] = {
    ImportKind.MEMBERS: (
        _must("siret", "siret", values.siret),
        _must("nom", "name", _name),
        _must("adresse", "line1", _address),
        _may("complement", "line2", _address),
        _must("code_postal", "postcode", values.postcode),
        _must("ville", "city", _address),
        _may("tva_intracommunautaire", "vat_number", values.vat_number),
        _must("convention", "convention", _convention),
        _may("nature", "nature", values.nature, blank=Nature.PUBLIC),
        _contact("contact_nom", "contact_name", _name),
        _contact("contact_email", "contact_email", values.email),
    ),
    ImportKind.SUBSCRIPTIONS: (
        _must("siret", "siret", values.siret),
        _must("service", "service", values.service),
        _may("palier", "tier", values.tier, blank=None),
        _must("categorie", "category", values.category),
        _must("debut", "start", values.day),
        _may("fin", "end", values.day, blank=None),
    ),
    ImportKind.USAGE: (
        _must("siret", "siret", values.siret),
        _must("service", "service", values.service),
        _may("palier", "tier", values.tier, blank=None),
        _must("mois", "month", values.month),
        _must("utilisateurs", "users", values.users),
    ),
    ImportKind.REFERENCES: (
        _must("siret", "siret", values.siret),
        _must("annee", "year", values.year),
        _may("code_service", "service_code", values.service_code),
        _may("engagement", "engagement", values.engagement),
    ),
    ImportKind.PREVIOUS: (
        _must("siret", "siret", values.siret),
        _must("annee", "year", values.year),
        _must("montant_ttc", "total_cents", values.billed_cents),
        _may("nom", "name", _name),
    ),
    ImportKind.SETTLEMENTS: (
        _must("facture", "number", values.invoice_number),
        _must("date_paiement", "on", values.day),
        _must("montant", "amount", values.amount),
        _may("reference", "reference", _reference),
    ),
    ImportKind.TITLES: (
        _must("facture", "number", values.invoice_number),
        _must("exercice", "budget_year", values.year),
        _must("bordereau", "slip", values.piece_number),
        _must("titre", "title", values.piece_number),
        _may("date_titre", "issued_on", values.day, blank=None),
        _may("date_paiement", "paid_on", values.day, blank=None),
        _may("montant", "amount", values.amount, blank=None),
        _may("reference", "reference", _reference),
    ),
    ImportKind.UNITS: (
        _must("siret", "siret", values.siret),
        _must("service", "service", values.service),
        _must("date", "day", values.day),
        _must("quantite", "quantity", values.quantity),
        _must("reference", "reference", _reference),
    ),
    ImportKind.POPULATION: (
        _must("siret", "siret", values.siret),
        _must("annee", "year", values.year),
        _must("habitants", "inhabitants", values.inhabitants),
    ),
}

MOST_WRONG_HEADERS = 30
"""Listed at most: each costs a search for the nearest name."""
_IGNORED = str.maketrans("", "", "_-*\ufeff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which cell of a row goes to which column.

    ``width`` is the number of cells up to the last named one; ``unnamed`` lists the cells before
    it whose header is empty; ``blanks`` holds the value of an empty cell by field.
    """

    width: int
    places: tuple[tuple[int, Column], ...]
    unnamed: tuple[int, ...]
    blanks: Mapping[str, object]

    @property
    def columns(self) -> dict[str, int]:
        """The position of each column, 1 for the first, by its name."""
        return {column.name: place + 1 for place, column in self.places}

    @property
    def personal(self) -> tuple[str, ...]:
        """The names of the columns that hold personal data."""
        return tuple(column.name for _, column in self.places if column.personal)


def header_key(header: str) -> str:
    """A header without case, accents, spaces, ``_``, ``-``, ``*`` and byte order mark."""
    plain = unicodedata.normalize("NFKD", header.casefold())
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    return "".join(letters.translate(_IGNORED).split())


def known_headers(header: Sequence[str], kind: ImportKind) -> int:
    """How many cells of a row name a column of this kind of file."""
    known = {header_key(column.name) for column in COLUMNS[kind]}
    return sum(header_key(cell) in known for cell in header)


def lay_out(header: Sequence[str], kind: ImportKind, place: str) -> Layout | tuple[Finding, ...]:
    """Match a header to the columns of a kind of file; findings when it does not fit.

    ``place`` says where the header stands, for people.
    """
    columns = {header_key(column.name): column for column in COLUMNS[kind]}
    places: dict[str, tuple[int, Column]] = {}
    unnamed: list[int] = []
    findings: list[Finding] = []
    for position, cell in enumerate(header):
        if len(findings) >= MOST_WRONG_HEADERS:
            return tuple(findings)
        key, where = header_key(cell), f"{place}, colonne {quoted(cell)}"
        if not key:
            unnamed.append(position)
        elif key not in columns:
            findings.append(_unknown(cell, columns, where))
        elif key in places:
            findings.append(finding("IMPORT-COLUMN-DUPLICATE", where=where, value=cell))
        else:
            places[key] = (position, columns[key])
    findings.extend(
        finding("IMPORT-COLUMN-MISSING", where=place, name=column.name)
        for key, column in columns.items()
        if column.compulsory and key not in places
    )
    if findings:
        return tuple(findings)
    width = 1 + max(position for position, _ in places.values())
    return Layout(
        width=width,
        places=tuple(places.values()),
        unnamed=tuple(position for position in unnamed if position < width),
        blanks={column.field: column.blank for column in columns.values()},
    )


def _unknown(cell: str, columns: Mapping[str, Column], where: str) -> Finding:
    close = difflib.get_close_matches(header_key(cell), columns, n=1)
    return finding(
        "IMPORT-COLUMN-UNKNOWN",
        where=where,
        value=cell,
        advice=f"Vouliez-vous dire « {columns[close[0]].name} » ? " if close else "",
        known=", ".join(column.name for column in columns.values()),
    )
