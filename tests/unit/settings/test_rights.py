"""What the system refuses, told with the path, the right, the user and what to type."""

import errno
import os
from pathlib import Path

import pytest

from worker.isolation.files import read_bounded
from worker.settings.rights import told, user_name

WITHOUT_PATH = {errno.EMFILE, errno.ENFILE}
"""Limits that any path would meet."""


@pytest.mark.parametrize("writing", [False, True])
@pytest.mark.parametrize("number", sorted(errno.errorcode.keys() - WITHOUT_PATH))
def test_every_error_of_the_system_is_a_sentence(
    tmp_path: Path, number: int, *, writing: bool
) -> None:
    """It names the path, what was tried and what to do; what has no French here is quoted."""
    path = tmp_path / "donnees" / "worker.sqlite"
    english = os.strerror(number)
    message, remedy = told(OSError(number, english), path, writing=writing)

    assert str(path) in message
    assert ("écrire" if writing else "lire") in message
    assert english not in message or f"le système répond « {english} »" in message
    assert remedy


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_missing_right_names_the_user_and_the_obstacle(tmp_path: Path, number: int) -> None:
    """The first thing on the way that exists, its owner and its rights."""
    path = tmp_path / "absent" / "file"
    tmp_path.chmod(0o710)
    message, remedy = told(OSError(number, ""), path)

    assert f"L'utilisateur {user_name(os.geteuid())} n'a pas le droit de lire {path}" in message
    assert f"({tmp_path} : propriétaire {user_name(os.geteuid())}, droits 0710)" in message
    assert remedy == f"Tapez : chmod u+rX {tmp_path}"


def test_a_user_without_name_is_a_number() -> None:
    """An account that was removed still owns its files."""
    assert user_name(4_000_000_000) == "4000000000"


def test_links_in_a_loop_are_told_as_such(tmp_path: Path) -> None:
    """What the reading of files says itself stays."""
    loop = tmp_path / "worker.toml"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="tournent en rond") as caught:
        read_bounded(loop, 1)

    assert "ses liens tournent en rond" in told(caught.value, loop)[0]
