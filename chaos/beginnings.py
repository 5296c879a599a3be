"""How rounds begin: the files of a year imported, the year issued or not. Each is made once."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from chaos.commands import Command, start
from chaos.installation import Installation, copy, write
from chaos.plan import Plan

_OFFLINE = {"CHORUS_WORKER_CHANNEL": "helios"}
"""Issues without asking the portal: it has not been asked anything when a round begins."""


class CannotBegin(Exception):
    """An undisturbed command failed: there is nothing to disturb."""


def begin(plan: Plan, folder: Path, kept: Path) -> Installation:
    """The folder of a round, copied from one that is made when it is first needed.

    Args:
        plan: the round.
        folder: where it will be; it does not exist yet.
        kept: where those that begin alike are kept; several processes may share it.

    Raises:
        CannotBegin: with what the program said.
    """
    template = kept / plan.beginning
    if not template.exists():
        draft = kept / f"{plan.beginning}-{os.getpid()}"
        _fill(write(draft, plan.year, plan.members), plan)
        try:
            draft.rename(template)
        except OSError:  # another process was quicker
            shutil.rmtree(draft)
    return copy(Installation(template), folder)


def _fill(installation: Installation, plan: Plan) -> None:
    kinds = ["members", "subscriptions", "usage"] + ["references"] * plan.referenced
    for kind in kinds:
        _run(installation, plan, "import", kind, str(installation.table(kind)))
    _run(installation, plan, "campaign", "open", str(plan.year), "--yes")
    if plan.issued:
        _run(installation, plan, "run", str(plan.year))


def _run(installation: Installation, plan: Plan, *words: str) -> None:
    january = datetime(plan.begins.year, 1, 10, 9, tzinfo=UTC)
    log = installation.logs / f"{words[0]}.txt"
    code = start(
        Command(
            words=(*words, "--config", str(installation.config)),
            offset=january - datetime.now(UTC),
            environment=_OFFLINE,
            log=log,
        )
    ).ended()
    if code != 0:
        raise CannotBegin(log.read_text("utf-8"))
