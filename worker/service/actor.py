"""Who acts, for the journal: by the system's word, never by a name in the environment alone.

``jeanne@serveur:4711``: the real user, the machine, the process. Between brackets stands who is
behind that user, where the system tells it: ``root[sudo=jeanne,login=jeanne]@serveur:4711``, and
for the service ``chorus[unit=chorus-worker.service]@serveur:812``.
"""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from worker.settings.rights import ROOT, user_name

UNSET = 2**32 - 1
"""The login user of a process that no session started."""
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,255}\.service")
_PEOPLE = "/user.slice"
"""Where units are of a user's own manager, which may call them as it likes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What the system says of a process, and one variable.

    Attributes:
        uid: of the real user.
        sudo_uid: the variable SUDO_UID; whoever is not root may have written it.
        login_uid: of the user who opened the session, whoever it became since, as the audit of the
            kernel keeps it: ``/proc/self/loginuid``, which nothing but root may change, and once.
        cgroups: where systemd put the process, ``/proc/self/cgroup``: a right of root.
    """

    uid: int
    sudo_uid: str
    login_uid: str
    cgroups: str
    host: str
    pid: int

    @property
    def actor(self) -> str:
        """Who acts, as the journal has it."""
        sudo = _other_user(self.sudo_uid, self.uid) if self.uid == ROOT else ""
        behind = {
            "sudo": sudo,
            "login": _other_user(self.login_uid, self.uid),
            "unit": _unit(self.cgroups),
        }
        known = ",".join(f"{what}={name}" for what, name in behind.items() if name)
        brackets = f"[{known}]" if known else ""
        return f"{user_name(self.uid)}{brackets}@{self.host}:{self.pid}"


def current_actor() -> str:
    """Who acts in this process."""
    process = Process(
        uid=os.getuid(),
        sudo_uid=os.environ.get("SUDO_UID", ""),
        login_uid=_read("loginuid"),
        cgroups=_read("cgroup"),
        host=platform.node(),
        pid=os.getpid(),
    )
    return process.actor


def _read(name: str) -> str:
    """What the kernel says of this process; nothing where it does not say it."""
    try:
        return Path("/proc/self", name).read_text("utf-8", "backslashreplace")
    except OSError:
        return ""


def _other_user(text: str, uid: int) -> str:
    """The name of another user than the one who acts, or nothing."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(UNSET))):
        return ""
    other = int(digits)
    return user_name(other) if other < UNSET and other != uid else ""


def _unit(cgroups: str) -> str:
    """The system's unit that a process belongs to, or nothing."""
    for line in cgroups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers not in {"", "name=systemd"} or path.startswith(_PEOPLE):
            continue
        units = [part for part in path.split("/") if _UNIT.fullmatch(part)]
        if units:
            return units[-1]
    return ""
