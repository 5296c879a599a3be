"""``journal checkpoint``: where the journal is, to be kept elsewhere."""

from pathlib import Path
from typing import Annotated

from worker.audit.anchors import Anchoring, anchor
from worker.audit.checkpoints import lines
from worker.audit.placing import place, write_lines
from worker.billing.period import french_time
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json, say
from worker.cli.options import Config, Json, option
from worker.errors import StorageUnavailable
from worker.isolation.files import create_regular
from worker.service.logs import configure_once
from worker.service.opening import open_app
from worker.settings.rights import told


def checkpoint(
    to: Annotated[
        Path | None, option("--to", "copie de tous les points de contrôle", "FICHIER")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Pose un point de contrôle du journal, le fait horodater, et copie tous les points ailleurs.

    Rien n'est posé s'il ne s'est rien passé depuis le dernier. À taper avant une sauvegarde, pour
    garder ailleurs de quoi prouver plus tard que le journal n'a été ni coupé ni réécrit.
    """
    app = open_app(config, writes=True)
    configure_once()
    new = place(app)
    tried = anchor(app)
    path = write_lines(app)
    with app.reading() as session:
        *_, last = lines(session)
        if to is not None:
            path = to
            try:
                with create_regular(to) as file:
                    file.writelines(f"{line.text}\n".encode() for line in lines(session))
            except OSError as error:
                raise StorageUnavailable(*told(error, to, writing=True)) from error
    if as_json:
        put_json(**json_views.checkpoint(last, tried, path, is_new=new is not None))
    else:
        state = "posé" if new is not None else "déjà posé, rien ne s'est passé depuis"
        put(f"Point de contrôle n° {last.seq} du {french_time(last.instant)} ({state}).")
        put(f"Empreinte {last.hash}, copiée dans {path}.")
        show_anchoring(tried)
    return TO_LOOK_AT if tried is not None and tried.stamp is None else DONE


def show_anchoring(tried: Anchoring | None) -> None:
    """What became of a time-stamp that was asked for."""
    if tried is None:
        return
    if tried.stamp is None:
        say(f"Non horodaté : {tried.problem} Rien n'est perdu, il sera redemandé.")
    else:
        put(f"Horodaté le {french_time(tried.stamp.instant)} par {tried.stamp.authority}.")
