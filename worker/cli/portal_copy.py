"""``documents portal``: an invoice, beside what the portal holds of it."""

from pathlib import Path
from typing import Annotated

from worker.audit.portal_copy import PortalCopy, compare
from worker.billing.money import count
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json, show_findings
from worker.cli.options import Config, Json, Number, option
from worker.service.bootstrap import open_portal, open_verified


def portal(
    number: Number,
    to: Annotated[Path | None, option("--to", "y écrire le document du portail", "FICHIER")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Compare une facture à ce que Chorus Pro en détient, et l'y télécharge.

    Code de sortie : 0 tout concorde, 1 quelque chose diffère.
    """
    app = open_verified(config, writes=False)
    copy = compare(app, open_portal(app), number, to)
    if as_json:
        put_json(**json_views.portal_copy(copy, to))
    else:
        _show(copy, to)
    return TO_LOOK_AT if copy.findings else DONE


def _show(copy: PortalCopy, to: Path | None) -> None:
    held, known = copy.held, copy.invoice.portal_status
    put(
        f"Chorus Pro détient {copy.invoice.number} sous l'identifiant {held.portal_id} : "
        f"{held.raw_status}."
    )
    if held.raw_status != known:
        put(
            f"Nos livres en sont à {known} : la prochaine lecture des nouvelles (« follow ») les "
            "mettra à jour."
        )
    if held.attachments:
        put(f"Pièces jointes : {', '.join(held.attachments)}.")
    if to is not None:
        put(f"Document du portail : {to} ({count(copy.size, 'octet')}).")
    put(
        "Ce qu'il en dit diffère de nos livres :"
        if copy.findings
        else "Tout concorde avec nos livres."
    )
    show_findings(copy.findings)
