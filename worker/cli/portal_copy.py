"""``documents portal``: an invoice, beside what the portal holds of it."""

from pathlib import Path
from typing import Annotated

from worker.audit.portal_copy import PortalCopy, compare
from worker.billing.money import count
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json, show_findings
from worker.cli.invoices import put_beyond, put_disagreements
from worker.cli.options import Config, Json, argument, option
from worker.cli.reading import open_reading
from worker.errors import WrongUse
from worker.service.bootstrap import open_portal, open_verified, verified
from worker.service.portal_comparison import Comparison, compare_all


def portal(
    number: Annotated[
        str | None, argument("NUMÉRO", "numéro de la facture ; sinon tout est comparé")
    ] = None,
    to: Annotated[Path | None, option("--to", "y écrire le document du portail", "FICHIER")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Compare une facture, ou toutes, à ce que Chorus Pro en détient, et l'y télécharge.

    Code de sortie : 0 tout concorde, 1 quelque chose diffère.
    """
    if number is None:
        if to is not None:
            raise WrongUse(
                "--to demande le numéro d'une facture.", "Tapez « documents portal NUMÉRO --to … »."
            )
        app = open_verified(config)
        return _show_all(compare_all(app, open_portal(app)), as_json=as_json)
    app = verified(open_reading(config, None))
    copy = compare(app, open_portal(app), number, to)
    if as_json:
        put_json(**json_views.portal_copy(copy, to))
    else:
        _show(copy, to)
    return TO_LOOK_AT if copy.findings else DONE


def _show_all(both: Comparison, *, as_json: bool) -> int:
    if as_json:
        put_json(**json_views.comparison(both))
        return DONE if both.agrees else TO_LOOK_AT
    put(f"Chorus Pro montre {count(both.shown, 'document')} à notre nom, sur les années ouvertes.")
    for one in both.only_here:
        put(f"{one.number} ({one.french_status}) : dans nos livres, et pas sur Chorus Pro.")
    for document in both.only_there:
        put(f"{document.number} ({document.french}) : sur Chorus Pro, et pas dans nos livres.")
    put_disagreements(both.left.disagreements)
    put_beyond(both.left.beyond)
    if both.agrees:
        put("Tout concorde avec nos livres.")
    return DONE if both.agrees else TO_LOOK_AT


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
