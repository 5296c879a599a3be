"""What a person says of a member's year: ``confirm``, ``accept``, ``park`` and ``unpark``."""

from typing import Annotated

from worker.billing.consumption import Outside, french_outside
from worker.billing.money import french
from worker.cli import json_views
from worker.cli.console import command, put, put_json
from worker.cli.options import Config, Json, Reason, Siret, Year, option
from worker.errors import WrongUse
from worker.issuing import confirmations
from worker.issuing.acceptances import accept_outside, withdraw_outside
from worker.issuing.holds import place_hold
from worker.service.bootstrap import open_portal
from worker.service.decisions import let_go_on
from worker.service.opening import open_app


def park(
    siret: Siret,
    year: Year,
    reason: Reason,
    never_billed: Annotated[
        bool,
        option(
            "--never-billed",
            "pas de facture pour cette année : plus rien n'attend pour ce membre",
        ),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Retient un membre : sa facture de l'année n'est pas émise avant « unpark »."""
    app = open_app(config, writes=True)
    with app.transaction() as tx:
        place_hold(tx, siret, year, reason, never_billed=never_billed)
    if as_json:
        put_json(**json_views.hold(siret, year, held=True))
    elif never_billed:
        put(f"Le membre {siret} n'est pas facturé pour {year}.")
    else:
        put(f"Le membre {siret} est retenu pour {year}.")


def confirm(
    siret: Siret, year: Year, reason: Reason, config: Config = None, as_json: Json = False
) -> None:
    """Confirme le montant inhabituel d'un membre : « run » le facturera, s'il ne change plus."""
    app = open_app(config, writes=True)
    prepared, given = confirmations.confirm(app, siret, year, reason)
    if as_json:
        put_json(**json_views.confirmation(siret, year, given))
        return
    put(f"Le montant {year} de {prepared.member.name} est confirmé : {french(given.total)}.")
    for one in prepared.findings:
        if one.code in given.grounds:
            put(f"  {one.message}")


def accept(
    siret: Siret,
    year: Year,
    reason: Reason,
    outside: Annotated[
        bool,
        option("--outside", "les consommations hors abonnement, telles qu'elles sont maintenant"),
    ] = False,
    withdraw: Annotated[bool, option("--withdraw", "revient sur ce qui a été accepté")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Accepte ce qu'un membre a consommé hors abonnement : non facturé, dit sur son état."""
    app = open_app(config, writes=True)
    if not outside:
        raise WrongUse(
            "Dites ce que vous acceptez.",
            "Ajoutez --outside pour les consommations hors abonnement.",
        )
    uses: tuple[Outside, ...] = ()
    if withdraw:
        withdraw_outside(app, siret, year, reason)
    else:
        uses = accept_outside(app, siret, year, reason).uses
    if as_json:
        put_json(**json_views.acceptance(siret, year, uses, reason))
    elif withdraw:
        put(f"Plus rien n'est accepté hors abonnement pour {siret} en {year}.")
    else:
        put(french_outside(uses))
        put("Un chiffre qui change, ou un autre mois, sera à accepter de nouveau.")


def unpark(
    siret: Siret, year: Year, reason: Reason, config: Config = None, as_json: Json = False
) -> None:
    """Laisse repartir un membre retenu : « run » le facturera, si rien d'autre ne s'y oppose."""
    app = open_app(config, writes=True)
    portal = open_portal(app) if app.deposits else None
    can_be_billed = let_go_on(app, portal, siret, year, reason)
    if as_json:
        put_json(**json_views.hold(siret, year, held=False))
        return
    put(f"Le membre {siret} n'est plus retenu pour {year}.")
    if can_be_billed:
        put(f"Pour le facturer : {command(f'run {year}')}")
    else:
        put(f"L'année {year} lui sera facturée avec les autres, en janvier {year + 1}.")
