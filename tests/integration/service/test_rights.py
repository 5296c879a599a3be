"""Rights, owners and links: a sentence each, whatever the command and the path."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from chaos import pace
from tests.support.offices import YEAR, Desk, number, open_desk
from tests.support.processes import CAN_BE_ANYBODY, as_anybody
from worker.audit.documents import export_year, named_after, write_file
from worker.cli import main
from worker.cli.commands import COMMANDS
from worker.errors import ConfigurationError, Refused, StorageUnavailable
from worker.service.installation import DATA
from worker.service.opening import open_app
from worker.settings.keys import MAIL_SECRET, SECRET_NAMES
from worker.settings.loading import load
from worker.settings.rights import protect_data, refuse_exposed, refuse_foreign_data, user_name
from worker.settings.secrets import Secrets, load_secrets
from worker.settings.tariffs import load_grids

NOBODY = 65534
ONE = number(1)
ARGUMENTS = {
    "init": [],
    "import": ["members", "exemples/membres.csv"],
    "import list": [],
    "import show": ["members.csv"],
    "tariff list": [],
    "tariff show": [str(YEAR)],
    "check": [str(YEAR)],
    "preview": [str(YEAR)],
    "campaign open": [str(YEAR), "--yes"],
    "campaign close": [str(YEAR), "--reason", "essai"],
    "campaign list": [],
    "confirm": ["99900001100018", str(YEAR), "--reason", "essai"],
    "accept": ["99900001100018", str(YEAR), "--outside", "--reason", "essai"],
    "succeed": ["99900001100018", "99900002900010", "--from", "2025-01-01", "--reason", "essai"],
    "run": [str(YEAR)],
    "deposit": [],
    "reconcile": [],
    "follow": [],
    "resend": [ONE, "--reason", "essai"],
    "complete": [ONE, "exemples/membres.csv", "--comment", "voici"],
    "credit": [ONE, "--reason", "essai"],
    "park": ["99900001100018", str(YEAR), "--reason", "essai"],
    "unpark": ["99900001100018", str(YEAR), "--reason", "essai"],
    "status": [],
    "show": [ONE],
    "documents export": [str(YEAR), "--to", "export"],
    "documents portal": [ONE],
    "audit explain": [ONE],
    "audit dossier": [str(YEAR), "--to", "dossier"],
    "audit site": ["--to", "site"],
    "audit report": [str(YEAR), "--to", "rapport.pdf"],
    "journal checkpoint": [],
    "journal show": [],
    "journal verify": [],
    "journal export": [],
    "audit deposits": [],
    "serve": ["--once"],
    "config show": [],
    "settle": [ONE, "--on", "2026-03-01", "--amount", "1"],
    "settlements import": ["exemples/membres.csv"],
    "titles export": [str(YEAR), "--to", "titres.csv"],
    "titles import": ["exemples/membres.csv"],
    "interest": [],
    "tariff new": ["--from", str(YEAR), "--coefficient", "1.02", "--source", "essai"],
    "try": ["essai"],
    "mail references": [str(YEAR)],
    "mail statements": [str(YEAR)],
    "contacts show": ["99900001100018"],
    "contacts export": ["99900001100018", "--to", "contact.json"],
    "contacts correct": ["99900001100018", "--name", "Camille"],
    "contacts erase": ["99900001100018", "--reason", "essai"],
    "contacts purge": [],
}
"""Of every command that reads a configuration."""
WITHOUT_CONFIGURATION = {"demo", "validate", "sandbox", "import template"}
PORTAL = {"check", "run", "deposit", "reconcile", "follow", "documents portal", "serve"}
TO_READ = {
    "worker.toml": COMMANDS.keys() - WITHOUT_CONFIGURATION,
    "secrets.toml": PORTAL - {"documents portal"},  # of an invoice that the portal knows
    DATA: COMMANDS.keys() - WITHOUT_CONFIGURATION - {"config show"},
    f"{DATA}/worker.sqlite": COMMANDS.keys() - WITHOUT_CONFIGURATION - {"config show"},
    f"{DATA}/archive": PORTAL
    | {"preview", "campaign open", "complete", "resend", "credit", "journal verify"},
    "tarifs": {"tariff list", "tariff show", "preview"},
    "tarifs/2023.toml": {"tariff list", "tariff show", "preview"},
}
"""Every path that the configuration names, and the commands that need it at once."""
FALSE = ("ALTÉRATION", "endommag", "aucune grille", "altéré", "Traceback", "Défaut")
"""What the system's refusal is never told as."""


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office that deposits, where two invoices are issued; nothing of it is written here."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("rights"), issued=2)
    desk.app.store.engine.dispose()
    return desk


def typed(monkeypatch: pytest.MonkeyPatch, config: Path, words: str, *arguments: str) -> object:
    """The exit code of a command, typed where its installation is."""
    monkeypatch.chdir(config.parent)
    line = ["chorus-worker", *words.split(), *arguments, "--config", str(config)]
    monkeypatch.setattr(sys, "argv", line)
    before = os.umask(0o022)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        os.umask(before)
    return ended.value.code


def looped(path: Path) -> Callable[[], None]:
    """A link to itself stands in its place; what puts it back."""
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    path.symlink_to(path)

    def back() -> None:
        path.unlink()
        aside.rename(path)

    return back


def shut(path: Path) -> Callable[[], None]:
    """No right is left; what gives them back."""
    kept = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0)
    return lambda: path.chmod(kept)


@pytest.mark.parametrize("hinder", [looped, *([shut] if CAN_BE_ANYBODY else [])])
@pytest.mark.parametrize(
    "name,words", [(name, words) for name in TO_READ for words in sorted(TO_READ[name])]
)
def test_what_the_system_refuses_is_a_sentence(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: str,
    hinder: Callable[[Path], Callable[[], None]],
) -> None:
    """Every command, every path: it is named, and never told as damaged or altered."""
    path = desk.folder / name
    give_back = hinder(path)
    try:
        with as_anybody() if hinder is shut else nullcontext():
            code = typed(monkeypatch, desk.config, words, *ARGUMENTS[words])
    finally:
        give_back()
    said = "".join(capsys.readouterr())

    assert not [word for word in FALSE if word in said], said
    assert str(path) in said
    assert code in {1, 2, 3, 70}
    assert hinder is looped or ("n'a pas le droit" in said and "chmod" in said), said


@pytest.mark.parametrize("words", ["import", "park", "unpark"])
def test_a_right_to_write_that_is_missing_is_a_sentence(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
) -> None:
    """With the path, the right, the user, and what to type."""
    path = desk.folder / DATA
    kept = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o500)
    try:
        with as_anybody():
            code = typed(monkeypatch, desk.config, words, *ARGUMENTS[words])
    finally:
        path.chmod(kept)
    said = " ".join("".join(capsys.readouterr()).split())

    assert code == StorageUnavailable.exit_code, said
    assert f"le droit d'écrire {path}" in said
    assert f"chmod u+rwX {path}" in said


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o666, 0o777])
@pytest.mark.parametrize("name", ["worker.toml", "secrets.toml", "tarifs/2023.toml"])
@pytest.mark.parametrize("of", ["file", "folder"])
def test_what_others_may_change_is_not_obeyed(desk: Desk, name: str, mode: int, of: str) -> None:
    """The configuration, the secrets and every grid: themselves, or the folder they are in."""
    path = desk.folder / name
    changed = path if of == "file" else path.parent
    kept = stat.S_IMODE(changed.stat().st_mode)
    changed.chmod(mode | (stat.S_IXUSR if of == "folder" else 0))
    try:
        with pytest.raises(ConfigurationError, match=r"d'autres peuvent") as caught:
            _all_read(desk.config)
    finally:
        changed.chmod(kept)

    assert f"chmod go-w {changed}" in caught.value.remedy


@pytest.mark.parametrize("mode", [0o703, 0o777, 0o1777])
@pytest.mark.parametrize("above", [1, 2, 3])
def test_a_folder_above_in_which_all_may_write_is_refused(
    desk: Desk, tmp_path: Path, above: int, mode: int
) -> None:
    """They could put another in the place of the one below; not in a folder such as /tmp."""
    folder = tmp_path / "a" / "b" / "c" / "office"
    shutil.copytree(desk.folder, folder)
    changed = folder.parents[above - 1]
    changed.chmod(mode)
    data = folder / DATA
    refused = (
        nullcontext()
        if mode & stat.S_ISVTX
        else pytest.raises(ConfigurationError, match=f"dans {changed} ")
    )
    for act in (
        partial(_all_read, folder / "worker.toml"),
        partial(protect_data, data),
        partial(open_app, folder / "worker.toml", writes=True),
    ):
        with refused:
            act()


@pytest.mark.parametrize("name", ["", "archive", "worker.sqlite"])
def test_data_that_were_open_are_closed_by_what_writes(
    desk: Desk, tmp_path: Path, name: str
) -> None:
    """Others may write them no more; what they may read stays as it was set."""
    folder = tmp_path / "office"
    shutil.copytree(desk.folder, folder)
    path = folder / DATA / name
    path.chmod(0o777)
    open_app(folder / "worker.toml", writes=True)

    assert stat.S_IMODE(path.stat().st_mode) == 0o755


@pytest.mark.parametrize("name", ["worker.toml", "secrets.toml", "tarifs/2023.toml"])
def test_what_a_link_leads_to_is_looked_at(desk: Desk, name: str, tmp_path: Path) -> None:
    """Others may write where the file really is, though not where its name stands."""
    # The configuration's own folder is that of the real file: what it names is then elsewhere.
    read: Callable[[Path], object] = load if name == "worker.toml" else _all_read
    path, opened = desk.folder / name, tmp_path / "open"
    opened.mkdir()
    path.rename(opened / path.name)
    path.symlink_to(opened / path.name)
    try:
        read(desk.config)
        opened.chmod(0o777)
        with pytest.raises(ConfigurationError, match=r"d'autres peuvent") as caught:
            read(desk.config)
    finally:
        (opened / path.name).replace(path)

    assert f"chmod go-w {opened}" in caught.value.remedy


def _all_read(config: Path) -> None:
    configuration = load(config)
    load_secrets(configuration)
    load_grids(configuration.tariff_folder)


def test_what_another_user_owns_is_neither_obeyed_nor_written(tmp_path: Path) -> None:
    """Neither its configuration, nor, before a byte, its data; the owner is named."""
    foreign = Path("/") if os.geteuid() else tmp_path / "foreign"
    foreign.mkdir(exist_ok=True)
    file = foreign / "worker.toml"
    if not os.geteuid():
        file.touch()
        for one in (file, foreign):
            os.chown(one, NOBODY, NOBODY)
        with pytest.raises(ConfigurationError, match=user_name(NOBODY)):
            refuse_exposed(file, "La configuration")
    with pytest.raises(Refused, match="rien n'a été écrit") as caught:
        refuse_foreign_data(foreign)

    assert f"sudo -u {user_name(foreign.stat().st_uid)}" in caught.value.remedy


WRITERS = ["init", "import", "park", "unpark", "check", "run", "deposit", "reconcile", "follow"]
WRITERS += ["campaign open", "campaign close", "confirm", "accept", "succeed"]
WRITERS += ["resend", "complete", "credit", "serve", "journal checkpoint"]


@pytest.mark.parametrize("of", ["", "worker.sqlite"])
@pytest.mark.parametrize("words", WRITERS if not os.geteuid() else [])
def test_every_command_that_writes_refuses_the_data_of_another(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    of: str,
) -> None:
    """As root on the data of the service, or its database alone: nothing is left there."""
    data = desk.folder / DATA
    before = sorted(data.rglob("*"))
    os.chown(data / of, NOBODY, NOBODY)
    try:
        code = typed(monkeypatch, desk.config, words, *ARGUMENTS[words])
    finally:
        os.chown(data / of, 0, 0)

    assert (code, "rien n'a été écrit" in capsys.readouterr().err) == (Refused.exit_code, True)
    assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize(
    "name,near",
    [
        ("CHORUS_WORKER_PORTAL_ENVIRONMENT", "CHORUS_WORKER_PORTAL__ENVIRONMENT"),
        ("CHORUS_WORKER_CHANEL", "CHORUS_WORKER_CHANNEL"),
        ("CHORUS_WORKER_CLIENTID", "CHORUS_WORKER_CLIENT_ID"),
        ("chorus_worker_data__foldr", "CHORUS_WORKER_DATA__FOLDER"),
    ],
)
def test_a_variable_that_nothing_reads_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, near: str
) -> None:
    """With the nearest name, whatever the place of the mistake."""
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigurationError) as caught:
        load(desk.config)
    (finding,) = caught.value.findings

    assert finding.where == f"variable {name}"
    assert near in finding.remedy


def test_every_secret_has_its_variable() -> None:
    """The names that the environment may hold are those that are read."""
    assert (*Secrets.model_fields, MAIL_SECRET) == SECRET_NAMES


def test_all_that_is_written_is_its_owners_alone(tmp_path: Path) -> None:
    """Under the most open umask: folders 0700, files 0600."""
    place = tmp_path / "place"
    subprocess.run(
        [sys.executable, "-m", "worker", "init", str(place)],
        check=True,
        capture_output=True,
        umask=0,
        timeout=pace.limit(60),
    )
    modes = {stat.S_IMODE(one.stat().st_mode): one.is_dir() for one in (place, *place.rglob("*"))}

    assert modes == {0o700: True, 0o600: False}


def test_no_export_follows_a_link(desk: Desk, tmp_path: Path) -> None:
    """Neither of a file, nor of a folder that the export makes."""
    target = tmp_path / "target"
    target.mkdir()
    to = tmp_path / "export"
    to.mkdir()
    folder = to / named_after(ONE, desk.one(ONE).member_name)
    folder.symlink_to(target)
    with pytest.raises(StorageUnavailable, match="lien"):
        export_year(desk.app.store, YEAR, to)
    folder.unlink()
    folder.mkdir()
    (folder / "validation.json").symlink_to(target / "here.json")
    with pytest.raises(StorageUnavailable, match="lien"):
        export_year(desk.app.store, YEAR, to)
    (tmp_path / "file").symlink_to(target / "here.json")
    with pytest.raises(StorageUnavailable, match="lien"):
        write_file(tmp_path / "file", b"x")

    assert list(target.iterdir()) == []


def test_the_export_of_the_journal_follows_no_link(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the link names keeps its content."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("à moi")
    link.symlink_to(target)
    code = typed(monkeypatch, desk.config, "journal export", "--to", str(link))

    assert (code, target.read_text()) == (StorageUnavailable.exit_code, "à moi")
