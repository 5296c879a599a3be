"""Lots at the sandbox: each invoice has its own verdict."""

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from chorus_sandbox import SandboxOptions
from chorus_sandbox.ledger.ledger import read_invoices
from tests.support.sandbox_documents import CII, MEANS, UBL, factur_x, lot, numbered
from tests.support.sandbox_portal import GROUP, REPORT, SEARCH, SYNTAX, Portal, started

BAD = numbered("BAD", {MEANS: None})


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


def test_a_good_lot_is_integrated(portal: Portal) -> None:
    """Every invoice of the lot is found under the one number of the flux."""
    number = portal.deposit(lot({f"{rank}.xml": numbered(f"F-{rank}") for rank in range(12)}))
    assert portal.call(REPORT, numeroFluxDepot=number)["etatCourantDepotFlux"] == "IN_INTEGRE"
    answer = portal.call(SEARCH, numeroFluxDepot=number)

    assert answer["parametresRetour"]["total"] == 12
    assert [invoice.file_name for invoice in read_invoices(portal.data)] == [
        f"{rank}.xml" for rank in range(12)
    ]


def test_a_lot_of_factur_x_is_integrated(portal: Portal) -> None:
    """The one syntax of a lot may be Factur-X, and each PDF can be had again alone."""
    pdfs = [factur_x(numbered(f"F-{rank}")) for rank in range(2)]
    content = lot({"a.pdf": pdfs[0], "b.pdf": pdfs[1]})
    report = portal.verdict(content, "IN_DP_E2_CII_FACTURX")
    assert report["etatCourantDepotFlux"] == "IN_INTEGRE"
    second = read_invoices(portal.data)[1]
    answer = portal.call(GROUP, format="PDF", listeFacture=[{"idFacture": second.id}])

    assert base64.b64decode(answer["fichierResultat"]) == pdfs[1]


def test_a_mixed_lot_is_integrated_in_part(portal: Portal) -> None:
    """The bad invoice is named with its reasons, the good one lives on."""
    number = portal.deposit(lot({"a.xml": numbered("GOOD"), "b.xml": BAD}))
    report = portal.call(REPORT, numeroFluxDepot=number)
    assert report["etatCourantDepotFlux"] == "IN_INTEGRE_PARTIEL"
    (error,) = report["listeErreurDP"]
    assert error["numeroDP"] == "BAD"
    assert error["libelleErreurDP"].endswith("TypeCode.value est obligatoire.")
    (line,) = portal.call(SEARCH, numeroFluxDepot=number)["listeFactures"]

    assert line["numeroFacture"] == "GOOD"


def test_a_bad_lot_is_refused(portal: Portal) -> None:
    """When no invoice is good, the flux is refused and each invoice named."""
    worse = numbered("WORSE", {MEANS: None})
    report = portal.verdict(lot({"a.xml": BAD, "b.xml": worse}))

    assert report["etatCourantDepotFlux"] == "IN_REJETE"
    assert [error["numeroDP"] for error in report["listeErreurDP"]] == ["BAD", "WORSE"]
    assert read_invoices(portal.data) == ()


def test_a_number_is_taken_once_within_a_lot(portal: Portal) -> None:
    """Of two invoices of one number in one lot, the first is integrated, the second refused."""
    report = portal.verdict(lot({"a.xml": CII, "b.xml": CII}))
    assert report["etatCourantDepotFlux"] == "IN_INTEGRE_PARTIEL"
    (error,) = report["listeErreurDP"]

    assert "Doublon" in error["libelleErreurDP"]
    assert [invoice.file_name for invoice in read_invoices(portal.data)] == ["a.xml"]


def test_a_lot_deposited_twice_is_refused_the_second_time(portal: Portal) -> None:
    """Every invoice of the second copy is a duplicate."""
    content = lot({"a.xml": numbered("F-1"), "b.xml": numbered("F-2")})
    portal.verdict(content)
    report = portal.verdict(content)

    assert report["etatCourantDepotFlux"] == "IN_REJETE"
    assert len(report["listeErreurDP"]) == 2
    assert len(read_invoices(portal.data)) == 2


@pytest.mark.parametrize("bad", [UBL, b"", b"<x/>", CII.replace(b"<ram:TypeCode>", b"<ram:Type>")])
def test_one_unreadable_file_refuses_the_whole_lot(portal: Portal, bad: bytes) -> None:
    """A file that no schema of the syntax reads is named, and nothing is integrated."""
    report = portal.verdict(lot({"good.xml": numbered("F-1"), "bad.xml": bad}))
    assert report["etatCourantDepotFlux"] == "IN_REJETE"
    texts = [error["libelleErreur"] for error in report["listeErreurTechnique"]]

    assert all(text.startswith("SIMULE - Lot refuse par le fichier bad.xml") for text in texts)
    assert "listeErreurDP" not in report
    assert read_invoices(portal.data) == ()


def test_a_hostile_lot_is_refused_and_the_sandbox_lives(portal: Portal) -> None:
    """A path or a broken archive is a refusal, and the next deposit is served."""
    for content in (lot({"../a.xml": CII}), gzip.compress(b"nothing"), b"\x1f\x8b\x08"):
        report = portal.verdict(content)
        assert report["etatCourantDepotFlux"] == "IN_REJETE"
        (error,) = report["listeErreurTechnique"]
        assert error["libelleErreur"].startswith("SIMULE - ")

    assert portal.verdict(CII, SYNTAX)["etatCourantDepotFlux"] == "IN_INTEGRE"
