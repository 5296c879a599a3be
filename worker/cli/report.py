"""``audit report``: a campaign on one page."""

from pathlib import Path
from typing import Annotated

from worker.cli import json_views
from worker.cli.console import put, put_json
from worker.cli.options import Config, Json, Year, option
from worker.cli.reading import open_reading
from worker.service.reports import write_report


def report(
    year: Year,
    to: Annotated[Path, option("--to", "le fichier à écrire (PDF)", "FICHIER")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Écrit le rapport de campagne d'une année, une page : facturé, retenu, totaux, empreinte."""
    file = write_report(open_reading(config, None), year, to)
    if as_json:
        put_json(**json_views.campaign_report(year, file))
    else:
        put(f"Rapport écrit dans {file}.")
