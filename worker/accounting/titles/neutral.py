"""The neutral layout: a row for each line of a title, for any finance software.

Its columns bear the names of the PES, less what only the finance software numbers.
"""

from collections.abc import Iterator, Sequence

from worker.accounting.titles.lines import BY_SIRET, ORDINARY, REVENUE, TitleLine
from worker.tables import Cell, Column, Kind, Row, Table

_T, _D, _A, _I, _N = Kind.TEXT, Kind.DATE, Kind.AMOUNT, Kind.INTEGER, Kind.NUMBER
COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("exercice", _I),
    ("sens", _T),
    ("type_piece", _T),
    ("nature_piece", _T),
    ("objet", _T),
    ("article", _T),
    ("fonction", _T),
    ("operation", _T),
    ("code_produit_local", _T),
    ("service", _T),
    ("montant_ht", _A),
    ("montant_tva", _A),
    ("montant_ttc", _A),
    ("taux_tva", _N),
    ("siret_tiers", _T),
    ("nature_identifiant", _T),
    ("categorie_tiers", _T),
    ("nature_juridique", _T),
    ("type_tiers", _T),
    ("nom", _T),
    ("adresse1", _T),
    ("adresse2", _T),
    ("adresse3", _T),
    ("code_postal", _T),
    ("commune", _T),
    ("reference_tiers_locale", _T),
    ("numero_facture", _T),
    ("numero_etat", _T),
    ("periode_debut", _D),
    ("periode_fin", _D),
    ("engagement", _T),
    ("code_service", _T),
    ("edition", _T),
    ("date_emission", _D),
    ("pj_nom", _T),
    ("pj_type", _T),
    ("pj_sha256", _T),
    ("flux_chorus", _T),
    ("identifiant_chorus", _T),
    ("statut", _T),
    ("facture_annulee", _T),
)


def table_of(lines: Sequence[TitleLine], year: int) -> Table:
    """The lines as a table, whose headings are the names that the finance software maps."""
    return Table(
        name="titles",
        title=f"Titres de recettes des services {year}",
        columns=tuple(Column(name=name, caption=name, kind=kind) for name, kind in COLUMNS),
        rows=lambda: map(_row, lines),
    )


def _row(line: TitleLine) -> Row:
    return tuple(_cells(line))


def _cells(line: TitleLine) -> Iterator[Cell]:
    invoice, mapping, parties, tracked = line.invoice, line.mapping, line.parties, line.tracked
    address = invoice.buyer.address
    yield from (line.budget_year, REVENUE, ORDINARY, line.nature, line.subject)
    yield from (mapping.article, mapping.function, mapping.operation)
    yield from (mapping.local_product, mapping.service)
    yield from (line.net, line.vat, line.gross, line.rate)
    yield from (invoice.buyer.siret, BY_SIRET)
    yield from (parties.party_category, parties.party_legal_nature, parties.party_type)
    yield from (line.party_name, address.line1, address.line2, "", address.postcode, address.city)
    yield from ("", invoice.number, invoice.statement_number, line.first_day, line.last_day)
    yield from (invoice.engagement, invoice.service_code, line.edition.value, invoice.issue_date)
    yield from (line.piece_name, line.piece_kind, line.piece)
    yield from (tracked.flux_number, tracked.portal_id or "", line.state, line.corrects)
