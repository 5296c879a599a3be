"""What an issued invoice rests on does not change, whatever file would change it."""

from pathlib import Path

import pytest

from tests.golden.samples import MEMBER
from tests.integration.conftest import Place
from tests.support.storage_samples import (
    OTHER,
    SIRET,
    bring,
    bring_rows,
    issue_one,
    write_csv,
    writing,
)
from worker.billing.status import InvoiceStatus
from worker.errors import ImportRefused
from worker.imports import ImportKind
from worker.storage import Store, invoices

KIND = ImportKind
NUMBER = "BSN-2026-00001"
BEFORE = {
    KIND.MEMBERS: (
        f"{SIRET};CC du Val-Fictif;2 rue du Moulin;82400;Val-d'Amont;C-1;",
        f"{OTHER};Commune fictive;1 rue A;01000;Bourg;C-2;",
    ),
    KIND.SUBSCRIPTIONS: (
        f"{SIRET};stockage;2;4;17/05/2025;",
        f"{SIRET};gfu;;4;01/01/2025;30/09/2025",
        f"{SIRET};formation;;4;01/01/2024;31/12/2024",
        f"{OTHER};gfu;;4;01/01/2025;",
    ),
    KIND.USAGE: (f"{SIRET};stockage;2;2025-05;12", f"{OTHER};gfu;;2025-05;3"),
    KIND.REFERENCES: (f"{SIRET};2025;SERV;EJ-1", f"{OTHER};2025;SERV;EJ-2"),
}
"""What is known when the year 2025 of the first member is billed."""
REFUSED = [
    (KIND.SUBSCRIPTIONS, f"{SIRET};stockage;2;5;17/05/2025;", "categorie"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};stockage;2;4;17/05/2025;30/11/2025", "fin"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};gfu;;4;01/01/2025;", "fin"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};gfu;;4;01/01/2025;31/10/2025", "fin"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};formation;;4;01/01/2024;01/01/2025", "fin"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};stockage;3;4;17/05/2025;", "debut"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};stockage;2;4;01/01/2025;16/05/2025", "debut"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};cartes;;4;31/12/2025;", "debut"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};cartes;;4;01/01/2020;01/01/2025", "debut"),
    (KIND.USAGE, f"{SIRET};stockage;2;2025-05;13", "utilisateurs"),
    (KIND.USAGE, f"{SIRET};stockage;2;2025-05;0", "utilisateurs"),
    (KIND.USAGE, f"{SIRET};stockage;2;2025-06;1", "utilisateurs"),
    (KIND.USAGE, f"{SIRET};stockage;3;2025-05;12", "utilisateurs"),
    (KIND.USAGE, f"{SIRET};gfu;;2025-05;12", "utilisateurs"),
    (KIND.REFERENCES, f"{SIRET};2025;SERV-2;EJ-1", "code_service"),
    (KIND.REFERENCES, f"{SIRET};2025;;EJ-1", "code_service"),
    (KIND.REFERENCES, f"{SIRET};2025;SERV;EJ-9", "engagement"),
    (KIND.REFERENCES, f"{SIRET};2025;SERV;", "engagement"),
]
"""Every fact of the billed year, changed each way: the row, and the column that is named."""
TAKEN = [
    *((kind, row) for kind, rows in BEFORE.items() for row in rows),
    (KIND.MEMBERS, f"{SIRET};CC renommée;2 rue du Moulin;82400;Val-d'Amont;C-1;"),
    (KIND.MEMBERS, f"{SIRET};CC du Val-Fictif;3 rue Neuve;82000;Ailleurs;C-9;"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};stockage;2;4;17/05/2025;01/12/2025"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};stockage;2;4;17/05/2025;31/12/2025"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};gfu;;4;01/01/2025;01/09/2025"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};formation;;5;01/01/2024;31/12/2024"),
    (KIND.SUBSCRIPTIONS, f"{SIRET};gfu;;9;01/01/2026;"),
    (KIND.SUBSCRIPTIONS, f"{OTHER};gfu;;5;01/01/2025;30/06/2025"),
    (KIND.USAGE, f"{SIRET};stockage;2;2026-01;13"),
    (KIND.USAGE, f"{OTHER};gfu;;2025-05;4"),
    (KIND.REFERENCES, f"{SIRET};2026;SERV-2;EJ-9"),
    (KIND.REFERENCES, f"{OTHER};2025;SERV-2;EJ-9"),
]
"""What changes nothing of that year: other months, an end within its month, the buyer itself."""
S = InvoiceStatus
WAYS = {
    S.ISSUED: (),
    S.SENDING: (S.SENDING,),
    S.UNKNOWN: (S.SENDING, S.UNKNOWN),
    S.DEPOSITED: (S.SENDING, S.DEPOSITED),
    S.REFUSED: (S.SENDING, S.REFUSED),
    S.INTEGRATED: (S.SENDING, S.DEPOSITED, S.INTEGRATED),
    S.SUSPENDED: (S.SENDING, S.DEPOSITED, S.INTEGRATED, S.SUSPENDED),
    S.REJECTED: (S.SENDING, S.DEPOSITED, S.INTEGRATED, S.REJECTED),
    S.SETTLED: (S.SENDING, S.DEPOSITED, S.INTEGRATED, S.SETTLED),
    S.CANCELLED: (S.SENDING, S.DEPOSITED, S.INTEGRATED, S.REJECTED, S.CANCELLED),
}
"""How an issued invoice comes to each state."""


def _billed(store: Store, folder: Path, status: InvoiceStatus = S.ISSUED) -> Store:
    for kind, rows in BEFORE.items():
        bring_rows(store, folder, kind, *rows)
    with writing(store) as tx:
        invoice_id = issue_one(tx, MEMBER)
    for to in WAYS[status]:
        with writing(store) as tx:
            assert invoices.move(tx, invoices.by_id(tx, invoice_id), to)
    return store


def test_every_change_of_a_billed_year_is_refused(store: Store, tmp_path: Path) -> None:
    """By its own file alone: code, line, column, the invoice's number, and the way out."""
    _billed(store, tmp_path)
    said = []
    for kind, row, _ in REFUSED:
        path = write_csv(tmp_path, kind, row, name="changement.csv")
        with pytest.raises(ImportRefused) as caught:
            bring(store, path, kind)
        said += [(row, finding) for finding in caught.value.findings]

    assert [
        (row, one.code, one.where.rpartition("«")[2].strip(" »\u00a0")) for row, one in said
    ] == [(row, "IMPORT-BILLED", column) for _, row, column in REFUSED]
    for _, finding in said:
        assert finding.where.startswith("changement.csv, ligne 2,")
        assert NUMBER in finding.message
        assert f"chorus-worker credit {NUMBER}" in finding.remedy
        assert [word for word in ("unpark", "import", "run") if word not in finding.remedy] == []


def test_what_changes_nothing_of_a_billed_year_is_taken(store: Store, tmp_path: Path) -> None:
    """Another year, another member, an end inside its month, a new name: nothing is in the way."""
    _billed(store, tmp_path)
    rows = []
    for rank, (kind, row) in enumerate(TAKEN):
        path = write_csv(tmp_path, kind, row, name=f"{rank}.csv")
        rows.append(bring(store, path, kind, dry_run=True).rows)

    assert rows == [1] * len(TAKEN)


@pytest.mark.parametrize("status", WAYS)
def test_a_year_is_billed_in_every_state_but_cancelled(
    sqlite_place: Place, tmp_path: Path, status: InvoiceStatus
) -> None:
    """A cancelled invoice frees its year; references of a refused one are what « resend » takes."""
    store = _billed(sqlite_place.open(), tmp_path, status)
    refused = set()
    for kind, row, _ in REFUSED:
        path = write_csv(tmp_path, kind, row, name="changement.csv")
        try:
            bring(store, path, kind, dry_run=True)
        except ImportRefused:
            refused.add(kind)

    expected = {KIND.SUBSCRIPTIONS, KIND.USAGE, KIND.REFERENCES}
    if status is S.CANCELLED:
        expected = set()
    elif status is S.REFUSED:
        expected -= {KIND.REFERENCES}

    assert refused == expected
