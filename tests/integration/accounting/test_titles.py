"""Titles: what leaves for the finance software, what is refused, and what comes back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from tests.support.offices import YEAR, Desk, number, open_desk
from tests.support.written_tables import read_back
from worker.accounting.settlements import record
from worker.accounting.titles import emagnus, neutral
from worker.accounting.titles.export import Exported, Layout, export
from worker.accounting.titles.lines import LONGEST_NAME, LONGEST_SUBJECT
from worker.accounting.titles.returned import take_in
from worker.audit.record import record_of
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.billing.settlement import Payment
from worker.billing.status import InvoiceStatus
from worker.billing.title import Title
from worker.errors import ConfigurationError, ImportRefused, Refused, WrongUse
from worker.imports import ImportKind
from worker.imports.kinds import KINDS
from worker.imports.rereading import reread
from worker.settings.keys import Channel, TitleMapping, Titles
from worker.storage import invoices, titles

ONE, TWO, THREE = number(1), number(2), number(3)
MAPPED = Titles(
    body="123",
    budget="PRINCIPAL",
    party_category="23",
    services={
        "stockage": TitleMapping(article="7588", function="020", local_product="STO1"),
        "gfu": TitleMapping(article="70878"),
    },
)
HEADER = "facture;exercice;bordereau;titre;date_titre;date_paiement;montant;reference"


def set_up(desk: Desk, *, channel: Channel = Channel.API, mapped: Titles = MAPPED) -> None:
    """Have the office work by this channel, with these accounts."""
    settings = desk.app.settings.model_copy(update={"channel": channel, "titles": mapped})
    configured = replace(desk.app.configuration, settings=settings)
    desk.app = replace(desk.app, configured=configured)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Three invoices are issued, and nothing is deposited."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=3)
    set_up(desk)
    return desk


@pytest.fixture(name="deposited")
def _deposited(desk: Desk) -> Desk:
    """The same, at their buyers'."""
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    return desk


def neutral_of(desk: Desk, tmp_path: Path, name: str = "titres.xlsx") -> Exported:
    """The neutral file."""
    return export(desk.app, YEAR, tmp_path / name, Layout.NEUTRAL)


def returned(desk: Desk, *lines: str, name: str = "titres-faits.csv") -> Path:
    """A file of the finance software."""
    path = desk.folder / name
    path.write_text("\n".join((HEADER, *lines)) + "\n", "utf-8")
    return path


def known(desk: Desk) -> dict[str, Title]:
    """The titles in the books, by the number of their invoice."""
    with desk.app.reading() as session:
        return {one.invoice: one for one in titles.current(session).values()}


@pytest.mark.parametrize("suffix", [".xlsx", ".csv", ".json"])
def test_the_neutral_file_has_true_types_and_adds_up(
    deposited: Desk, tmp_path: Path, suffix: str
) -> None:
    """Read back by another program; a credit note is below zero and names its invoice."""
    note = deposited.credit(ONE, quantities={"1": 1})
    path = tmp_path / f"titres{suffix}"

    done = export(deposited.app, YEAR, path, Layout.NEUTRAL)

    table = neutral.table_of(done.lines, YEAR)
    told = [
        [cell if cell != "" else None for cell in row]
        for row in (list(row) for row in table.rows())
    ]
    assert read_back(path, table) == told
    places = {column.name: rank for rank, column in enumerate(table.columns)}
    billed = Money.sum(deposited.one(name).total for name in (ONE, TWO, THREE))
    assert done.total == billed - note.total
    for row in told:
        ht, tva, ttc = (row[places[name]] for name in ("montant_ht", "montant_tva", "montant_ttc"))
        assert isinstance(ht, Money)
        assert isinstance(tva, Money)
        assert ht + tva == ttc
        assert isinstance(row[places["taux_tva"]], Decimal)
        assert len(str(row[places["objet"]])) <= LONGEST_SUBJECT
        assert len(str(row[places["nom"]])) <= LONGEST_NAME
        assert row[places["edition"]] == "04"
    (credit,) = [row for row in told if row[places["numero_facture"]] == note.number]

    assert (credit[places["facture_annulee"]], credit[places["nature_piece"]]) == (ONE, "06")


def test_a_line_follows_the_mapping_of_its_service(desk: Desk, tmp_path: Path) -> None:
    """Tiers of one service are one line; each service has its own account."""
    done = neutral_of(desk, tmp_path)

    by_service = {line.service: line.mapping.article for line in done.lines}
    assert by_service == {"stockage": "7588", "gfu": "70878"}
    of_one = [line for line in done.lines if line.invoice.number == ONE]

    assert [line.rank for line in of_one] == [1, 2]
    assert Money.sum(line.gross for line in of_one) == desk.one(ONE).total


def test_the_object_of_a_line_is_in_words_and_in_those_of_its_mapping(
    desk: Desk, tmp_path: Path
) -> None:
    """No code of ours: the words of every service, or those that the mapping gives it."""
    plain = TitleMapping(article="7588")
    own = TitleMapping(article="70878", subject="groupement sur fibre")
    set_up(desk, mapped=Titles(services={"stockage": plain, "gfu": own}))

    done = neutral_of(desk, tmp_path)

    assert {line.service: line.subject for line in done.lines if line.invoice.number == ONE} == {
        "gfu": f"Facture {ONE} : groupement sur fibre {YEAR}",
        "stockage": f"Facture {ONE} : services numériques {YEAR}",
    }


def test_a_missing_mapping_is_said_before_anything_is_written(desk: Desk, tmp_path: Path) -> None:
    """Every service without account is named, and neither file nor event is left."""
    set_up(desk, mapped=Titles(services={"gfu": TitleMapping(article="70878")}))
    events = desk.events()

    with pytest.raises(ConfigurationError, match="stockage") as raised:
        neutral_of(desk, tmp_path)

    assert "[titles.services.stockage]" in raised.value.remedy
    assert not (tmp_path / "titres.xlsx").exists()
    assert desk.events() == events


def test_on_the_helios_channel_the_title_carries_the_invoice(desk: Desk, tmp_path: Path) -> None:
    """Edition 02, with the PDF as the complement of an ASAP; the journal says what left."""
    set_up(desk, channel=Channel.HELIOS)

    done = export(desk.app, YEAR, tmp_path / "t.csv", Layout.NEUTRAL, pieces=tmp_path / "pieces")

    assert {line.edition.value for line in done.lines} == {"02"}
    assert {line.piece_kind for line in done.lines} == {"008"}
    assert sorted(path.name for path in (tmp_path / "pieces").iterdir()) == [
        f"{name}.pdf" for name in (ONE, TWO, THREE)
    ]
    ((subject, payload),) = desk.events(EventTag.TITLES_EXPORTED)

    assert (subject, payload["edition"], payload["numbers"]) == ("2025", "02", [ONE, TWO, THREE])


def test_what_was_deposited_never_leaves_with_an_asap(deposited: Desk, tmp_path: Path) -> None:
    """Once on Chorus Pro, an Edition 02 would claim it twice: each is named, nothing is written."""
    set_up(deposited, channel=Channel.HELIOS)

    with pytest.raises(Refused, match="deux fois") as raised:
        neutral_of(deposited, tmp_path)

    assert [one.where for one in raised.value.findings] == [ONE, TWO, THREE]
    assert {one.code for one in raised.value.findings} == {"TITLE-TWICE"}
    assert list(tmp_path.glob("titres*")) == []


def test_what_left_with_an_asap_is_not_exported_for_a_deposit(desk: Desk, tmp_path: Path) -> None:
    """The channel was changed in between: nothing says any more which way the invoice goes."""
    set_up(desk, channel=Channel.HELIOS)
    neutral_of(desk, tmp_path)
    set_up(desk, channel=Channel.API)

    with pytest.raises(Refused, match="deux fois"):
        neutral_of(desk, tmp_path, "encore.xlsx")


def _magnus(folder: Path) -> list[str]:
    rows = (folder / emagnus.MAIN).read_bytes().decode(emagnus.ENCODING).splitlines()
    cells = [row[1:-1].split('";"') for row in rows]
    assert {len(row) for row in cells} == {125}
    return [row[30 - 1] for row in cells]


def _xml(name: str, element: str) -> Callable[[Path], list[str]]:
    def read(folder: Path) -> list[str]:
        return [str(one.get("V")) for one in etree.parse(folder / name).iter(element)]

    return read


@pytest.mark.parametrize(
    "layout,amounts",
    [
        (Layout.EMAGNUS, _magnus),
        (Layout.CORAIL, _xml("corail-2026.xml", "MontantHT")),
        (Layout.JVS, _xml("jvs-2026.xml", "MtHT")),
    ],
)
def test_the_layout_of_a_software_has_every_line_and_piece(
    desk: Desk, tmp_path: Path, layout: Layout, amounts: Callable[[Path], list[str]]
) -> None:
    """The same net amounts as the neutral file, and each PDF as it was issued."""
    done = export(desk.app, YEAR, tmp_path / "import", layout)

    assert amounts(tmp_path / "import") == [str(line.net) for line in done.lines]
    written = {path.name: path.read_bytes() for path in (tmp_path / "import").rglob("*.pdf")}

    assert written == {
        line.piece_name: desk.app.store.archive.get(line.piece) for line in done.lines
    }


def test_the_layout_of_a_software_leaves_reductions_to_it(deposited: Desk, tmp_path: Path) -> None:
    """A credit note is made there on the title that has its number; it is said by its number."""
    note = deposited.credit(ONE, quantities={"1": 1})

    done = export(deposited.app, YEAR, tmp_path / "import", Layout.JVS)

    assert done.credits == (note.number,)
    assert done.numbers == (ONE, TWO, THREE)


def test_a_folder_that_holds_something_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    """No file of another export is mixed with this one."""
    (tmp_path / "import").mkdir()
    (tmp_path / "import" / "note.txt").write_text("à moi", "utf-8")

    with pytest.raises(WrongUse, match="dossier vide"):
        export(desk.app, YEAR, tmp_path / "import", Layout.EMAGNUS)

    assert [path.name for path in (tmp_path / "import").iterdir()] == ["note.txt"]


def test_a_payment_that_titles_tell_again_is_said(deposited: Desk) -> None:
    """A person recorded it under its transfer, the finance software tells it under another name."""
    deposited.clock.advance(days=40)
    day = date(2026, 2, 10)
    record(deposited.app, Payment(number=ONE, on=day, amount=Money(10_000), reference="VIR 20"))
    path = returned(deposited, f"{ONE};2026;3;12;20/01/2026;10/02/2026;100;P")

    taken = take_in(deposited.app, path)

    assert [one.code for one in taken.findings] == ["IMPORT-PAYMENT-ALIKE"]
    assert "VIR 20" in taken.findings[0].message


def test_what_we_gave_away_is_known_when_it_comes_back() -> None:
    """Each column of our own file is read by « titles import », or known as ours."""
    kind = KINDS[ImportKind.TITLES]

    written = {name for name, _ in neutral.COLUMNS}
    ours = written - {column.name for column in kind.columns}

    assert ours == {*kind.beside, "numero_facture"}  # read as « facture »


def test_titles_come_back_with_their_payments(deposited: Desk, tmp_path: Path) -> None:
    """Two payments of one title; what is paid in full is settled; exported no more."""
    total = deposited.one(ONE).total
    deposited.clock.advance(days=40)
    path = returned(
        deposited,
        f"{ONE};2026;3;12;20/01/2026;10/02/2026;100;VIR 1",
        f"{ONE};2026;3;12;20/01/2026;12/02/2026;{(total - Money(10_000)).euros};VIR 2",
        f"{TWO};2026;3;13;20/01/2026;;;",
    )

    taken, again = take_in(deposited.app, path), take_in(deposited.app, path)

    assert (taken.changes.added, again.already) == (2, True)
    day = date(2026, 1, 20)
    assert known(deposited)[ONE] == Title(
        invoice=ONE, budget_year=2026, slip="3", number="12", issued_on=day
    )
    assert deposited.one(ONE).status is InvoiceStatus.SETTLED
    with deposited.app.reading() as session:
        assert record_of(session, TWO).title == known(deposited)[TWO]

    assert neutral_of(deposited, tmp_path).titled == (ONE, TWO)
    assert reread(deposited.app) == ()
    assert deposited.is_sound()


@pytest.mark.parametrize(
    "wrong",
    [
        {
            f"{ONE};2026;3;0;;;;": "IMPORT-PIECE",
            f"{ONE};2026;3;12;;05/01/2026;;": "IMPORT-HALF-PAYMENT",
            f"{ONE};2026;3;12;;;5;": "IMPORT-HALF-PAYMENT",
        },
        {
            f"{ONE};2026;3;12;;;;": "",
            f"{TWO};2026;3;12;;;;": "IMPORT-TITLE",
            f"{ONE};2026;3;13;;;;": "IMPORT-TITLE",
            f"{THREE};2026;3;14;01/01/2027;;;": "IMPORT-TITLE",
            "BSN-2026-09999;2026;3;15;;;;": "IMPORT-UNKNOWN-INVOICE",
        },
        {f"{ONE};2026;3;12;;05/01/2026;99999999;": "IMPORT-TOO-MUCH"},
    ],
    ids=["cells", "titles", "payments"],
)
def test_a_file_of_titles_with_a_bad_row_is_refused_whole(
    deposited: Desk, wrong: dict[str, str]
) -> None:
    """A number twice, an unknown invoice, a bad payment: nothing of the file is taken."""
    with pytest.raises(ImportRefused) as raised:
        take_in(deposited.app, returned(deposited, *wrong))

    assert [finding.code for finding in raised.value.findings] == list(filter(None, wrong.values()))
    assert known(deposited) == {}


def test_a_title_number_of_another_invoice_is_refused(deposited: Desk) -> None:
    """Of the books too; in another budget year it is another title."""
    take_in(deposited.app, returned(deposited, f"{ONE};2026;3;12;;;;"))

    with pytest.raises(ImportRefused, match="1 ligne incorrecte"):
        take_in(deposited.app, returned(deposited, f"{TWO};2026;4;12;;;;", name="autre.csv"))
    take_in(deposited.app, returned(deposited, f"{TWO};2027;1;12;;;;", name="suivant.csv"))

    assert {name: title.budget_year for name, title in known(deposited).items()} == {
        ONE: 2026,
        TWO: 2027,
    }


def test_a_corrected_title_takes_the_place_of_the_former(deposited: Desk) -> None:
    """The former stays in the books, and its number is free for the right invoice."""
    take_in(deposited.app, returned(deposited, f"{ONE};2026;3;12;;;;"))
    corrected = returned(
        deposited, f"{ONE};2026;3;13;;;;", f"{TWO};2026;3;12;;;;", name="juste.csv"
    )

    taken = take_in(deposited.app, corrected)

    assert (taken.changes.added, taken.changes.changed) == (1, 1)
    assert {name: title.number for name, title in known(deposited).items()} == {
        ONE: "13",
        TWO: "12",
    }
    assert reread(deposited.app) == ()


def test_amounts_of_every_invoice_are_those_of_its_title(desk: Desk, tmp_path: Path) -> None:
    """Net, VAT and total of each title, to the cent."""
    done = neutral_of(desk, tmp_path)

    for name in done.numbers:
        of_title = [line for line in done.lines if line.invoice.number == name]
        with desk.app.reading() as session:
            totals = invoices.content(session, desk.one(name).id).totals
        assert Money.sum(line.net for line in of_title) == totals.net
        assert Money.sum(line.vat for line in of_title) == totals.vat
        assert {line.rate for line in of_title} == {Decimal(20)}


@pytest.mark.parametrize("layout", [Layout.NEUTRAL, Layout.JVS])
def test_what_is_cancelled_before_its_title_has_neither_title_nor_reduction(
    deposited: Desk, tmp_path: Path, layout: Layout
) -> None:
    """The finance software has nothing to reduce; both numbers are told."""
    note = deposited.credit(ONE)

    done = export(deposited.app, YEAR, tmp_path / "titres.csv", layout)

    assert done.void == (ONE, note.number)
    assert done.numbers == (TWO, THREE)
    assert done.credits == ()


def test_what_is_cancelled_after_its_title_left_is_reduced(deposited: Desk, tmp_path: Path) -> None:
    """The finance software has its title, or will."""
    neutral_of(deposited, tmp_path, "avant.csv")
    note = deposited.credit(ONE)

    done = neutral_of(deposited, tmp_path, "apres.csv")

    assert done.void == ()
    assert note.number in done.numbers


def test_columns_that_come_back_are_those_that_left() -> None:
    """Each column of the neutral file is read, or known as ours, when it is imported completed."""
    kind = KINDS[ImportKind.TITLES]
    read = {"exercice", "numero_facture"}

    assert {name for name, _ in neutral.COLUMNS} == read | kind.beside


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_the_neutral_file_comes_back_completed_in_libreoffice(desk: Desk, suffix: str) -> None:
    """Numbers typed to its right are taken, without a word on its other columns."""
    desk.clock.advance(days=60)
    path = Path(__file__).parents[2] / f"data/libreoffice/titres-faits{suffix}"

    intake = take_in(desk.app, path)

    assert intake.findings == ()
    assert {
        number: (one.slip, one.number, one.issued_on) for number, one in known(desk).items()
    } == {
        ONE: ("12", "345", date(2026, 1, 20)),
        TWO: ("12", "346", date(2026, 1, 20)),
    }
