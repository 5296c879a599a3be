"""``campaign open``, ``close``, ``list``: a person says that a year may be billed, or no more."""

from collections.abc import Sequence
from typing import Annotated

from worker.billing.campaign import Campaign, Figures
from worker.billing.comparison import french_percent, percent
from worker.billing.money import french, signed
from worker.billing.period import french_time
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, agreed, command, put, put_json, table
from worker.cli.options import Config, Data, Json, Reason, Year, option
from worker.cli.reading import directory_told, open_reading
from worker.issuing import go_ahead
from worker.issuing.preview import campaign_figures, directory_known
from worker.service.bootstrap import open_verified
from worker.service.opening import open_app
from worker.storage import campaigns


def open_(
    year: Year,
    reason: Annotated[str, option("--reason", "gardé au journal", "TEXTE")] = "",
    yes: Annotated[bool, option("--yes", "accord donné d'avance, pour un script")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Ouvre la campagne d'une année : montre ce qui sera facturé, et demande l'accord.

    « run » et « serve » ne facturent que les années ouvertes.
    """
    app = open_verified(config)
    with app.reading() as session:
        present = campaigns.opened(session, year)
    if present is None:
        shown = campaign_figures(app, year)
        if not as_json:
            _show_figures(year, shown)
            if app.deposits:
                with app.reading() as session:
                    put(directory_told(year, directory_known(session, year)))
        if not agreed(f"Facturer {year} ?", yes=yes):
            put("Rien n'a été ouvert.")
            return TO_LOOK_AT
        opened, is_new = go_ahead.open_campaign(app, year, shown, reason)
    else:
        opened, is_new = present, False
    if as_json:
        put_json(**json_views.opened_campaign(opened, is_new=is_new))
        return DONE
    if not is_new:
        put(f"La campagne {year} est déjà ouverte, depuis le {french_time(opened.opened_at)}.")
        return DONE
    put(f"La campagne {year} est ouverte.")
    put(f"Pour facturer maintenant : {command(f'run {year}')}")
    return DONE


def _show_figures(year: int, shown: Figures) -> None:
    rows = [
        ("prêts", shown.ready, shown.ready_total),
        ("à confirmer", shown.to_confirm, shown.to_confirm_total),
        ("retenus", shown.held, shown.held_total),
    ]
    put(f"Campagne {year} :")
    table(
        ("", "membres", "total TTC"),
        rows,
        right=("membres", "total TTC"),
    )
    put(f"Total {year} : {french(shown.total)} TTC ; {_beside_last_year(year, shown)}.")
    if shown.to_confirm or shown.held:
        named = command(f"preview {year}")

        put(f"Ceux à confirmer ou retenus ne seront pas facturés. Pour les voir : {named}")


def _beside_last_year(year: int, shown: Figures) -> str:
    if not shown.previous:
        return f"aucun montant connu pour {year - 1}"
    change = french_percent(percent(shown.total, shown.previous))
    return f"{year - 1} : {french(shown.previous)}, soit {signed(shown.difference)} ({change})"


def close(year: Year, reason: Reason, config: Config = None, as_json: Json = False) -> None:
    """Ferme la campagne d'une année : plus rien n'en est facturé avant une nouvelle ouverture.

    Ce qui est émis continue : dépôts et suivi ne s'arrêtent pas.
    """
    app = open_app(config, writes=True)
    go_ahead.close_campaign(app, year, reason)
    if as_json:
        put_json(**json_views.closed_campaign(year))
    else:
        put(f"La campagne {year} est close : plus rien n'en est facturé.")


def list_(config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """Liste les campagnes : ouvertes quand, par qui, sur quels montants, et closes."""
    app = open_reading(config, data)
    with app.reading() as session:
        found = campaigns.campaigns(session)
    if as_json:
        put_json(**json_views.campaigns(found))
    elif found:
        _show(found)
    else:
        put("Aucune campagne n'a été ouverte.")


def _show(found: Sequence[Campaign]) -> None:
    table(
        ("année", "ouverte le", "par", "prêts", "leur total TTC", "close le", "motif"),
        [
            (
                str(one.year),
                one.opened_at,
                one.opened_by,
                one.figures.ready,
                one.figures.ready_total,
                one.closed_at,
                one.close_reason or one.reason or None,
            )
            for one in found
        ],
        narrow=("année", "ouverte le", "prêts", "leur total TTC", "close le"),
    )
