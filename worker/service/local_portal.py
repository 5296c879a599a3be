"""The local Chorus Pro, started for the occasion when the configuration says ``local``.

It is a child process with its own ledger, in the data folder; it ends with us.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from worker.errors import PortalDown

LEDGER = "chorus-local.sqlite"
STRUCTURES = "chorus-local-annuaire.json"
CREDENTIALS: Final[Mapping[str, str]] = {
    "client_id": "00000000-0000-4000-8000-00000000c1d0",
    "client_secret": "secret-public-du-bac-a-sable",
    "technical_login": "TECH_1_SANDBOX@cpro.invalid",
    "technical_password": "mot-de-passe-public-du-bac-a-sable",
}
"""What the local portal accepts by default, as ``secrets.toml`` has it; it protects nothing."""
END_SECONDS = 10
"""For its last answers; what it has recorded outlives a kill."""


@contextmanager
def local_portal(data_folder: Path) -> Iterator[str]:
    """The address of a sandbox that lasts as long as the block.

    Raises:
        PortalDown: it did not start.
    """
    command = [sys.executable, "-m", "chorus_sandbox", "--port", "0", "--exit-with-parent"]
    command += ["--data", str(data_folder / LEDGER)]
    if (structures := data_folder / STRUCTURES).is_file():
        command += ["--directory", str(structures)]
    process = subprocess.Popen(  # noqa: S603 - our own program, no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _address(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout else ""
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError) as error:
        reason = " ".join(process.stderr.read().split()) if process.stderr else ""
        raise PortalDown(
            f"Le Chorus Pro local n'a pas démarré. {reason}".strip(),
            "Vérifiez le dossier de données, puis relancez.",
        ) from error
