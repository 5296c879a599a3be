"""``documents export``: the papers of a year."""

from pathlib import Path
from typing import Annotated

from worker.audit.documents import export_year
from worker.billing.money import count
from worker.cli import json_views
from worker.cli.console import put, put_json
from worker.cli.options import Config, Data, Json, Year, option
from worker.cli.reading import open_reading


def export(
    year: Year,
    to: Annotated[Path, option("--to", "où écrire", "DOSSIER")],
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Écrit les documents d'une année, un dossier par facture, tels qu'ils ont été émis."""
    exported = export_year(open_reading(config, data).store, year, to)
    if as_json:
        put_json(**json_views.exported(to, exported))
        return
    folders = count(len(exported), "dossier écrit")
    put(f"{folders} dans {to} (année {year}), un par facture, avoir ou état sans facture.")
