"""Rows: cells become domain values, the rules of a row are kept, findings say where."""

import os
from datetime import date
from pathlib import Path

import pytest

from tests.support.imports_workbooks import OTHER_SIRET, SIRET, VAT_NUMBER
from worker.billing.members import (
    Address,
    BillingReferences,
    Contact,
    Member,
    Subscription,
)
from worker.errors import ImportRefused, WrongUse
from worker.imports import ImportKind, RefusedRow, Row, SourceFile, fingerprint, read
from worker.imports.source import MAX_BYTES, readable

MEMBERS = (
    "siret;nom;adresse;complement;code_postal;ville;tva_intracommunautaire;convention;"
    "contact_nom;contact_email\n"
)


def csv(path: Path, text: str) -> SourceFile:
    """A fingerprinted CSV file with this text."""
    path.write_text(text, encoding="utf-8")
    return fingerprint(path)


def test_members_come_with_their_contact(tmp_path: Path) -> None:
    """Every column of a full row is in one or the other."""
    line = f"{OTHER_SIRET};Commune fictive;1 rue A;Bât. B;82000;Villefictive;{VAT_NUMBER};C-2;;"
    path = csv(tmp_path / "membres.csv", f"{MEMBERS}{line}referent@exemple.invalid\n")
    address = Address(line1="1 rue A", line2="Bât. B", postcode="82000", city="Villefictive")
    member = Member(
        siret=OTHER_SIRET,
        name="Commune fictive",
        address=address,
        convention="C-2",
        vat_number=VAT_NUMBER,
    )
    contact = Contact(siret=OTHER_SIRET, email="referent@exemple.invalid")

    assert list(read(path, ImportKind.MEMBERS)) == [Row(row=2, value=(member, contact, None))]


def test_a_member_may_have_no_contact(tmp_path: Path) -> None:
    """A contact needs a name or an address."""
    line = f"{SIRET};Autre commune;2 rue B;;01000;Bourg;;C-1;;\n"
    (row,) = read(csv(tmp_path / "membres.csv", f"{MEMBERS}{line}"), ImportKind.MEMBERS)

    assert isinstance(row, Row)
    assert row.value[1] is None


def test_subscriptions_end_after_they_start(tmp_path: Path) -> None:
    """An end on the day of the start is right; one before it refuses the row."""
    rows = list(
        read(
            csv(
                tmp_path / "abonnements.csv",
                "Siret;Service;Palier;Catégorie;Début;Fin\n"
                f"{SIRET};stockage;2;3;01/01/2025;\n"
                f"{SIRET};gfu;;3;2025-01-01;01/01/2025\n"
                f"{SIRET};gfu;;3;02/01/2025;01/01/2025\n",
            ),
            ImportKind.SUBSCRIPTIONS,
        )
    )
    start = date(2025, 1, 1)
    storage = Subscription(siret=SIRET, service="stockage", tier=2, category=3, start=start)
    network = Subscription(
        siret=SIRET, service="gfu", tier=None, category=3, start=start, end=start
    )
    assert rows[:2] == [Row(row=2, value=storage), Row(row=3, value=network)]
    assert isinstance(rows[2], RefusedRow)
    [finding] = rows[2].findings

    assert (finding.code, finding.where) == ("IMPORT-PERIOD", "abonnements.csv, ligne 4")


def test_references_may_be_empty(tmp_path: Path) -> None:
    """A member may say for a year that it wants no code service and no engagement."""
    source = csv(tmp_path / "r.csv", f"siret,annee,engagement\n{SIRET},2025,\n")

    assert list(read(source, ImportKind.REFERENCES)) == [
        Row(row=2, value=BillingReferences(siret=SIRET, year=2025))
    ]


def test_every_wrong_cell_of_a_row_is_reported_in_its_place(tmp_path: Path) -> None:
    """All findings of a row come together, each with file, line and column; other rows go on."""
    source = csv(
        tmp_path / "usage.csv",
        "siret;service;mois;utilisateurs\n"
        f"99900007800018;;2025-13;{'9' * 2000}\n"
        f"{SIRET};gfu;2025-12;3\n",
    )
    refused, good = read(source, ImportKind.USAGE)

    assert isinstance(refused, RefusedRow)
    assert isinstance(good, Row)
    assert [(finding.code, finding.where) for finding in refused.findings] == [
        ("IMPORT-SIRET", "usage.csv, ligne 2, colonne «\u00a0siret\u00a0»"),
        ("IMPORT-EMPTY", "usage.csv, ligne 2, colonne «\u00a0service\u00a0»"),
        ("IMPORT-MONTH", "usage.csv, ligne 2, colonne «\u00a0mois\u00a0»"),
        ("IMPORT-TEXT", "usage.csv, ligne 2, colonne «\u00a0utilisateurs\u00a0»"),
    ]


def test_a_wrong_header_refuses_the_file_with_findings(tmp_path: Path) -> None:
    """No row is read under a header that does not fit."""
    source = csv(tmp_path / "usage.csv", f"siret;service;mois;nombre\n{SIRET};gfu;2025-12;3\n")
    with pytest.raises(ImportRefused) as refused:
        list(read(source, ImportKind.USAGE))

    [missing] = refused.value.findings

    assert missing.code == "IMPORT-COLUMN-MISSING"
    assert "« nombre »" in missing.message.replace("\u00a0", " ")


def test_findings_name_the_file_the_person_gave(tmp_path: Path) -> None:
    """A copy under another name is read under the name it was imported with."""
    path = tmp_path / "0f3a"
    path.write_text("siret;service;mois;utilisateurs\n1;gfu;2025-12;3\n", encoding="utf-8")
    copy = fingerprint(path)
    source = SourceFile(path=path, name="juin.csv", sha256=copy.sha256, size=copy.size)
    [row] = read(source, ImportKind.USAGE)

    assert isinstance(row, RefusedRow)
    assert row.findings[0].where.startswith("juin.csv, ligne 2")


def test_fingerprint_refuses_what_is_no_file(tmp_path: Path) -> None:
    """Missing files, folders, devices, empty and huge files are refused before any reading."""
    empty = tmp_path / "vide.csv"
    empty.touch()
    huge = tmp_path / "immense.csv"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    os.mkfifo(tmp_path / "tube")
    for path, says in (
        (tmp_path / "absent.csv", "n'existe pas"),
        (tmp_path, "est un dossier"),
        (tmp_path / "tube", "fichier ordinaire"),
        (empty, "est vide"),
        (huge, "trop grand"),
        (empty / "dedans.csv", "ne peut pas être lu"),
    ):
        with pytest.raises(WrongUse, match=says) as refused:
            fingerprint(path)
        assert refused.value.remedy


def test_what_the_system_refuses_is_said_in_plain_words(tmp_path: Path) -> None:
    """Access denied and a disk that fails stop the import with what to do."""
    for error, says in (
        (PermissionError(13, "Permission denied"), "accès refusé"),
        (OSError(5, "Input/output error"), "le disque ne répond pas"),
    ):
        with pytest.raises(WrongUse, match=says) as refused, readable(tmp_path / "usage.csv"):
            raise error
        assert refused.value.remedy
