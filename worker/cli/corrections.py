"""What a person decides about one invoice: send again, complete, credit, park, unpark."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.console import Config, Json, Number, Year, command, put, put_json, table
from worker.cli.run import show_invoices, teller
from worker.cli.typer_french import FrenchCommand

if TYPE_CHECKING:
    from worker.corrections.credit import CreditDraft

Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXTE", help="pourquoi ; gardé au journal")
]
Siret = Annotated[str, typer.Argument(metavar="SIRET", help="SIRET du membre")]
ServiceCode = Annotated[
    str | None,
    typer.Option("--service-code", metavar="CODE", help="code service corrigé", show_default=False),
]
Engagement = Annotated[
    str | None,
    typer.Option("--engagement", metavar="NUMÉRO", help="engagement corrigé", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for name, function in (
        ("resend", resend),
        ("complete", complete),
        ("credit", credit),
        ("park", park),
        ("unpark", unpark),
    ):
        app.command(name, cls=FrenchCommand)(function)


def resend(
    number: Number,
    reason: Reason,
    service_code: ServiceCode = None,
    engagement: Engagement = None,
    absent: Annotated[
        str | None,
        typer.Option(
            "--absent",
            metavar="NUMÉRO",
            help="retapez le numéro : vous avez vérifié sur le portail qu'elle n'y est pas",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Renvoie une facture dont le dépôt a été refusé, corrigée au besoin.

    Le numéro reste le même. Sans verdict du portail depuis un jour, elle est d'abord recherchée ;
    incertaine après toutes les recherches, elle n'est renvoyée qu'avec « --absent ». Tout autre
    état est refusé, avec la raison et la marche à suivre.
    """
    from worker.billing.status import InvoiceStatus
    from worker.corrections.resend import (
        declare_absent,
        mark_uncertain,
        refuse_correction,
        refuse_if_found,
        refuse_unless,
    )
    from worker.corrections.resend import resend as prepare
    from worker.corrections.todo import is_stuck
    from worker.service.bootstrap import open_portal, open_verified, rendering
    from worker.service.campaign import move_forward, vet_seller
    from worker.settings.loading import find_config
    from worker.storage import invoices

    why = _reason(reason)
    app = open_verified(find_config(config))
    with app.reading() as session:
        invoice = invoices.named(session, number)
    if absent is not None:
        _typed_again("--absent", number, absent)
        refuse_correction(invoice, service_code, engagement)
        with open_portal(app) as portal:
            portal.sign_in()
            refuse_if_found(portal, invoice)
        declare_absent(app, number, why)
    elif is_stuck(invoice, app.clock()):
        refuse_correction(invoice, service_code, engagement)
        mark_uncertain(app, number, why)
    else:
        refuse_unless(invoice, invoice.status is InvoiceStatus.REFUSED)
    with open_portal(app) as portal:
        portal.sign_in()
        if invoice.status is InvoiceStatus.REFUSED:
            vet_seller(app, portal, teller())
            with rendering(app) as render:
                prepare(
                    app,
                    portal,
                    render,
                    number,
                    why,
                    service_code=service_code,
                    engagement=engagement,
                )
        move_forward(app, portal, teller())
    with app.reading() as session:
        invoice = invoices.named(session, number)
    raise typer.Exit(show_invoices(app, [invoice], as_json=as_json))


def complete(
    number: Number,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FICHIER...", help="pièces à joindre", show_default=False),
    ],
    comment: Annotated[
        str,
        typer.Option("--comment", metavar="TEXTE", help="réponse au membre ; gardée au journal"),
    ],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Joint à une facture suspendue les pièces que le membre demande, sans nouveau dépôt."""
    from worker.corrections.completion import complete as answer
    from worker.service.bootstrap import open_portal, open_verified
    from worker.settings.loading import find_config
    from worker.storage import invoices

    app = open_verified(find_config(config))
    with open_portal(app) as portal:
        answer(app, portal, number, comment, files)
    with app.reading() as session:
        invoice = invoices.named(session, number)
    raise typer.Exit(show_invoices(app, [invoice], as_json=as_json))


def credit(
    number: Number,
    reason: Reason,
    lines: Annotated[
        list[str] | None,
        typer.Option(
            "--line",
            metavar="LIGNE=QUANTITÉ",
            help="n'en créditer qu'une partie : 2=10 ; peut être répété",
            show_default=False,
        ),
    ] = None,
    service_code: ServiceCode = None,
    engagement: Engagement = None,
    internal: Annotated[
        str | None,
        typer.Option(
            "--internal",
            metavar="NUMÉRO",
            help="retapez le numéro : après un dépôt refusé, vous avez vérifié que rien "
            "n'aboutira plus sur le portail",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="montre l'avoir sans rien émettre ni déposer", show_default=False
        ),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Émet un avoir : tout ce qui reste d'une facture, ou une partie de ses lignes.

    Chez le membre, l'avoir lui est déposé ; rejetée ou jamais reçue, la facture est annulée par un
    avoir interne. Une facture annulée n'est pas refaite avant « unpark » puis « run ». Avec le
    numéro d'un avoir que le membre a rejeté, ou dont le numéro est déjà pris sur le portail, cet
    avoir est refait ; refusé parce que sa structure est fermée, il est gardé avec « --internal ».
    """
    from contextlib import nullcontext

    from worker.billing.status import InvoiceStatus
    from worker.corrections.credit import (
        Request,
        confirm_rejection,
        draft_credit_note,
        issue_credit_note,
    )
    from worker.service.bootstrap import open_portal, open_verified, rendering
    from worker.service.campaign import move_forward
    from worker.settings.loading import find_config
    from worker.storage import invoices

    request = Request(
        number=number,
        reason=_reason(reason),
        quantities=_quantities(lines) if lines else None,
        service_code=service_code,
        engagement=engagement,
        internal=internal is not None,
    )
    if internal is not None:
        _typed_again("--internal", number, internal)
    app = open_verified(find_config(config))
    with open_portal(app) if app.deposits else nullcontext() as portal:
        if portal is not None:
            portal.sign_in()
            confirm_rejection(app, portal, number)
        with rendering(app) as render:
            if dry_run:
                drafted = draft_credit_note(app, portal, request)
                _show_draft(drafted, as_json=as_json)
                return
            note = issue_credit_note(app, portal, render, request)
        if portal is not None:
            move_forward(app, portal, teller())
    with app.reading() as session:
        # All the member's year: the invoice, its credit notes, and what now waits for a person.
        year = [i for i in invoices.tracked(session, year=note.year) if i.siret == note.siret]
    code = show_invoices(app, year, as_json=as_json)
    if not as_json and any(i.status is InvoiceStatus.PARKED for i in year):
        again = command(f'unpark {note.siret} {note.year} --reason "…"')
        put(f"Pour facturer à nouveau, une fois tout corrigé : {again}")
    raise typer.Exit(code)


def _show_draft(drafted: "CreditDraft", *, as_json: bool) -> None:
    from worker.billing.money import french, french_integer

    draft, number = drafted.draft, drafted.invoice.number
    if as_json:
        put_json(
            corrects=number,
            replaces=drafted.replaces.number if drafted.replaces else None,
            internal=drafted.internal,
            covers_the_invoice=drafted.covers_the_invoice,
            total_ttc=str(draft.totals.payable),
            lines=[
                {
                    "id": line.identifier,
                    "name": line.name,
                    "quantity": line.quantity,
                    "total_ttc": str(line.gross),
                }
                for line in draft.lines
            ],
        )
        return
    kind = "interne, gardé dans nos livres" if drafted.internal else "à transmettre au membre"
    put(f"Avoir sur la facture {number}, {kind} : rien n'est émis.")
    table(
        ("ligne", "service", "quantité", "TTC"),
        [
            (line.identifier, line.name, french_integer(line.quantity), french(line.gross))
            for line in draft.lines
        ],
        right=("quantité", "TTC"),
    )
    put(f"Total : {french(draft.totals.payable)} TTC.")
    if drafted.covers_the_invoice:
        put("La facture serait annulée, et son membre retenu jusqu'à « unpark ».")


def park(
    siret: Siret, year: Year, reason: Reason, config: Config = None, as_json: Json = False
) -> None:
    """Retient un membre : sa facture de l'année n'est pas émise avant « unpark »."""
    from worker.issuing.holds import place_hold
    from worker.service.app import open_app
    from worker.settings.loading import find_config

    app = open_app(find_config(config))
    with app.transaction() as tx:
        place_hold(tx, siret, year, _reason(reason))
    if as_json:
        put_json(member_siret=siret, year=year, held=True)
        return
    put(f"Le membre {siret} est retenu pour {year}.")


def unpark(
    siret: Siret, year: Year, reason: Reason, config: Config = None, as_json: Json = False
) -> None:
    """Laisse repartir un membre retenu : « run » le facturera, si rien d'autre ne s'y oppose."""
    from worker.billing.period import is_over, paris_day
    from worker.issuing.holds import lift_hold
    from worker.service.app import open_app
    from worker.settings.loading import find_config

    app = open_app(find_config(config))
    with app.transaction() as tx:
        lift_hold(
            tx,
            siret,
            year,
            _reason(reason),
            deposits=app.deposits,
        )
    if as_json:
        put_json(member_siret=siret, year=year, held=False)
        return
    put(f"Le membre {siret} n'est plus retenu pour {year}.")
    if is_over(year, paris_day(app.clock())):
        put(f"Pour le facturer : {command(f'run {year}')}")
    else:
        put(f"L'année {year} lui sera facturée avec les autres, en janvier {year + 1}.")


def _typed_again(option: str, number: str, again: str) -> None:
    from worker.errors import WrongUse

    if again != number:
        raise WrongUse(
            f"{option} : « {again} » n'est pas le numéro {number}.",
            f"Regardez d'abord ce qu'il en est sur le portail Chorus Pro, puis retapez {number} "
            f"après « {option} ».",
        )


def _reason(text: str) -> str:
    from worker.billing.text import hidden_character, hidden_in_french
    from worker.errors import WrongUse

    if not text.strip():
        raise WrongUse("Le motif est vide.", 'Donnez-le : --reason "…".')
    if character := hidden_character(text.strip()):
        raise WrongUse(
            f"Le motif contient {hidden_in_french(character)}.",
            "Retapez-le à la main, sur une seule ligne.",
        )
    return text.strip()


def _quantities(lines: list[str]) -> dict[str, int]:
    """``["2=10"]`` as units by line."""
    from worker.errors import WrongUse

    quantities = {}
    for text in lines:
        match = re.fullmatch(r"\s*(\w+)\s*=\s*(\d{1,9})\s*", text)
        problem = ""
        if match is None:
            problem = "n'a pas la forme LIGNE=QUANTITÉ, avec un nombre entier"
        elif match[1] in quantities:
            problem = "nomme une ligne une seconde fois"
        elif int(match[2]) == 0:
            problem = "ne crédite rien : la quantité doit être supérieure à zéro"
        if match is None or problem:
            raise WrongUse(
                f"--line : « {text} » {problem}.",
                "Écrivez --line 2=10 : dix unités (utilisateurs × mois) de la ligne 2.",
            )
        quantities[match[1]] = int(match[2])
    return quantities
