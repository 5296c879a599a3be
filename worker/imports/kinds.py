"""The kinds of files that finance brings: columns, how cells are read, what a row becomes.

A new kind is a member of ``ImportKind``, a value of ``KINDS``, and its destination
(``destinations.DESTINATIONS``). What its columns hold is told in ``columns.toml``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any

from worker.billing.consumption import SourceRow
from worker.imports import records, values
from worker.imports.columns import Across, Column
from worker.imports.records import Cells


class ImportKind(StrEnum):
    """The files that finance brings."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """What a kind of file may hold.

    Attributes:
        french: what its rows are, in French, plural.
        columns: in the order in which they are told.
        build: the record of a row from its parsed cells, or what is wrong with the row as a whole.
        identity: the column that a repeated record is found by, and what no two records share.
        of_member: whether each record is about a member (``siret``), who must be known already.
        across: the columns that one for each month may stand for.
        happened: the day of a record (column « date »), which may not be still to come.
        beside: columns of the table that we gave away, come back with what was filled in.
    """

    french: str
    columns: tuple[Column, ...]
    build: Callable[[Cells, SourceRow], Any]
    identity: Callable[[Any], tuple[str, object]]
    of_member: bool = True
    across: Across | None = None
    happened: Callable[[Any], date] | None = None
    beside: frozenset[str] = frozenset()


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

TITLES_EXPORTED = frozenset(
    (
        *("sens", "type_piece", "nature_piece", "objet", "article", "fonction", "operation"),
        *("code_produit_local", "service", "montant_ht", "montant_tva", "montant_ttc"),
        *("taux_tva", "siret_tiers", "nature_identifiant", "categorie_tiers"),
        *("nature_juridique", "type_tiers", "nom", "adresse1", "adresse2", "adresse3"),
        *("code_postal", "commune", "reference_tiers_locale", "numero_etat", "periode_debut"),
        *("periode_fin", "engagement", "code_service", "edition", "date_emission", "pj_nom"),
        *("pj_type", "pj_sha256", "flux_chorus", "identifiant_chorus", "statut"),
        "facture_annulee",
    )
)
"""What « titles export » writes beside the invoice and the year: its file comes back completed."""

KINDS: Mapping[ImportKind, FileKind] = {
    ImportKind.MEMBERS: FileKind(
        french="membres",
        columns=(
            _must("siret", "siret", values.siret),
            _must("nom", "name", _name),
            _must("adresse", "line1", _address),
            _may("complement", "line2", _address),
            _must("code_postal", "postcode", values.postcode),
            _must("ville", "city", _address),
            _may("tva_intracommunautaire", "vat_number", values.vat_number),
            _must("convention", "convention", _convention),
            _may("nature", "nature", values.nature, blank=None),
            _contact("contact_nom", "contact_name", _name),
            _contact("contact_email", "contact_email", values.email),
        ),
        build=records.member,
        identity=lambda record: ("siret", record[0].siret),
        of_member=False,
    ),
    ImportKind.SUBSCRIPTIONS: FileKind(
        french="abonnements",
        columns=(
            _must("siret", "siret", values.siret),
            _must("service", "service", values.service),
            _may("palier", "tier", values.tier, blank=None),
            _must("categorie", "category", values.category),
            _must("debut", "start", values.day),
            _may("fin", "end", values.day, blank=None),
        ),
        build=records.subscription,
        identity=lambda record: (
            "debut",
            (record.siret, record.service, record.tier, record.start),
        ),
    ),
    ImportKind.USAGE: FileKind(
        french="consommations",
        columns=(
            _must("siret", "siret", values.siret),
            _must("service", "service", values.service),
            _may("palier", "tier", values.tier, blank=None),
            _must("mois", "month", values.month),
            _must("utilisateurs", "users", values.users),
        ),
        build=records.usage,
        across=Across(month="mois", figure="utilisateurs"),
        identity=lambda record: (
            "mois",
            (record.siret, record.service, record.tier, record.month),
        ),
    ),
    ImportKind.REFERENCES: FileKind(
        french="références de facturation",
        columns=(
            _must("siret", "siret", values.siret),
            _must("annee", "year", values.year),
            _may("code_service", "service_code", values.service_code),
            _may("engagement", "engagement", values.engagement),
        ),
        build=records.references,
        identity=lambda record: ("annee", (record.siret, record.year)),
    ),
    ImportKind.PREVIOUS: FileKind(
        french="montants d'une année passée",
        columns=(
            _must("siret", "siret", values.siret),
            _must("annee", "year", values.year),
            _must("montant_ttc", "total_cents", values.billed_cents),
            _may("nom", "name", _name),
        ),
        build=records.previous,
        identity=lambda record: ("annee", (record.siret, record.year)),
        of_member=False,  # who owed something before may be no member any more
    ),
    ImportKind.SETTLEMENTS: FileKind(
        french="paiements",
        columns=(
            _must("facture", "number", values.invoice_number),
            _must("date_paiement", "on", values.day),
            _must("montant", "amount", values.amount),
            _may("reference", "reference", _reference),
        ),
        build=records.payment,
        identity=lambda record: ("facture", record),
        of_member=False,
    ),
    ImportKind.TITLES: FileKind(
        french="titres",
        columns=(
            _must("facture", "number", values.invoice_number),
            _must("exercice", "budget_year", values.year),
            _must("bordereau", "slip", values.piece_number),
            _must("titre", "title", values.piece_number),
            _may("date_titre", "issued_on", values.day, blank=None),
            _may("date_paiement", "paid_on", values.day, blank=None),
            _may("montant", "amount", values.amount, blank=None),
            _may("reference", "reference", _reference),
        ),
        build=records.title,
        identity=lambda record: ("facture", record),
        of_member=False,
        beside=TITLES_EXPORTED,
    ),
    ImportKind.UNITS: FileKind(
        french="unités datées",
        columns=(
            _must("siret", "siret", values.siret),
            _must("service", "service", values.service),
            _must("date", "day", values.day),
            _must("quantite", "quantity", values.quantity),
            _must("reference", "reference", _reference),
        ),
        build=records.unit,
        identity=lambda record: (
            "reference",
            (record.siret, record.service, record.day, record.reference),
        ),
        happened=lambda record: record.day,
    ),
    ImportKind.POPULATION: FileKind(
        french="population",
        columns=(
            _must("siret", "siret", values.siret),
            _must("annee", "year", values.year),
            _must("habitants", "inhabitants", values.inhabitants),
        ),
        build=records.population,
        identity=lambda record: ("annee", (record.siret, record.year)),
    ),
}
"""Every kind of file that ``import`` reads."""
