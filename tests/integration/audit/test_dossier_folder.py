"""A folder is built beside its place and appears whole: not half, not over something else."""

import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, open_desk
from worker.audit.dossier.build import build_dossier
from worker.audit.dossier.folder import FORMER, MARKER, PUBLISHED, UNDER_WAY, built_aside
from worker.errors import Refused, StorageUnavailable, WrongUse


def fill(folder: Path, text: str = "un") -> None:
    """What is built: a page, and the mark of a site."""
    (folder / "dedans").mkdir()
    (folder / "dedans" / "page.html").write_text(text)
    (folder / MARKER).write_text("{}")


def publish(place: Path, text: str) -> None:
    """Build a site."""
    with built_aside(place, replaces=True, rights=PUBLISHED) as folder:
        fill(folder, text)


def fail(place: Path, error: BaseException) -> None:
    """Build half a site."""
    with built_aside(place, replaces=True, rights=PUBLISHED) as folder:
        fill(folder, "à moitié")
        raise error


def said(place: Path) -> str:
    """What the page of a folder says."""
    return (place / "dedans" / "page.html").read_text()


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("there", ["folder", "file", "link", "broken link"])
def test_what_is_there_already_is_left_alone(tmp_path: Path, there: str) -> None:
    """Whatever it is, empty or not: the message names it, and nothing is built."""
    place = tmp_path / "dossier"
    if there == "folder":
        place.mkdir()
    elif there == "file":
        place.write_text("à moi")
    else:
        place.symlink_to(tmp_path if there == "link" else tmp_path / "nowhere")

    with pytest.raises(WrongUse, match=r"dossier existe déjà"), built_aside(place):
        pytest.fail("nothing is to be built")

    assert names(tmp_path) == {"dossier"}


@pytest.mark.parametrize("around", ["nowhere", "file"])
def test_a_folder_around_it_is_not_made(tmp_path: Path, around: str) -> None:
    """A mistyped way is said."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WrongUse, match="rien n'a été écrit"),
        built_aside(tmp_path / around / "dossier"),
    ):
        pytest.fail("nothing is to be built")

    assert names(tmp_path) == {"file"}


def test_the_root_of_all_folders_is_no_name() -> None:
    """It is said as any other place where nothing can be made."""
    with pytest.raises(WrongUse, match="rien n'a été écrit"), built_aside(Path("/")):
        pytest.fail("nothing is to be built")


def test_nothing_is_at_the_place_before_all_of_it_is(tmp_path: Path) -> None:
    """And beside it nothing is left afterwards."""
    place = tmp_path / "dossier"
    with built_aside(place) as folder:
        fill(folder)
        before = place.exists()

    assert not before
    assert said(place) == "un"
    assert names(tmp_path) == {"dossier"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, WrongUse])
def test_what_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """However it ends, and what was there before stays."""
    place = tmp_path / "site"
    publish(place, "avant")

    with pytest.raises(error):
        fail(place, error("stop"))

    assert names(tmp_path) == {"site"}
    assert said(place) == "avant"


def test_what_a_killed_build_left_is_swept_by_the_next(tmp_path: Path) -> None:
    """It has no lock any more; half of it is in no new folder."""
    left = tmp_path / f".dossier{UNDER_WAY}"
    left.mkdir()
    fill(left, "à moitié")
    with built_aside(tmp_path / "dossier") as folder:
        empty = names(folder)

    assert empty == set()
    assert names(tmp_path) == {"dossier"}


def test_two_builds_of_one_folder_are_refused(tmp_path: Path) -> None:
    """The second leaves the first alone."""
    place = tmp_path / "dossier"
    with built_aside(place) as folder:
        with pytest.raises(Refused, match="construit déjà"), built_aside(place):
            pytest.fail("nothing is to be built")
        fill(folder)

    assert said(place) == "un"


def test_a_site_takes_the_place_of_a_former_one(tmp_path: Path) -> None:
    """And of an empty folder; what only the former one had is gone."""
    place = tmp_path / "site"
    place.mkdir()
    publish(place, "avant")
    (place / "old.html").write_text("")
    publish(place, "après")

    assert said(place) == "après"
    assert names(tmp_path) == {"site"}
    assert "old.html" not in names(place)


@pytest.mark.parametrize("there", ["other files", "a link to a site"])
def test_a_site_takes_the_place_of_nothing_else(tmp_path: Path, there: str) -> None:
    """A folder of somebody else's, or a link, is said and left."""
    place = tmp_path / "site"
    if there == "other files":
        place.mkdir()
        (place / "index.html").write_text("à moi")
    else:
        publish(tmp_path / "elsewhere", "ailleurs")
        place.symlink_to(tmp_path / "elsewhere")
    before = names(tmp_path)

    with pytest.raises(WrongUse, match="site que ce programme"):
        publish(place, "après")

    assert names(tmp_path) == before
    assert place.is_symlink() or (place / "index.html").read_text() == "à moi"


@pytest.mark.parametrize("already", [False, True], ids=["before", "after"])
def test_a_death_around_the_second_rename_is_made_good(tmp_path: Path, *, already: bool) -> None:
    """The former site is put back, or removed once the new one has its place."""
    place = tmp_path / "site"
    publish(place, "avant")
    place.rename(tmp_path / f".site{FORMER}")
    if already:
        publish(tmp_path / "other", "neuf")
        (tmp_path / "other").rename(place)

    with pytest.raises(KeyboardInterrupt):
        fail(place, KeyboardInterrupt())

    assert names(tmp_path) == {"site"}
    assert said(place) == ("neuf" if already else "avant")


def test_a_site_has_the_group_of_the_folder_around_it(tmp_path: Path) -> None:
    """The mark that hands the group down stays on its folders."""
    around = tmp_path / "srv"
    around.mkdir()
    around.chmod(0o2750)
    publish(around / "site", "un")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (around / "site").rglob("*")}

    assert modes == {0o2750, 0o640}


@pytest.fixture(name="full")
def _full() -> Iterator[None]:
    """A disk on which no file grows beyond some kilobytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_nothing_is_left(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Of a real dossier, in the middle of it."""
    desk: Desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=12)
    (tmp_path / "out").mkdir()
    request.getfixturevalue("full")

    with pytest.raises(StorageUnavailable, match="le disque est plein"):
        build_dossier(desk.app, YEAR, tmp_path / "out" / "dossier")

    assert names(tmp_path / "out") == set()
