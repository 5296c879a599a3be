"""The file of the sandbox: what it keeps, and who may use it together."""

import hashlib
import sqlite3
import stat
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from chorus_sandbox.directory import Directory, Structure
from chorus_sandbox.fault_kinds import Fault, FaultKind
from chorus_sandbox.integration.integration import settle
from chorus_sandbox.ledger import tables
from chorus_sandbox.ledger.ledger import Ledger, LedgerError, prepare, read_fluxes, read_invoices
from chorus_sandbox.ledger.records import (
    FluxRecord,
    FluxState,
    NewInvoice,
    RefusedInvoice,
    TechnicalError,
)
from tests.support.sandbox_documents import CII

NOW = datetime(2026, 1, 20, 9, 30, 0, 123000, tzinfo=UTC)
INVOICE = NewInvoice(
    seller_siret="33254021516357",
    seller_name="FOURNISSEUR",
    buyer_siret="12345678200051",
    buyer_name="DESTINATAIRE",
    service_code="DSI",
    service_name="Informatique",
    number="FA-1",
    issued_on=date(2026, 1, 15),
    kind="FACTURE",
    framework="A1",
    currency="EUR",
    net=Decimal("0.10"),
    gross=Decimal("99999999999999999.99"),
    due=Decimal("-3.50"),
    contract="",
    engagement="EJ-1",
    preceding="",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A prepared ledger file."""
    path = tmp_path / "new folder" / "sandbox.db"
    prepare(path)
    return path


def deposit(
    ledger: Ledger, content: bytes = b"bytes", delay: timedelta = timedelta(0)
) -> FluxRecord:
    """A deposit of some bytes."""
    return ledger.fluxes.add(
        content, file_name="f.xml", syntax="S", interface="1106", now=NOW, delay=delay
    )


def test_a_deposit_is_on_disk_when_it_is_acknowledged(path: Path) -> None:
    """Another connection sees the bytes, their digest and the number at once."""
    with Ledger(path) as ledger, Ledger(path) as other:
        flux = deposit(ledger, b"\x00\xff")
        assert other.fluxes.content(flux) == b"\x00\xff"
        assert other.fluxes.numbered(flux.number) == flux

    assert flux.number == "CPP0011106000000000000001"
    assert (flux.sha256, flux.size) == (hashlib.sha256(b"\x00\xff").hexdigest(), 2)
    assert (flux.state, flux.deposited_at) == (FluxState.WAITING, NOW)


@pytest.fixture(name="restarted")
def _restarted(path: Path) -> Path:
    """A ledger with a token, two verdicts and an invoice, prepared again."""
    with Ledger(path) as ledger:
        ledger.add_token("digest", now=NOW, lifetime=timedelta(hours=1))
        first, second = deposit(ledger), deposit(ledger)
        with ledger.transaction():
            identifier = ledger.invoices.add(first, INVOICE)
            ledger.invoices.add_status(identifier, "DEPOSEE", at=NOW)
            ledger.invoices.add_status(identifier, "REJETEE", at=NOW, comment="Motif")
            ledger.fluxes.conclude(first, FluxState.INTEGRATED)
            ledger.fluxes.conclude(
                second,
                FluxState.REFUSED,
                technical=[TechnicalError(nature="N", code="C", text="T")],
                refused=[RefusedInvoice(seller="s", buyer="b", number="n", text="é")],
            )
    prepare(path)
    return path


def test_a_restart_goes_on_where_it_was(restarted: Path) -> None:
    """The token is known, and the next flux has the next number."""
    with Ledger(restarted) as ledger:
        assert ledger.knows_token("digest", now=NOW)
        assert deposit(ledger).number == "CPP0011106000000000000003"


def test_a_restart_forgets_no_verdict(restarted: Path) -> None:
    """Nor why a flux was refused."""
    first, second = read_fluxes(restarted)

    assert (first.state, second.state) == ("IN_INTEGRE", "IN_REJETE")
    assert second.technical_errors[0].text == "T"
    assert second.refused_invoices[0].text == "é"


def test_a_restart_forgets_no_invoice(restarted: Path) -> None:
    """With its history, whose last word is its status."""
    (invoice,) = read_invoices(restarted)
    with Ledger(restarted) as ledger:
        history = [row.code for row in ledger.invoices.history(invoice.id)]

    assert asdict(INVOICE).items() <= asdict(invoice).items()
    assert invoice.flux_number == "CPP0011106000000000000001"
    assert (invoice.status, invoice.comment) == ("REJETEE", "Motif")
    assert history == ["REJETEE", "DEPOSEE"]


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    """An error in the middle of a change undoes the whole change."""
    with Ledger(path) as ledger:
        flux = deposit(ledger)
        with pytest.raises(sqlite3.IntegrityError), ledger.transaction():
            ledger.invoices.add_status(ledger.invoices.add(flux, INVOICE) + 1, "DEPOSEE", at=NOW)

    assert read_invoices(path) == ()


def test_the_key_of_an_invoice_is_year_supplier_number(path: Path) -> None:
    """The whole SIREN takes the number for a year, whichever its establishment; no other does."""
    with Ledger(path) as ledger:
        flux = deposit(ledger)
        with ledger.transaction():
            ledger.invoices.add(flux, INVOICE)
            assert ledger.invoices.is_taken(year=2026, siren="332540215", number="FA-1")
            assert not ledger.invoices.is_taken(year=2027, siren="332540215", number="FA-1")
            assert not ledger.invoices.is_taken(year=2026, siren="332540216", number="FA-1")
            assert not ledger.invoices.is_taken(year=2026, siren="332540215", number="fa-1")


def test_verdicts_are_due_in_the_order_of_deposits(path: Path) -> None:
    """The oldest due flux comes first, and none before its time or after the one asked about."""
    with Ledger(path) as ledger:
        late, soon = deposit(ledger, delay=timedelta(hours=1)), deposit(ledger)
        assert ledger.fluxes.next_due(NOW) == soon
        assert ledger.fluxes.next_due(NOW, up_to=late.id) is None
        assert ledger.fluxes.next_due(NOW + timedelta(hours=1)) == late
        with ledger.transaction():
            ledger.fluxes.conclude(soon, FluxState.REFUSED)
        assert ledger.fluxes.next_due(NOW) is None
        assert not ledger.fluxes.is_waiting(soon)
        assert ledger.fluxes.is_waiting(late)


class BrokenDirectory(Directory):
    """A directory that fails when it is asked."""

    def by_siret(self, siret: str) -> Structure | None:
        """Fails, as code does that met what nobody foresaw."""
        raise ZeroDivisionError(siret)


def test_an_unforeseen_failure_is_an_incident(path: Path) -> None:
    """What nobody foresaw ends the flux in a recorded incident instead of blocking the rest."""
    with Ledger(path) as ledger:
        first = ledger.fluxes.add(
            CII,
            file_name="f.xml",
            syntax="IN_DP_E1_CII_16B",
            interface="1106",
            now=NOW,
            delay=timedelta(0),
        )
        second = deposit(ledger)
        settle(ledger, BrokenDirectory([]), now=NOW)
        states = [ledger.fluxes.numbered(flux.number) for flux in (first, second)]

    assert [flux.state for flux in states if flux] == [FluxState.INCIDENT, FluxState.REFUSED]
    assert states[0]
    assert states[0].technical_errors[0].text == "SIMULE - Incident: ZeroDivisionError"


def test_an_older_ledger_is_brought_up_to_date(tmp_path: Path) -> None:
    """A file of the first version keeps its fluxes and invoices, and serves everything new."""
    path = tmp_path / "sandbox.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(f"BEGIN; {tables.CREATE} COMMIT;")
        connection.execute(
            "INSERT INTO flux (id, number, syntax, interface, file_name, size, sha256,"
            " deposited_at, due_at, state, state_at) VALUES (1, 'CPP1', 'S', 'FSO', 'f.xml',"
            " 5, '', 0, 0, 'IN_INTEGRE', 0)"
        )
        names = ["flux_id", "flux_number", "deposited_on", "status", "status_at", *asdict(INVOICE)]
        values = [1, "CPP1", "2026-01-20", "DEPOSEE", 0]
        values += [str(tables.stored(value)) for value in asdict(INVOICE).values()]
        connection.execute(
            f"INSERT INTO invoice ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            values,
        )
    connection.close()
    for _ in range(2):
        prepare(path)
    (invoice,) = read_invoices(path)
    assert asdict(INVOICE).items() <= asdict(invoice).items()
    assert not invoice.rejection_handled
    assert invoice.indexed_at < NOW
    (flux,) = read_fluxes(path)
    assert (flux.reports, flux.incident, flux.index_delay) == (0, False, timedelta(0))
    with Ledger(path) as ledger:
        ledger.faults.arm([Fault(kind=FaultKind.DROP_AFTER)], now=NOW)
        assert len(ledger.faults.armed()) == 1


def test_what_is_due_is_found_without_reading_everything(path: Path) -> None:
    """The question every request asks is answered from the index of what waits."""
    with Ledger(path) as ledger, sqlite3.connect(path) as connection:
        asked: list[str] = []
        ledger._connection.set_trace_callback(asked.append)  # noqa: SLF001 - the statement itself
        ledger.fluxes.next_due(NOW)
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
    connection.close()

    assert "flux_waiting" in plan[-1]


def test_tokens_die(path: Path) -> None:
    """A token lives exactly its lifetime, and only if it was given out."""
    with Ledger(path) as ledger:
        ledger.add_token("digest", now=NOW, lifetime=timedelta(seconds=5))
        assert ledger.knows_token("digest", now=NOW + timedelta(milliseconds=4999))
        assert not ledger.knows_token("digest", now=NOW + timedelta(seconds=5))
        assert not ledger.knows_token("other", now=NOW)


def test_several_writers_never_share_a_number(path: Path) -> None:
    """Deposits from several connections at once all get numbers, each its own."""

    def work() -> None:
        with Ledger(path) as ledger:
            for _ in range(20):
                deposit(ledger)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [flux.id for flux in read_fluxes(path)] == list(range(1, 81))


def test_several_processes_may_create_the_file(tmp_path: Path) -> None:
    """Preparing the same new file from several places at once is harmless."""
    path = tmp_path / "sandbox.db"
    threads = [threading.Thread(target=prepare, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read_fluxes(path) == ()


def test_only_the_owner_reads_the_file(path: Path) -> None:
    """The file and its journal are closed to others, also when they were open before."""
    path.chmod(0o644)
    prepare(path)
    with Ledger(path) as ledger:
        deposit(ledger)
        modes = [stat.S_IMODE(item.stat().st_mode) for item in path.parent.iterdir()]

    assert len(modes) == 3
    assert set(modes) == {0o600}


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    """A database that is no ledger, or no database at all, is refused and unchanged."""
    other, text = tmp_path / "other.db", tmp_path / "text.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE invoice (number TEXT)")
    connection.close()
    text.write_text("not a database, but long enough to look like one" * 20, encoding="utf-8")
    for path in (other, text):
        before = path.read_bytes()
        with pytest.raises(LedgerError, match=path.name):
            prepare(path)
        assert path.read_bytes() == before


LATER = NOW + timedelta(milliseconds=1)
DAY = date(2026, 1, 20)
CONDITIONS: list[tuple[Mapping[str, object], int]] = [
    ({}, 1),
    ({"flux_number = ?": "CPP0011106000000000000001"}, 1),
    ({"number = ?": "FA-1"}, 1),
    ({"deposited_on >= ?": DAY, "deposited_on <= ?": DAY}, 1),
    ({"status_at >= ?": NOW, "status_at <= ?": NOW}, 1),
    ({"status IN (?)": ("REJETEE", "DEPOSEE")}, 1),
    ({"buyer_siret IN (?)": ("12345678200051", "0")}, 1),
    ({"rejection_handled = ?": False}, 1),
    ({"flux_number = ?": "CPP"}, 0),
    ({"number = ?": "FA"}, 0),
    ({"deposited_on >= ?": DAY + timedelta(days=1)}, 0),
    ({"deposited_on <= ?": DAY - timedelta(days=1)}, 0),
    ({"status_at >= ?": LATER}, 0),
    ({"status_at <= ?": NOW - timedelta(milliseconds=1)}, 0),
    ({"status IN (?)": ("REJETEE",)}, 0),
    ({"buyer_siret IN (?)": ()}, 0),
    ({"rejection_handled = ?": True}, 0),
    ({"number = ?": "FA-1", "kind = ?": "AVOIR"}, 0),
]
"""Of a search among one invoice, with how many are found."""


@pytest.mark.parametrize("wanted, found", CONDITIONS)
def test_the_conditions_of_a_search_restrict(
    path: Path, wanted: Mapping[str, object], found: int
) -> None:
    """A condition keeps the invoice it describes and drops it when it differs; lists too."""
    with Ledger(path) as ledger:
        flux = deposit(ledger)
        with ledger.transaction():
            identifier = ledger.invoices.add(flux, INVOICE)
            ledger.invoices.add_status(identifier, "DEPOSEE", at=NOW)

        rows, total = ledger.invoices.search(
            wanted, order="deposited_on", descending=True, limit=10, offset=0
        )

    assert (len(rows), total) == (found, found)
