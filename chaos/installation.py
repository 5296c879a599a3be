"""The folder of a round: a syndicat and its members, their references, the portal's directory."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from chaos import books
from worker.billing.status import InvoiceKind, InvoiceStatus
from worker.service.demo import EXAMPLES, STORY, Case, write_demo
from worker.service.local_portal import STRUCTURES

DEMANDING = STORY[1]
"""The member whose structure begins to demand an engagement: it had no demand before."""
ENGAGEMENT = "ENG-2025-0904"
COMPLEMENT = "references-toutes.csv"
LEFT = "references-restantes.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What opens the portal of one round, and may be read nowhere else."""

    client_secret: str
    account: str
    password: str

    @classmethod
    def of(cls, seed: int, number: int) -> "Secrets":
        """Those of one round: nobody else's."""
        return cls(
            client_secret=f"secret-du-client-{seed}-{number}",
            account=f"TECH_{seed}_{number}@cpro.invalid",
            password=f"mot-de-passe-{seed}-{number}",
        )

    @property
    def of_the_portal(self) -> dict[str, str]:
        """As the sandbox's environment."""
        return {
            "CHORUS_SANDBOX_CLIENT_SECRET": self.client_secret,
            "CHORUS_SANDBOX_ACCOUNT": self.account,
            "CHORUS_SANDBOX_PASSWORD": self.password,
        }

    @property
    def of_the_worker(self) -> dict[str, str]:
        """As the lines of its secrets file that differ from the demonstration's."""
        return {
            "client_secret": self.client_secret,
            "technical_login": self.account,
            "technical_password": self.password,
        }


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything of a round is."""

    folder: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "worker.toml"

    @property
    def database(self) -> Path:
        """Our database."""
        return self.folder / "donnees" / "worker.sqlite"

    @property
    def archive(self) -> Path:
        """Our archive."""
        return self.folder / "donnees" / "archive"

    @property
    def ledger(self) -> Path:
        """The portal's own books."""
        return self.folder / "portail.sqlite"

    @property
    def logs(self) -> Path:
        """What every process said."""
        return self.folder / "journaux"

    def directory(self, *, demanding: bool) -> Path:
        """The portal's directory, before and after a structure's new demand."""
        name = "annuaire-exigeant.json" if demanding else STRUCTURES
        return self.folder / "donnees" / name

    @property
    def complement(self) -> Path:
        """All the references, for those who had not given theirs and are not billed yet.

        An import changes nothing on which an invoice rests: of a billed member, none is given.
        """
        path = self.folder / EXAMPLES / COMPLEMENT
        billed = {
            one.siret
            for one in (books.invoices(self.database) if self.database.exists() else ())
            if one.kind == InvoiceKind.INVOICE
            and one.status not in {InvoiceStatus.CANCELLED, InvoiceStatus.REFUSED}
        }
        header, *rows = path.read_text("utf-8").splitlines(keepends=True)
        left = self.folder / EXAMPLES / LEFT
        left.write_text(
            header + "".join(row for row in rows if row.split(";")[0] not in billed), "utf-8"
        )
        return left

    def table(self, kind: str) -> Path:
        """An import file of the demonstration."""
        return self.folder / EXAMPLES / f"{kind}.csv"

    def keep_secrets(self, secrets: Secrets) -> None:
        """Give the worker the portal's secrets."""
        path = self.folder / "secrets.toml"
        lines = [
            line
            for line in path.read_text("utf-8").splitlines()
            if line.partition(" ")[0] not in secrets.of_the_worker
        ]
        lines += [f'{name} = "{value}"' for name, value in secrets.of_the_worker.items()]
        path.write_text("\n".join(lines) + "\n", "utf-8")


def write(folder: Path, year: int, members: int) -> Installation:
    """A new folder in which nothing was imported yet."""
    write_demo(folder, year, members, seed=0)
    installation = Installation(folder)
    installation.logs.mkdir()
    _write_demanding(installation)
    _write_complement(installation, year, STORY[:members])
    return installation


def copy(template: Installation, folder: Path) -> Installation:
    """The same elsewhere, without what its processes said."""
    shutil.copytree(template.folder, folder, ignore=shutil.ignore_patterns("journaux"))
    installation = Installation(folder)
    installation.logs.mkdir()
    return installation


def _write_demanding(installation: Installation) -> None:
    known = json.loads(installation.directory(demanding=False).read_text("utf-8"))
    for structure in known:
        if structure["siret"] == DEMANDING.siret:
            structure["engagement_required"] = True
    installation.directory(demanding=True).write_text(json.dumps(known), "utf-8")


def _write_complement(installation: Installation, year: int, members: tuple[Case, ...]) -> None:
    path = installation.folder / EXAMPLES / COMPLEMENT
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(("SIRET", "Année", "Code service", "Engagement"))
        for member in members:
            service, engagement = member.gives
            if member is DEMANDING:
                engagement = ENGAGEMENT
            if service or engagement:
                table.writerow((member.siret, year, service, engagement))
