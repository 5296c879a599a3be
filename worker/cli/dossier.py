"""``audit dossier`` and ``audit site``: the books of a year for who has not this program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from worker.audit.dossier.build import build_dossier, build_site
from worker.audit.dossier.site import Outcome
from worker.billing.money import count
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json
from worker.cli.options import Config, Data, Json, Year, option
from worker.cli.reading import open_reading

MOST_NAMED = 10
"""Of what is not in order: the pages name all of it."""


def dossier(
    year: Year,
    to: Annotated[Path, option("--to", "dossier à créer ; il ne doit pas exister", "DOSSIER")],
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> int:
    """Écrit le dossier d'une année pour un auditeur : pages, tables, documents, fichiers importés.

    Il s'ouvre dans un navigateur par index.html, sans réseau ni ce programme. Il apparaît entier
    ou pas du tout. Le code de retour est 1 quand une pièce manque à l'archive, qu'un document
    n'est pas ce que ses lignes donnent, ou que les livres ont été modifiés hors du programme.
    """
    outcome = build_dossier(open_reading(config, data), year, to)
    return _told(f"Dossier de {year} écrit dans {to}", to, outcome, as_json=as_json)


def site(
    to: Annotated[Path, option("--to", "dossier du site ; un ancien est remplacé", "DOSSIER")],
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> int:
    """Écrit les mêmes pages pour toutes les années, sans les documents, pour un serveur web.

    Le site est construit à côté, puis mis à la place de l'ancien. Son groupe peut le lire. Avec
    le réglage site.folder, « serve » le tient à jour.
    """
    outcome = build_site(open_reading(config, data), to)
    return _told(f"Site écrit dans {to}", to, outcome, as_json=as_json)


def _told(what: str, to: Path, outcome: Outcome, *, as_json: bool) -> int:
    sound = not (outcome.unusable or outcome.differing or outcome.altered)
    if as_json:
        put_json(**json_views.built(to, outcome))
    else:
        put(f"{what} : {count(outcome.documents, 'facture ou avoir', 'factures et avoirs')}.")
        _name("Modifications faites hors du programme", outcome.altered)
        _name("Pièces que l'archive n'a pas données", outcome.unusable)
        _name("Documents qui diffèrent de leurs lignes", outcome.differing)
    return DONE if sound else TO_LOOK_AT


def _name(title: str, what: Sequence[str]) -> None:
    if not what:
        return
    put(f"{title} : {len(what)}")
    for one in what[:MOST_NAMED]:
        put(f"  {one}")
    if len(what) > MOST_NAMED:
        put("  … ; les pages les nomment toutes.")
