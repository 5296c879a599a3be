"""``documents export``: the papers of a year, or of one invoice."""

import re
from pathlib import Path
from typing import Annotated

from worker.audit.documents import export_invoice, export_year
from worker.billing.money import count
from worker.cli import json_views
from worker.cli.console import put, put_json
from worker.cli.options import Config, Data, Json, argument, option
from worker.cli.reading import open_reading

_YEAR = re.compile(r"20[0-9]{2}|2100")


def export(
    what: Annotated[
        str, argument("ANNÉE|NUMÉRO", "année des services, ou numéro d'une facture ou d'un avoir")
    ],
    to: Annotated[Path, option("--to", "où écrire", "DOSSIER")],
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Écrit les documents d'une année, ou d'une facture, tels qu'ils ont été émis.

    Un dossier par facture ; son nom et ceux des fichiers portent le numéro et le membre.
    """
    store = open_reading(config, data).store
    if _YEAR.fullmatch(what):
        exported = export_year(store, int(what), to)
        told = f"(année {what}), un par facture, avoir ou état sans facture."
    else:
        exported = export_invoice(store, what, to)
        told = f"({what})."
    if as_json:
        put_json(**json_views.exported(to, exported))
        return
    put(f"{count(len(exported), 'dossier écrit')} dans {to} {told}")
