"""``try``: a rehearsal with one's own members, where nothing can leave."""

from pathlib import Path
from typing import Annotated

from worker.billing.money import count
from worker.billing.period import paris_day
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, command, put, put_json, remember_config, say
from worker.cli.imports import FRENCH_KINDS
from worker.cli.options import Config, Json, argument
from worker.cli.reading import open_reading
from worker.service.trial import make_trial


def try_(
    folder: Annotated[Path, argument("DOSSIER", "où faire l'essai")],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Prépare un essai avec vos membres, sur un Chorus Pro local qui les connaît.

    Les fichiers importés y sont repris, sans les contacts ; vos données ne sont que lues.
    """
    app = open_reading(config, None)
    made = make_trial(app, folder)
    code = TO_LOOK_AT if made.lost else DONE
    if as_json:
        put_json(**json_views.trial(made))
        return code
    put(f"Essai prêt dans {folder} : rien de ce qui s'y fait ne part vers Chorus Pro.")
    for one in made.imports:
        put(f"  {one.file.name} : {count(one.rows, 'ligne')} ({FRENCH_KINDS[one.kind]})")
    put(
        f"Le Chorus Pro local connaît {count(made.members, 'membre')}, dont {made.known} avec ce "
        "que l'annuaire exigeait d'eux à la dernière lecture."
    )
    for name in made.lost:
        say(f"Fichier non gardé par l'ancienne version, à importer à la main : {name}")
    remember_config(made.config)
    year = paris_day(app.clock()).year - 1
    put("Pour essayer, par exemple :")
    for text in (f"check {year}", f"preview {year}", f"campaign open {year}", f"run {year}"):
        put(f"  {command(text)}")
    return code
