"""``serve``: the program that stays."""

from typing import Annotated

from worker.cli.options import Config, option
from worker.service import heartbeat, logs
from worker.service.bootstrap import open_verified


def serve(
    once: Annotated[bool, option("--once", "un seul battement, puis fin")] = False,
    config: Config = None,
) -> None:
    """Travaille sans personne : regarde à intervalles réguliers ce qui est dû, et le fait.

    En janvier, facture l'année écoulée ; toute l'année, dépose et suit. S'arrête proprement sur
    SIGTERM, après l'opération en cours.
    """
    logs.configure(verbose=True)
    heartbeat.serve(open_verified(config), once=once)
