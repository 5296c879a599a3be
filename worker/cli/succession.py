"""``succeed``: a member takes the place of another (a merger), from a day on."""

from typing import Annotated

from worker.billing.consumption import service_name
from worker.billing.period import french_date
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, agreed, command, put, put_json
from worker.cli.options import Config, Json, Reason, Yes, argument, option
from worker.cli.settlements import given_day
from worker.errors import WrongUse
from worker.issuing import successions
from worker.issuing.successions import Handover
from worker.service.opening import open_app


def succeed(
    old: Annotated[str, argument("ANCIEN", "SIRET du membre qui finit")],
    new: Annotated[str, argument("NOUVEAU", "SIRET du membre qui prend sa suite")],
    reason: Reason,
    begins: Annotated[
        str | None,
        option("--from", "jour d'effet ; un mois déjà commencé reste à l'ancien", "JOUR"),
    ] = None,
    withdraw: Annotated[
        bool, option("--withdraw", "revient sur cette succession, enregistrée à tort")
    ] = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Dit qu'un membre prend la suite d'un autre : ses mois lui seront facturés.

    Abonnements, consommations et références restent sous l'ancien SIRET. Le nouveau est facturé de
    chaque mois qu'il a en entier ; un mois commencé reste à l'ancien. Plusieurs membres peuvent
    avoir le même successeur. Refusé dès qu'une facture de l'un ou de l'autre en dépend.
    """
    if withdraw:
        if begins is not None:
            raise WrongUse(
                "--withdraw revient sur une succession, quel que soit son jour d'effet.",
                f'Tapez : chorus-worker succeed {old} {new} --withdraw --reason "…"',
            )
        successions.withdraw_succession(open_app(config, writes=True), old, new, reason)
        if as_json:
            put_json(**json_views.succession(old, new, None))
        else:
            put(f"{new} ne prend plus la suite de {old} : chacun est facturé de ses mois.")
        return DONE
    if begins is None:
        raise WrongUse(
            "Il manque le jour d'effet.",
            f'Tapez : chorus-worker succeed {old} {new} --from 2026-01-01 --reason "…"',
        )
    day = given_day("--from", begins)
    app = open_app(config, writes=True)
    found = successions.draft_succession(app, old, new, day, reason)
    if not found.already:
        if not as_json:
            _show(found)
        if not agreed("Enregistrer cette succession ?", yes=yes):
            put("Rien n'a été enregistré.")
            return TO_LOOK_AT
        found = successions.succeed(app, old, new, day, reason)
    if as_json:
        put_json(**json_views.succession(old, new, found))
    elif found.already:
        put(f"{_named(found)} : déjà enregistré, rien n'a changé.")
    else:
        year = found.succession.first_month.year
        put(f"Enregistré. Pour voir les montants : {command(f'preview {year}')}")
    return DONE


def _named(found: Handover) -> str:
    since = french_date(found.succession.effective_on)
    return f"{found.takes.name} prend la suite de {found.ends.name} le {since}"


def _show(found: Handover) -> None:
    """What would change hands, and what would not."""
    first = found.succession.first_month
    put(f"{_named(found)}.")
    put(f"  jusqu'à {first.before.french} : facturé à {found.ends.name} ({found.ends.siret})")
    put(f"  dès {first.french} : facturé à {found.takes.name} ({found.takes.siret})")
    for one in found.subscriptions:
        until = "" if one.end is None else f" jusqu'au {french_date(one.end)}"
        name = service_name(one.service, one.tier)
        put(f"  suit : {name}, abonnement du {french_date(one.start)}{until}")
    if found.years:
        put(f"  suivent : ses consommations dès {first.french}")
    put(
        "  références : celles de "
        f"{found.takes.name} ; s'il n'en a pas pour une année, celles de {found.ends.name}"
    )
