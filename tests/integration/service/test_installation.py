"""What ``init`` and ``demo`` leave in a folder: complete, usable, and nothing overwritten."""

import json
import os
import stat
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from stdnum import luhn

from tests.e2e.disasters import bounded
from tests.e2e.program import run
from tests.support.scripted_server import reply, serving
from tests.support.storage_samples import app_on
from worker.billing.consumption import consume
from worker.billing.identifiers import is_valid_siret
from worker.billing.tariff_reading import parse_grid
from worker.errors import ConfigurationError, IntegrityError, Refused, StorageUnavailable
from worker.imports import ImportKind
from worker.imports.intake import take_in
from worker.isolation.files import create_regular
from worker.service.bootstrap import open_portal, open_verified
from worker.service.demo import COMPLEMENT, EXAMPLES, FILES, MARKER, STORY, cases, write_demo
from worker.service.installation import install
from worker.service.local_portal import local_portal
from worker.settings.keys import Channel
from worker.settings.loading import load
from worker.settings.secrets import load_secrets
from worker.settings.shipped import shipped
from worker.storage import Store, imported, journal, member_years, open_store

YEAR = 2025
CLOCK = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("CHORUS_WORKER_", "CREDENTIALS_DIRECTORY")):
            monkeypatch.delenv(name)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_new_folder_has_all_a_command_needs(tmp_path: Path) -> None:
    """Configuration, grids and database, where the configuration says they are."""
    folder = tmp_path / "chez nous" / "facturation"
    done = install(folder)
    assert done.kept == ()
    assert all(path.is_file() for path in done.created)
    config = folder / "worker.toml"
    assert config.read_bytes() == shipped("config/worker.toml").read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        load(config)
    assert len(caught.value.findings) == 1
    config.write_text(f'channel = "helios"\n{config.read_text("utf-8")}', "utf-8")
    configuration = load(config)
    store = open_store(configuration.database_url, configuration.data_folder)
    with store.reading() as session:
        assert [event.tag for event in journal.events(session)] == ["database.created"]
    grids = sorted(configuration.tariff_folder.glob("*.toml"))

    assert [parse_grid(grid.read_bytes(), grid.name).version for grid in grids]
    assert stat.S_IMODE(configuration.data_folder.stat().st_mode) == 0o700


def test_installing_again_overwrites_nothing(tmp_path: Path) -> None:
    """What a person changed since is kept; what was deleted comes back."""
    install(tmp_path)
    (grid,) = (tmp_path / "tarifs").glob("*.toml")
    (tmp_path / "worker.toml").write_text("# à moi\n", "utf-8")
    grid.unlink()
    before = _contents(tmp_path)
    again = install(tmp_path)
    assert again.created == (grid,)
    assert set(again.kept) == {
        tmp_path / "worker.toml",
        tmp_path / "late_interest.toml",
        tmp_path / "donnees" / "worker.sqlite",
    }
    after = _contents(tmp_path)

    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("name", ["worker.toml", "tarifs/2023.toml"])
def test_nothing_is_written_where_a_link_leads(tmp_path: Path, name: str) -> None:
    """A link to nothing yet is told, and still leads to nothing."""
    folder, elsewhere = tmp_path / "x", tmp_path / "ailleurs"
    (folder / "tarifs").mkdir(parents=True)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(StorageUnavailable, match="lien"):
        install(folder)

    assert not elsewhere.exists()


@pytest.mark.parametrize("name", ["100 % gratuit", "quoi ?", "%41", "L'été"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """The database is created in the folder and found there again."""
    folder = tmp_path / name
    text_ = shipped("config/worker.toml").read_text("utf-8")
    install(folder, text_.replace('# channel = "api"', 'channel = "api"', 1))
    configuration = load(folder / "worker.toml")
    open_store(configuration.database_url, configuration.data_folder)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (folder / "donnees" / "worker.sqlite").is_file()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file in the way, for ``init`` and for ``demo``."""
    (tmp_path / "pris").write_text("un fichier")
    with pytest.raises(StorageUnavailable, match=str(tmp_path / "pris")):
        install(tmp_path / "pris")
    with pytest.raises(StorageUnavailable, match=str(tmp_path / "pris")):
        write_demo(tmp_path / "pris", YEAR, 12, 1)

    assert (tmp_path / "pris").read_text() == "un fichier"


def test_shipped_files_are_found_in_a_wheel_and_in_a_checkout(tmp_path: Path) -> None:
    """In ``worker/shipped`` first, else beside the package; else the installation is broken."""
    package = tmp_path / "worker"
    beside, inside = tmp_path / "config" / "a.toml", package / "shipped" / "config" / "a.toml"
    with pytest.raises(IntegrityError, match=r"config/a\.toml"):
        shipped("config/a.toml", package=package)
    for path in (beside, inside):
        path.parent.mkdir(parents=True)
        path.touch()
        assert shipped("config/a.toml", package=package) == path


def test_a_demonstration_refuses_somebody_elses_folder(tmp_path: Path) -> None:
    """A folder with anything in it, and no mark of ours, is left as it is."""
    (tmp_path / "thèse.odt").write_bytes(b"trois ans de travail")
    with pytest.raises(Refused, match="autre chose") as caught:
        write_demo(tmp_path, YEAR, 12, 1)

    assert "--dir" in caught.value.remedy
    assert _contents(tmp_path) == {"thèse.odt": b"trois ans de travail"}


def test_a_demonstration_replaces_an_earlier_one(tmp_path: Path) -> None:
    """An empty folder is taken; our own is emptied first."""
    write_demo(tmp_path, YEAR, 12, 1)
    (tmp_path / "reste.txt").touch()
    write_demo(tmp_path, YEAR, 12, 1)

    assert not (tmp_path / "reste.txt").exists()
    assert (tmp_path / MARKER).is_file()


def test_a_demonstration_is_configured_for_the_local_portal(tmp_path: Path) -> None:
    """Its settings load, its secrets are guarded, and each member has a structure."""
    configuration = load(write_demo(tmp_path, YEAR, 12, 1))
    assert configuration.settings.channel is Channel.API
    assert load_secrets(configuration).client_id.get_secret_value()
    assert stat.S_IMODE((tmp_path / "secrets.toml").stat().st_mode) == 0o600
    (directory,) = configuration.data_folder.glob("*.json")
    known = {entry["siret"] for entry in json.loads(directory.read_text("utf-8"))}

    assert known == {member.siret for member in STORY} | {configuration.settings.syndicat.siret}


@pytest.mark.parametrize("most", [1_000, 9_000, 40_000, 100_000])
def test_a_disk_that_refuses_during_init_leaves_whole_files_alone(
    tmp_path: Path, most: int
) -> None:
    """Each file is there whole, or not at all; with room, the same command ends the work."""
    place, undisturbed = tmp_path / "place", tmp_path / "undisturbed"
    install(undisturbed)
    stopped = run("init", place, main=partial(bounded, most))
    left = [path for path in place.rglob("*") if path.is_file() and path.suffix == ".toml"]
    broken = [
        path.name
        for path in left
        if path.read_bytes() != (undisturbed / path.relative_to(place)).read_bytes()
    ]
    again = run("init", place)
    helios = {"CHORUS_WORKER_CHANNEL": "helios"}
    verified = run("journal", "verify", config=place / "worker.toml", env=helios)

    assert (stopped.code, "Traceback" in stopped.err) == (StorageUnavailable.exit_code, False)
    assert "À faire : " in stopped.err
    assert broken == []
    assert again.code == 0, again.err
    assert verified.code == 0, verified.err


@pytest.mark.parametrize("before", [0o600, 0o666])
def test_what_is_written_over_is_closed_to_others(tmp_path: Path, before: int) -> None:
    """Whatever its rights were."""
    path = tmp_path / "worker.toml"
    path.touch()
    path.chmod(before)
    with create_regular(path) as file:
        file.write(b"x")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@127.0.0.1:1/x?zorg=1",
        "sqlite:///x?cached_statements=a",
        "sqlite:///x?check_same_thread=maybe",
        "postgresql://u:p@S3CRET@127.0.0.1:1/x",
        "sqlite:///a%00b",
        "mysql://x",
    ],
)
def test_an_address_that_cannot_serve_is_said(tmp_path: Path, url: str) -> None:
    """With unknown options, or a password that was not written as an address wants it."""
    with pytest.raises(ConfigurationError, match="n'est pas l'adresse d'une base") as caught:
        open_store(url, tmp_path)

    assert "S3CRET" not in f"{caught.value} {caught.value.remedy}"


def test_the_local_portal_speaks_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the encoding that the environment asks of programs."""
    monkeypatch.setenv("PYTHONIOENCODING", "utf-16")
    with local_portal(tmp_path) as url:
        assert url.startswith("http://127.0.0.1:")


def _import_all(folder: Path) -> Store:
    configuration = load(folder / "worker.toml")
    store = open_store(configuration.database_url, configuration.data_folder)
    for name in FILES:
        done = take_in(
            app_on(store, at=CLOCK),
            folder / EXAMPLES / f"{name}.csv",
            ImportKind(name),
        )
        assert done.findings == ()
        assert done.changes.added == done.rows > 0
    return store


def test_the_client_is_told_what_the_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's number, when there is one, goes with each call about invoices."""
    token = reply({"access_token": "un", "expires_in": 3600})
    found = reply({"codeRetour": 0, "parametresRetour": {"total": 0}, "listeFactures": []})
    with serving(token, found) as server:
        monkeypatch.setenv("CHORUS_WORKER_PORTAL__LOCAL_URL", server.url)
        monkeypatch.setenv("CHORUS_WORKER_PORTAL__USER_ID", "331")
        office = open_verified(write_demo(tmp_path / "demo", YEAR, 3, seed=1))
        with open_portal(office) as portal:
            assert portal.find(invoice_number="F-1") == ()

    assert json.loads(server.requests[1].partition(b"\r\n\r\n")[2])["idUtilisateurCourant"] == 331


def test_the_example_files_go_in_clean(tmp_path: Path) -> None:
    """Members, subscriptions, usage and references: no refusal, no warning, no month missing."""
    write_demo(tmp_path, YEAR, 40, 7)
    store = _import_all(tmp_path)
    with store.reading() as session:
        members = member_years.members_of_year(session, YEAR)
        assert len(members) == 40
        for member in members:
            subscriptions = imported.subscriptions_of(session, member.siret)
            usage = imported.usage_of(session, member.siret, YEAR)
            consumption = consume(member.siret, YEAR, subscriptions, usage)
            assert consumption.findings == ()
            assert consumption.uses


def test_the_complement_gives_what_was_missing(tmp_path: Path) -> None:
    """The member whose engagement was owed has it after the second file."""
    write_demo(tmp_path, YEAR, 12, 1)
    store = _import_all(tmp_path)
    (late,) = (member for member in STORY if member.owed)
    path = tmp_path / EXAMPLES / COMPLEMENT
    with store.reading() as session:
        assert imported.references_of(session, late.siret, YEAR).engagement == ""
    take_in(app_on(store, at=CLOCK), path, ImportKind.REFERENCES)
    with store.reading() as session:
        assert imported.references_of(session, late.siret, YEAR).engagement == late.owed
        assert session.execute(text("SELECT COUNT(*) FROM contact")).scalar() == 0


def test_members_are_drawn_from_the_seed() -> None:
    """The same seed draws the same members, another one others; the story never changes."""
    assert cases(60, 1) == cases(60, 1)
    assert cases(60, 1)[12:] != cases(60, 2)[12:]
    assert cases(60, 1)[:12] == STORY == tuple(cases(12, 5))
    assert tuple(cases(5, 1)) == STORY[:5]


def test_identifiers_are_made_up_and_their_keys_right() -> None:
    """Ten thousand members have as many SIRETs, all valid by their keys."""
    members = cases(10_000, 1)

    assert len({member.siret for member in members}) == 10_000
    assert all(is_valid_siret(member.siret) for member in members)
    assert all(luhn.is_valid(member.siret[:9]) for member in members)
