"""Deposits at the sandbox, and the verdicts on them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chaos import pace
from chorus_sandbox import SandboxOptions
from chorus_sandbox.ledger.ledger import read_fluxes, read_invoices
from chorus_sandbox.ledger.records import FluxState
from chorus_sandbox.routes.deposits import LARGEST_FLUX
from tests.support.sandbox_documents import (
    CII,
    ISSUED_ON,
    MEANS,
    SERVICE,
    TYPE_CODE,
    UBL,
    changed,
    factur_x,
)
from tests.support.sandbox_portal import DEPOSIT, REPORT, SEARCH, SYNTAX, Portal, body_of, started


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


@pytest.fixture
def slow_portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come after a minute and whose tokens live five seconds."""
    yield from started(
        SandboxOptions(
            data=tmp_path / "sandbox.db",
            port=0,
            integration_delay=timedelta(minutes=1),
            token_lifetime=timedelta(seconds=5),
        )
    )


def test_the_answer_says_received_and_no_more(portal: Portal) -> None:
    """A deposit answers a number and a day, and no status, whatever the file is worth."""
    answer = portal.call(DEPOSIT, **body_of(b"not an invoice"))
    assert answer == {
        "codeRetour": 0,
        "libelle": "GCU_MSG_01_000",
        "numeroFluxDepot": "CPP0011106000000000000001",
        "dateDepot": "2026-01-20",
        "syntaxeFlux": SYNTAX,
    }
    (flux,) = read_fluxes(portal.data)

    assert (flux.size, flux.file_name) == (14, "facture.xml")


def test_a_deposit_that_needs_no_time_is_judged_unasked(portal: Portal) -> None:
    """Its verdict comes after the answer, though nobody asks for the report."""
    portal.call(DEPOSIT, **body_of(b"not an invoice"))

    assert pace.becomes_true(
        lambda: read_fluxes(portal.data)[0].state is FluxState.REFUSED, seconds=30
    )


def test_each_deposit_has_its_number(portal: Portal) -> None:
    """The same file deposited twice gets two numbers, of the interface of its syntax."""
    numbers = [
        portal.deposit(UBL, "IN_DP_E1_UBL_INVOICE"),
        portal.deposit(CII),
        portal.deposit(CII),
        portal.deposit(b"%PDF", "IN_DP_E2_CII_FACTURX"),
    ]

    assert [number[:10] for number in numbers] == [
        "CPP0011100",
        "CPP0011106",
        "CPP0011106",
        "CPP0011117",
    ]
    assert [int(number[10:]) for number in numbers] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "changes",
    [
        {"syntaxeFlux": "IN_DP_E2_FACTURX"},
        {"syntaxeFlux": None},
        {"fichierFlux": None},
        {"fichierFlux": ""},
        {"fichierFlux": "é"},
        {"fichierFlux": "abc"},
        {"nomFichier": None},
        {"avecSignature": "non"},
    ],
)
def test_a_malformed_deposit_keeps_nothing(portal: Portal, changes: Mapping[str, object]) -> None:
    """A missing field, a syntax outside the list or wrong base64 is a 400 and no flux."""
    answer = portal.post(DEPOSIT, body_of(CII) | dict(changes))

    assert (answer.status_code, answer.content) == (400, b"")
    assert read_fluxes(portal.data) == ()


@pytest.mark.parametrize("name", ["facture", "f" * 197 + ".xml", ".."])
def test_a_file_name_has_an_extension(portal: Portal, name: str) -> None:
    """A name without extension or of more than 200 characters is a business refusal."""
    answer = portal.call(DEPOSIT, **(body_of(CII) | {"nomFichier": name}))

    assert answer["codeRetour"] != 0
    assert answer["libelle"].startswith("SIMULE - ")


def test_a_flux_holds_thirty_megabytes(portal: Portal) -> None:
    """One byte more than the limit is refused with the recorded code, the limit passes."""
    assert portal.deposit(bytes(LARGEST_FLUX))
    for size in (LARGEST_FLUX + 1, LARGEST_FLUX + 4096):
        answer = portal.call(DEPOSIT, **body_of(bytes(size)))
        assert answer == {"codeRetour": 20001, "libelle": "GDP_MSG_11.022"}

    assert len(read_fluxes(portal.data)) == 1


def test_a_body_without_bounds_is_not_kept_in_memory(portal: Portal) -> None:
    """A body above what any flux needs is refused once read past."""
    answer = portal.session.post(
        portal.url + DEPOSIT, data=bytes(65 * 1024 * 1024), timeout=pace.limit(30)
    )

    assert answer.status_code == 413


def test_a_good_invoice_is_integrated(portal: Portal) -> None:
    """The report of an accepted flux has the recorded shape, and no list of errors."""
    assert portal.verdict(CII) == {
        "codeRetour": 0,
        "libelle": "TRA_MSG_00.000",
        "nomFichier": "FSO1106A_CPP001_CPP0011106000000000000001",
        "dateDepotFlux": "2026-01-20T10:30:00.000+01:00",
        "codeInterfaceDepotFlux": "FSO1106A",
        "etatCourantDepotFlux": "IN_INTEGRE",
        "dateHeureEtatCourantFlux": "2026-01-20T10:30:00.000+01:00",
    }


@pytest.mark.parametrize(
    "syntax,content",
    [("IN_DP_E1_UBL_INVOICE", UBL), ("IN_DP_E2_CII_FACTURX", factur_x(CII))],
)
def test_every_syntax_is_integrated(portal: Portal, syntax: str, content: bytes) -> None:
    """A good UBL and a good Factur-X are integrated too."""
    assert portal.verdict(content, syntax)["etatCourantDepotFlux"] == "IN_INTEGRE"
    (invoice,) = read_invoices(portal.data)

    assert str(invoice.gross) == "1200.00"


def test_a_broken_file_is_refused_as_a_whole(portal: Portal) -> None:
    """A schema violation is a technical error, and no invoice is named."""
    report = portal.verdict(CII.replace(b"<ram:TypeCode>380<", b"<ram:TypeCode><x/>380<"))
    assert report["etatCourantDepotFlux"] == "IN_REJETE"
    error = report["listeErreurTechnique"][0]

    assert (error["natureErreur"], error["codeErreur"]) == ("ERR_XSD", "ERR_XSD_001")
    assert "listeErreurDP" not in report


@pytest.mark.parametrize(
    "syntax,content",
    [("IN_DP_E1_UBL_INVOICE", CII), ("IN_DP_E2_CII_FACTURX", UBL), ("IN_DP_E1_XCBL", UBL)],
)
def test_a_file_of_another_syntax_is_refused(portal: Portal, syntax: str, content: bytes) -> None:
    """A file deposited under the wrong syntax is received, then refused."""
    report = portal.verdict(content, syntax)

    assert report["etatCourantDepotFlux"] == "IN_REJETE"
    assert report["listeErreurTechnique"]


def test_a_refused_invoice_is_named(portal: Portal) -> None:
    """A functional refusal names the parties and the number as the file has them."""
    report = portal.verdict(changed(CII, {TYPE_CODE: "999", MEANS: None, SERVICE: "NULLE_PART"}))
    (error,) = report["listeErreurDP"]

    assert error["identifiantFournisseur"] == "33254021516357"
    assert error["identifiantDestinataire"] == "12345678200135"
    assert error["numeroDP"] == "FA-2026-0001"
    assert error["libelleErreurDP"].startswith(
        "SIMULE - Type de facture (BT-3) non admis"
        "|SIMULE - Code service (BT-10) inconnu ou inactif|L'element FichierXml."
    )
    assert len(error["libelleErreurDP"]) == 200
    assert read_invoices(portal.data) == ()


def test_a_number_is_taken_once(portal: Portal) -> None:
    """The second deposit of an integrated invoice is refused as a duplicate."""
    portal.verdict(CII)
    report = portal.verdict(CII)

    assert report["etatCourantDepotFlux"] == "IN_REJETE"
    assert "Doublon" in report["listeErreurDP"][0]["libelleErreurDP"]


def test_the_first_deposit_wins_whatever_is_asked_first(portal: Portal) -> None:
    """Of two deposits of one number, the first is integrated even if asked about last."""
    first, second = portal.deposit(CII), portal.deposit(CII)
    states = [
        portal.call(REPORT, numeroFluxDepot=number)["etatCourantDepotFlux"]
        for number in (second, first)
    ]

    assert states == ["IN_REJETE", "IN_INTEGRE"]


def test_a_refused_number_is_free(portal: Portal) -> None:
    """After a refusal nothing was integrated: the corrected invoice keeps its number."""
    portal.verdict(changed(CII, {MEANS: None}))

    assert portal.verdict(CII)["etatCourantDepotFlux"] == "IN_INTEGRE"


def test_another_year_frees_the_number(portal: Portal) -> None:
    """Uniqueness is within the year of issue."""
    portal.verdict(CII)
    last_year = changed(CII, {ISSUED_ON: "20251231"})

    assert portal.verdict(last_year)["etatCourantDepotFlux"] == "IN_INTEGRE"


def test_the_day_of_deposit_is_that_of_paris(portal: Portal) -> None:
    """An invoice dated tomorrow in UTC is of today in Paris after 23:00 UTC in winter."""
    portal.clock = datetime(2026, 1, 14, 22, 59, tzinfo=UTC)
    portal.enter()
    assert portal.verdict(CII)["etatCourantDepotFlux"] == "IN_REJETE"
    portal.clock = datetime(2026, 1, 14, 23, 0, tzinfo=UTC)

    assert portal.verdict(CII)["etatCourantDepotFlux"] == "IN_INTEGRE"


def test_a_verdict_takes_its_time(slow_portal: Portal) -> None:
    """Until the delay is over the flux waits, then its verdict is dated from its end."""
    number = slow_portal.deposit(CII)
    waiting = slow_portal.call(REPORT, numeroFluxDepot=number)
    assert waiting["etatCourantDepotFlux"] == "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP"
    assert slow_portal.call(SEARCH, numeroFluxDepot=number)["parametresRetour"]["total"] == 0
    slow_portal.clock += timedelta(minutes=10)
    slow_portal.enter()
    done = slow_portal.call(REPORT, numeroFluxDepot=number)

    assert done["etatCourantDepotFlux"] == "IN_INTEGRE"
    assert done["dateHeureEtatCourantFlux"] == "2026-01-20T10:31:00.000+01:00"


def test_an_unknown_flux_is_not_found(portal: Portal) -> None:
    """A number never given out is a business refusal with the recorded text."""
    assert portal.call(REPORT, numeroFluxDepot="CPP0011117000000000000001") == {
        "codeRetour": 20001,
        "libelle": "POQ_MSG_01.003 - Flux introuvable.",
    }
