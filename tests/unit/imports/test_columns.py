"""Headers: matched as people write them; what does not fit is named with a remedy."""

import pytest

from worker.errors import Finding
from worker.imports.columns import Layout, header_key, known_headers, lay_out
from worker.imports.kinds import KINDS, ImportKind

PLACE = "usage.csv, ligne 1"
KNOWN = KINDS[ImportKind.USAGE].columns
USAGE = ["siret", "service", "palier", "mois", "utilisateurs"]


def findings_for(header: list[str]) -> list[Finding]:
    """The findings on a usage header."""
    layout = lay_out(header, KNOWN, PLACE)
    assert isinstance(layout, tuple)
    return list(layout)


@pytest.mark.parametrize(
    "written, name",
    [
        ("\ufeffSIRET*", "siret"),
        ("* Code Postal *", "code_postal"),
        ("Catégorie", "categorie"),
        ("DÉBUT", "debut"),
        ("TVA intra-communautaire", "tva_intracommunautaire"),
        ("contact\u00a0E-mail", "contact_email"),
    ],
)
def test_headers_match_as_written(written: str, name: str) -> None:
    """Case, accents, spaces, underscores, hyphens, stars and a byte order mark do not matter."""
    assert header_key(written) == header_key(name)


@pytest.mark.parametrize("kind", list(ImportKind))
def test_every_kind_takes_its_own_columns(kind: ImportKind) -> None:
    """A header with all columns of a kind, in reverse order, is laid out without a finding."""
    names = [column.name.upper() for column in reversed(KINDS[kind].columns)]
    layout = lay_out(names, KINDS[kind].columns, PLACE)

    assert isinstance(layout, Layout)
    assert {(position, column.name.upper()) for position, column in layout.places} == set(
        enumerate(names)
    )
    assert known_headers(names, KINDS[kind].columns) == len(KINDS[kind].columns)


@pytest.mark.parametrize(
    "kind, written",
    [
        (ImportKind.SETTLEMENTS, ["Numéro de facture", "Date du paiement", "Montant"]),
        (ImportKind.SETTLEMENTS, ["N° facture", "Date de paiement", "montant"]),
        (ImportKind.REFERENCES, ["N° SIRET", "Année", "Code du service", "N° d'engagement"]),
        (ImportKind.POPULATION, ["Numéro SIRET", "année", "Nombre d'habitants"]),
    ],
)
def test_words_that_name_nothing_do_not_matter(kind: ImportKind, written: list[str]) -> None:
    """« Numéro de facture » is the column « facture », « N° SIRET » the column « siret »."""
    layout = lay_out(written, KINDS[kind].columns, PLACE)

    assert isinstance(layout, Layout)
    assert [position for position, _ in layout.places] == list(range(len(written)))
    assert known_headers(written, KINDS[kind].columns) == len(written)


def test_optional_columns_may_be_absent() -> None:
    """A file without an optional column is read with that column blank."""
    layout = lay_out(["siret", "service", "mois", "utilisateurs"], KNOWN, PLACE)

    assert isinstance(layout, Layout)
    assert layout.blanks["tier"] is None


def test_unknown_column_suggests_the_closest() -> None:
    """A misspelt column is refused with the name it resembles and the list of known ones."""
    [misspelt] = findings_for([*USAGE[:2], "Pallier", *USAGE[3:]])

    assert misspelt.code == "IMPORT-COLUMN-UNKNOWN"
    assert misspelt.where == "usage.csv, ligne 1, colonne «\u00a0Pallier\u00a0»"
    assert "Vouliez-vous dire «\u00a0palier\u00a0»" in misspelt.remedy
    assert ", ".join(USAGE) in misspelt.remedy


def test_every_problem_of_a_header_is_reported_at_once() -> None:
    """Missing, duplicate and unknown columns come together, so that one correction is enough."""
    found = findings_for(["siret", "Siret *", "remarque", "mois"])
    assert sorted((finding.code, finding.value) for finding in found) == [
        ("IMPORT-COLUMN-DUPLICATE", "Siret *"),
        ("IMPORT-COLUMN-MISSING", ""),
        ("IMPORT-COLUMN-MISSING", ""),
    ]
    missing = [finding.message for finding in found if finding.code == "IMPORT-COLUMN-MISSING"]

    assert "service" in missing[0]
    assert all("non lues : « remarque »" in one.replace("\u00a0", " ") for one in missing)
    assert "utilisateurs" in missing[1]


def test_empty_headers_are_remembered_only_before_the_last_name() -> None:
    """Empty cells after the last name are no columns; those before it are watched for values."""
    layout = lay_out(["", *USAGE, "", ""], KNOWN, PLACE)

    assert isinstance(layout, Layout)
    assert (layout.width, layout.unnamed) == (6, (0,))
