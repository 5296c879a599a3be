"""The Hélios channel, whole: sentences, states, titles that carry the invoice, payments."""

import re
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.program import run
from tests.golden.samples import two_lines
from tests.support.offices import YEAR, Desk, number, open_desk
from tests.support.printed_pages import pages, plain
from worker.accounting.settlements import record
from worker.accounting.titles.export import Layout, export
from worker.accounting.titles.returned import take_in
from worker.audit.dossier.build import build_dossier
from worker.billing.settlement import Payment
from worker.billing.status import InvoiceStatus, french_state
from worker.corrections.todo import AdviceCode, todo
from worker.corrections.waiting import waiting
from worker.errors import Refused
from worker.formats import Branding
from worker.formats.facturx import print_invoice
from worker.formats.profiles import FACTURX_DIRECT
from worker.issuing.terms import terms_of
from worker.service.bootstrap import branding
from worker.settings.keys import Channel, Settings, TitleMapping, Titles
from worker.settings.shipped import shipped
from worker.storage import titles, year_figures

ONE = number(1)
TEXT = shipped("config/worker.toml").read_text("utf-8")
MAPPED = Titles(
    services={code: TitleMapping(article="7588") for code in ("stockage", "gfu")},
)


def by(channel: Channel) -> Settings:
    """The shipped configuration, once the treasury has answered."""
    return Settings(**tomllib.loads(f'channel = "{channel.value}"\n{TEXT}'))


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Three invoices are issued on this channel."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=3)
    settings = desk.app.settings.model_copy(update={"channel": Channel.HELIOS, "titles": MAPPED})
    desk.app = replace(desk.app, configured=replace(desk.app.configuration, settings=settings))
    return desk


def page_of(channel: Channel, look: Branding) -> str:
    """The words of a page whose terms are those of a channel."""
    invoice, _ = two_lines()
    invoice = replace(invoice, payment_terms=terms_of(by(channel)).payment_terms)
    return " ".join(map(plain, pages(print_invoice(invoice, FACTURX_DIRECT, look))))


def test_a_page_speaks_of_a_deposit_only_where_there_is_one() -> None:
    """By its title, it is to be paid on what the treasury sends, on the due date that it bears."""
    told, by_title = (
        page_of(Channel.API, Branding()),
        page_of(Channel.HELIOS, Branding(by_title=True)),
    )

    assert "dépôt" in told
    assert "dépôt" not in by_title
    assert "avis des sommes à payer" in by_title
    assert "Date d’échéance 14/02/2026" in by_title


def test_the_look_of_the_pages_follows_the_channel(desk: Desk) -> None:
    """What renders documents is told which way they go."""
    assert branding(desk.app).by_title


def state(desk: Desk) -> str:
    """The words for the first invoice."""
    one = desk.one(ONE)
    with desk.app.reading() as session:
        return french_state(one, titles.of_invoice(session, one.id), deposits=desk.app.deposits)


def test_an_invoice_goes_from_its_title_to_its_payment(desk: Desk, tmp_path: Path) -> None:
    """Exported with its ASAP, titled, overdue once past its due date, settled by the treasury."""
    done = export(desk.app, YEAR, tmp_path / "import", Layout.EMAGNUS)
    states = [state(desk)]
    path = desk.folder / "titres.csv"
    path.write_text(f"facture;exercice;bordereau;titre\n{ONE};2026;1;7\n", "utf-8")
    take_in(desk.app, path)
    states.append(state(desk))
    desk.clock.advance(days=40)
    with desk.app.reading() as session:
        late = [one.number for one in waiting(desk.app, session).overdue]
    total = desk.one(ONE).total
    record(desk.app, Payment(number=ONE, on=desk.clock().date(), amount=total))
    states.append(state(desk))

    assert {line.edition.value for line in done.lines} == {"02"}
    assert (tmp_path / "import" / f"{ONE}.pdf").exists()
    assert states == ["émise, titre à faire", "titre n° 7 fait", "soldée"]
    assert late == [ONE, number(2), number(3)]
    assert desk.is_sound()


def test_a_month_past_due_a_person_records_what_came(desk: Desk) -> None:
    """No portal tells anything here: the treasury is asked, and nothing waits for a deposit."""
    one = desk.one(ONE)
    assert one.due_date is not None
    before = desk.clock() + timedelta(days=60)
    after = desk.clock() + timedelta(days=62)

    early, late = (todo(one, now, deposits=False) for now in (before, after))

    assert early is None
    assert late is not None
    assert (late.code, late.command[:2]) == (AdviceCode.SETTLE, ("settle", ONE))
    assert one.status is InvoiceStatus.ISSUED


def test_titles_that_are_not_made_wait_for_a_person(desk: Desk) -> None:
    """A week after the issue, how many are left, with the command; told no more once they are."""
    desk.clock.advance(days=8)
    with desk.app.reading() as session:
        told = waiting(desk.app, session).untitled
    path = desk.folder / "titres.csv"
    rows = "".join(f"{number(rank)};2026;1;{rank}\n" for rank in (1, 2, 3))
    path.write_text(f"facture;exercice;bordereau;titre\n{rows}", "utf-8")

    take_in(desk.app, path)

    assert told is not None
    assert (told.code, told.arguments) == (AdviceCode.MAKE_TITLES, ("3",))
    assert told.command == ("titles", "export", str(YEAR), "--to", "titres.xlsx")
    with desk.app.reading() as session:
        assert waiting(desk.app, session).untitled is None


def by_api(desk: Desk) -> None:
    """Have the installation deposit from now on."""
    settings = desk.app.settings.model_copy(update={"channel": Channel.API})
    desk.app = replace(desk.app, configured=replace(desk.app.configuration, settings=settings))


def test_what_its_title_carries_is_not_deposited_as_well(desk: Desk, tmp_path: Path) -> None:
    """After a change of channel: the others leave, those are named, and were never handed over."""
    export(desk.app, YEAR, tmp_path / "titres.xlsx", Layout.NEUTRAL)
    exported = {number(rank) for rank in (1, 2, 3)}
    by_api(desk)
    desk.issue()
    with pytest.raises(Refused, match="que leur titre porte déjà") as caught:
        desk.deposit()
    still = {one.number for one in desk.invoices() if one.status is InvoiceStatus.ISSUED}
    tried = {one for one in exported if desk.attempts(one)}
    gone = [one for one in desk.invoices() if one.status is InvoiceStatus.DEPOSITED]

    assert {one.where for one in caught.value.findings} == exported
    assert {one.code for one in caught.value.findings} == {"TITLE-TWICE"}
    assert (still, tried) == (exported, set())
    assert len(gone) == 8


def test_what_was_deposited_has_no_asap(desk: Desk, tmp_path: Path) -> None:
    """The other way round: the export is refused, and nothing is written."""
    by_api(desk)
    desk.deposit()
    settings = desk.app.settings.model_copy(update={"channel": Channel.HELIOS})
    desk.app = replace(desk.app, configured=replace(desk.app.configuration, settings=settings))
    with pytest.raises(Refused, match="réclamées deux fois"):
        export(desk.app, YEAR, tmp_path / "titres.xlsx", Layout.NEUTRAL)

    assert not (tmp_path / "titres.xlsx").exists()


def typed_by_helios(desk: Desk) -> None:
    """Have the configuration that commands read name this channel."""
    text = desk.config.read_text("utf-8")
    changed = re.sub(r'^channel = "api"', 'channel = "helios"', text, flags=re.MULTILINE)
    assert changed != text
    desk.config.write_text(changed, "utf-8")


def test_no_page_and_no_command_speaks_of_a_deposit_to_come(desk: Desk, tmp_path: Path) -> None:
    """The dossier, the campaign's page, ``show``, ``status``; sending again is refused."""
    build_dossier(desk.app, YEAR, tmp_path / "dossier")
    with desk.app.reading() as session:
        told = [one.status for one in year_figures.states(session, YEAR)]
    typed_by_helios(desk)
    shown = [
        run(*words, config=desk.config)
        for words in (
            ("show", ONE),
            ("status", str(YEAR)),
            ("resend", ONE, "--reason", "essai"),
            ("complete", ONE, "piece.pdf", "--comment", "essai"),
            ("credit", ONE, "--reason", "essai", "--dry-run"),
            ("park", desk.one(ONE).siret, str(YEAR), "--reason", "essai"),
        )
    ]
    site = {path.name: path.read_text("utf-8") for path in (tmp_path / "dossier").rglob("*.html")}
    texts = [*site.values(), *(one.out + one.err for one in shown)]

    assert InvoiceStatus.ISSUED in told
    assert not [text for text in texts if re.search("à déposer", text)]
    assert "émise, titre à faire" in site[f"{ONE}.html"]
    assert "émises, recouvrées par titre" in site["index.html"]
    assert [one.code for one in shown[2:4]] == [2, 2]
    assert all("Hélios" in one.err for one in shown[2:4])
    assert "Destination : le logiciel comptable" in shown[4].out
