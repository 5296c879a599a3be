"""The example of ``demo``: a syndicat, its members and a year of use, as files to import.

All of it is made up; identifiers only have correct keys. The first twelve members are the story:
every tier, several categories, one that joined in May, one that left in September, one without
GFU, and every demand a structure can make. Beyond twelve, members are drawn from the seed.
"""

import csv
import json
import random
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from stdnum import luhn

from worker.errors import Refused, StorageUnavailable
from worker.service.installation import DATA, install
from worker.service.local_portal import CREDENTIALS, STRUCTURES
from worker.settings.rights import told
from worker.settings.shipped import shipped

MARKER = ".demonstration"
EXAMPLES = "exemples"
FILES = ("members", "subscriptions", "usage", "references")
COMPLEMENT = "references-complement.csv"
SELLER = "99990000400014"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One member of the example.

    Attributes:
        tiers: tier in To, first month and last month of each storage subscription.
        users: in January; ``drift`` more every month.
        needs: what its structure demands in Chorus Pro's directory, by the sandbox's keys.
        service, service_needs_engagement: the service its structure has.
        gives: the references it gave: code service and engagement.
        owed: the engagement that was missing, for the complement.
    """

    name: str
    siret: str
    street: str
    postcode: str
    city: str
    category: int
    tiers: tuple[tuple[int, int, int], ...]
    users: int
    drift: int = 0
    gfu: bool = True
    needs: tuple[str, ...] = ()
    service: str = ""
    service_needs_engagement: bool = False
    gives: tuple[str, str] = ("", "")
    owed: str = ""

    def months(self) -> range:
        """From the first to the last month it subscribed."""
        return range(self.tiers[0][1], self.tiers[-1][2] + 1)


def _story() -> tuple[Case, ...]:
    content = tomllib.loads(shipped("config/demonstration.toml").read_text("utf-8"))
    return tuple(
        Case(
            **{**facts, "tiers": tuple(tuple(tier) for tier in facts["tiers"])}
            | {name: tuple(facts[name]) for name in ("needs", "gives") if name in facts}
        )
        for facts in content["member"]
    )


STORY = _story()
"""The twelve members of the default demonstration."""


def cases(count: int, seed: int) -> Sequence[Case]:
    """The story, then as many drawn members as asked."""
    chance = random.Random(seed)  # noqa: S311 - an example, not a secret
    drawn = []
    for index in range(len(STORY), count):
        start = chance.choice((1, 1, 1, chance.randint(2, 12)))
        drawn.append(
            Case(
                name=f"Commune fictive n° {index + 1}",
                siret=_siret(f"9998{1000 + index}" if index < 9000 else f"997{index:05d}"),
                street=f"{index} rue de l'Exemple",
                postcode=f"82{index % 1000:03d}",
                city=f"Exemple-{index + 1}",
                category=chance.randint(1, 11),
                tiers=((chance.randint(1, 5), start, 12),),
                users=chance.randint(1, 150),
                drift=chance.choice((0, 0, 1)),
                gfu=chance.random() < 0.8,
            )
        )
    return (*STORY[:count], *drawn)


def _siret(head: str) -> str:
    """A SIRET with correct keys; no number that begins so is attributed."""
    siren = head + luhn.calc_check_digit(head)
    return f"{siren}0001{luhn.calc_check_digit(f'{siren}0001')}"


def write_demo(folder: Path, year: int, count: int, seed: int) -> Path:
    """Make a fresh demonstration folder; returns its configuration.

    A folder made by an earlier demonstration is replaced; any other that is not empty is refused.

    Raises:
        Refused: the folder holds something else.
        StorageUnavailable: it cannot be written.
    """
    members = cases(count, seed)
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER).is_file():
                raise Refused(
                    f"Le dossier {folder} contient autre chose qu'une démonstration.",
                    "Choisissez un autre dossier avec --dir.",
                )
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / MARKER).write_text("Dossier de démonstration : peut être effacé.\n", "utf-8")
        install(folder, _config())
        secrets = folder / "secrets.toml"
        secrets.touch(mode=0o600)
        secrets.write_text(_secrets(), "utf-8")
        structures = json.dumps(_directory(members), ensure_ascii=False, indent=1)
        (folder / DATA / STRUCTURES).write_text(structures, "utf-8")
        examples = folder / EXAMPLES
        examples.mkdir()
        for name, content in _tables(members, year).items():
            (examples / name).write_text(content, "utf-8-sig", newline="")
    except OSError as error:
        raise StorageUnavailable(*told(error, folder, writing=True)) from error
    return folder / "worker.toml"


def _config() -> str:
    text = shipped("config/worker.toml").read_text("utf-8")
    for commented, live in (
        ('# channel = "api"', 'channel = "api"'),
        ('# secrets_file = "secrets.toml"', 'secrets_file = "secrets.toml"'),
        ('# sender = "', 'sender = "'),
        ("requests_per_second = 5", "requests_per_second = 100"),
        # The local portal integrates and indexes at once: one look is proof.
        ("reconcile_minutes = [15, 60, 240, 1440, 2880]", "reconcile_minutes = [0]"),
        ("report_minutes = [1, 2,", "report_minutes = [0, 1, 2,"),
    ):
        if commented not in text:
            raise RuntimeError(f"config/worker.toml no longer has {commented!r}")
        text = text.replace(commented, live, 1)
    return text


def _secrets() -> str:
    lines = "".join(f'{name} = "{value}"\n' for name, value in CREDENTIALS.items())
    return f"# Les secrets publics du Chorus Pro local : ils n'ouvrent rien d'autre.\n{lines}"


def _directory(members: Iterable[Case]) -> list[dict[str, object]]:
    entries = [_structure(SELLER, "Syndicat mixte du Numérique Fictif")]
    for member in members:
        entry = _structure(member.siret, member.name) | dict.fromkeys(member.needs, True)
        if member.service:
            service = {
                "code": member.service,
                "name": f"Service {member.service}",
                "active": True,
                "engagement_required": member.service_needs_engagement,
            }
            entry["services"] = [service]
        entries.append(entry)
    return entries


def _structure(siret: str, name: str) -> dict[str, object]:
    return {"siret": siret, "name": name, "public": True, "active": True}


def _tables(members: Sequence[Case], year: int) -> dict[str, str]:
    return {
        "members.csv": _csv(
            ("SIRET", "Nom", "Adresse", "Code postal", "Ville", "Convention"),
            (
                (m.siret, m.name, m.street, m.postcode, m.city, f"CONV-2022-{index:04d}")
                for index, m in enumerate(members, start=1)
            ),
        ),
        "subscriptions.csv": _csv(
            ("SIRET", "Service", "Palier", "Catégorie", "Début", "Fin"),
            _subscriptions(members, year),
        ),
        "usage.csv": _csv(
            ("SIRET", "Service", "Palier", "Mois", "Utilisateurs"), _usage(members, year)
        ),
        "references.csv": _csv(
            ("SIRET", "Année", "Code service", "Engagement"),
            ((m.siret, year, *m.gives) for m in members if any(m.gives)),
        ),
        COMPLEMENT: _csv(
            ("SIRET", "Année", "Code service", "Engagement"),
            ((m.siret, year, m.gives[0], m.owed) for m in members if m.owed),
        ),
    }


def _subscriptions(members: Iterable[Case], year: int) -> Iterable[tuple[object, ...]]:
    for member in members:
        subscribed: list[tuple[str, int | str, int, int]]
        subscribed = [("stockage", *tier) for tier in member.tiers]
        if member.gfu:
            subscribed.append(("gfu", "", member.months()[0], member.months()[-1]))
        for service, tier, first, last in subscribed:
            start = f"01/01/{year - 2}" if first == 1 else f"01/{first:02d}/{year}"
            yield (member.siret, service, tier, member.category, start, _end(last, year))


def _end(last: int, year: int) -> str:
    return "" if last == 12 else f"{30 if last in {4, 6, 9, 11} else 28:02d}/{last:02d}/{year}"


def _usage(members: Iterable[Case], year: int) -> Iterable[tuple[object, ...]]:
    for member in members:
        for month in member.months():
            users = member.users + member.drift * (month - 1)
            tier = next(t for t, first, last in member.tiers if first <= month <= last)
            yield (member.siret, "stockage", f"{tier} To", f"{month:02d}/{year}", users)
            if member.gfu:
                yield (member.siret, "gfu", "", f"{month:02d}/{year}", users)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
