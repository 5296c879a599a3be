"""Who acts, in the journal: the system's word, whatever the environment says."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest

from worker.service.actor import UNSET, Process
from worker.settings.rights import ROOT, user_name

NOBODY = 65534
SAID = "from worker.service.actor import current_actor; print(current_actor())"
FORGED = {
    **dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"), "president"),
    **dict.fromkeys(("HOSTNAME", "HOST"), "palais"),
    "SUDO_GID": "1",
    "INVOCATION_ID": "0" * 32,
    "SYSTEMD_EXEC_PID": "1",
}
"""Variables of which none may be believed."""
ALICE, BOB = 4_000_000_001, 4_000_000_002
ORDINARY = Process(
    uid=ALICE, sudo_uid="", login_uid=str(UNSET), cgroups="0::/\n", host="poste", pid=7
)
ADMIN = replace(ORDINARY, uid=ROOT)
SERVICE = "/system.slice/chorus-worker.service"
USERS_OWN = f"/user.slice/user-{ALICE}.slice/user@{ALICE}.service/app.slice/chorus-worker.service"
WHO = [
    (ORDINARY, f"{ALICE}@poste:7"),
    (replace(ORDINARY, login_uid=str(ALICE)), f"{ALICE}@poste:7"),
    (replace(ORDINARY, login_uid=f"{BOB}\n"), f"{ALICE}[login={BOB}]@poste:7"),
    (replace(ORDINARY, login_uid=""), f"{ALICE}@poste:7"),
    (replace(ORDINARY, sudo_uid=str(BOB)), f"{ALICE}@poste:7"),
    (replace(ORDINARY, sudo_uid="0"), f"{ALICE}@poste:7"),
    (ADMIN, "root@poste:7"),
    (replace(ADMIN, sudo_uid=str(ALICE)), f"root[sudo={ALICE}]@poste:7"),
    (replace(ADMIN, sudo_uid="0"), "root@poste:7"),
    (
        replace(ADMIN, sudo_uid=str(ALICE), login_uid=str(BOB)),
        f"root[sudo={ALICE},login={BOB}]@poste:7",
    ),
    *(
        (replace(ADMIN, sudo_uid=text), "root@poste:7")
        for text in ("-1", "président", "٣", " ", "9" * 5000, str(UNSET), str(2**40), "1\n2")
    ),
    (replace(ORDINARY, cgroups=f"0::{SERVICE}\n"), f"{ALICE}[unit=chorus-worker.service]@poste:7"),
    (
        replace(ORDINARY, cgroups=f"4:memory:/x.service\n1:name=systemd:{SERVICE}\n"),
        f"{ALICE}[unit=chorus-worker.service]@poste:7",
    ),
    (
        replace(ORDINARY, cgroups="0::/system.slice/chorus@nord.service/fils\n"),
        f"{ALICE}[unit=chorus@nord.service]@poste:7",
    ),
    (replace(ORDINARY, cgroups=f"0::{USERS_OWN}\n"), f"{ALICE}@poste:7"),
    (replace(ORDINARY, cgroups="4:memory:/system.slice/x.service\n"), f"{ALICE}@poste:7"),
    (replace(ORDINARY, cgroups="0::/system.slice/a b].service\n"), f"{ALICE}@poste:7"),
    (replace(ORDINARY, cgroups="garbage"), f"{ALICE}@poste:7"),
]


@pytest.mark.parametrize("process, actor", WHO)
def test_who_acts_is_what_the_system_says(process: Process, actor: str) -> None:
    """The real user; behind it sudo for root alone, the login user, the unit of the system."""
    assert process.actor == actor


@pytest.mark.parametrize("process, actor", WHO)
def test_host_and_process_can_be_read_back(process: Process, actor: str) -> None:
    """A deposit under way is known by them: no name before hides where they begin."""
    place, _, pid = process.actor.rpartition(":")

    assert (place.rpartition("@")[2], pid) == ("poste", "7"), actor


def _said(uid: int, **more: str) -> tuple[str, int]:
    """Who acts in a real process of that real user, as far as we may start one; and its number."""
    become = partial(os.setresuid, uid, -1, -1) if os.geteuid() == ROOT else None
    started = subprocess.Popen(
        [sys.executable, "-c", SAID],
        env=os.environ | FORGED | more,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=become,  # noqa: PLW1509 - no thread is running
    )
    out, _ = started.communicate()
    return out.strip(), started.pid


@pytest.mark.parametrize("uid", [ROOT, NOBODY])
@pytest.mark.parametrize("sudo_uid", ["", "1", str(NOBODY), "0"])
def test_a_forged_environment_is_not_believed(uid: int, sudo_uid: str) -> None:
    """A real process: its user, its machine and its number, under any names in its variables."""
    real = uid if os.geteuid() == ROOT else os.getuid()
    actor, pid = _said(uid, SUDO_UID=sudo_uid)
    name, _, place = actor.rpartition("@")
    behind = name.removeprefix(user_name(real))

    assert place == f"{platform.node()}:{pid}"
    assert name.startswith(user_name(real))
    assert "president" not in actor
    assert ("sudo=" in behind) == (real == ROOT and sudo_uid not in {"", "0"})
