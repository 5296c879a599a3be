"""``resend``, ``complete``, ``credit``: what a person decides about one invoice."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from worker.app import App
from worker.billing.credit_note import NEUTRAL_REASON
from worker.billing.money import count, french
from worker.billing.quantity import Quantity, counted, read_quantity
from worker.cli import json_views
from worker.cli.console import TO_LOOK_AT, agreed, command, put, put_json, say
from worker.cli.invoices import show_invoices
from worker.cli.options import (
    Config,
    Engagement,
    Json,
    Number,
    Reason,
    ServiceCode,
    Yes,
    argument,
    option,
)
from worker.cli.progress import tell
from worker.corrections.credit import CreditDraft, Request
from worker.errors import WrongUse
from worker.service import decisions
from worker.service.bootstrap import open_portal, open_verified
from worker.service.decisions import Sending
from worker.settings.keys import Environment

PORTALS: Mapping[Environment, str] = {
    Environment.PRODUCTION: "Chorus Pro",
    Environment.QUALIFICATION: "Chorus Pro, environnement de qualification",
    Environment.LOCAL: "le Chorus Pro local, pour essai",
}


def resend(
    number: Number,
    reason: Reason,
    service_code: ServiceCode = None,
    engagement: Engagement = None,
    absent: Annotated[
        str | None,
        option(
            "--absent",
            "retapez le numéro : vous avez vérifié sur le portail qu'elle n'y est pas",
            "NUMÉRO",
        ),
    ] = None,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Renvoie une facture dont le dépôt a été refusé, corrigée au besoin.

    Le numéro reste le même. Sans verdict du portail depuis un jour, elle est d'abord recherchée ;
    incertaine après toutes les recherches, elle n'est renvoyée qu'avec « --absent ». Tout autre
    état est refusé, avec la raison et la marche à suivre.
    """
    _refuse_another("--absent", number, absent)
    app = open_verified(config)
    asked = {
        "service_code": service_code,
        "engagement": engagement,
    }
    _show_resend(
        app, decisions.draft_resend(app, number, reason, **asked, absent=absent is not None)
    )
    if not _sends(yes=yes):
        return TO_LOOK_AT
    invoice = decisions.resend(
        app,
        open_portal(app),
        number,
        reason,
        tell,
        **asked,
        absent=absent is not None,
    )
    return show_invoices(app, [invoice], as_json=as_json)


def complete(
    number: Number,
    files: Annotated[list[Path], argument("FICHIER...", "pièces à joindre")],
    comment: Annotated[str, option("--comment", "réponse au membre ; gardée au journal", "TEXTE")],
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Joint à une facture suspendue les pièces que le membre demande, sans nouveau dépôt."""
    app = open_verified(config)
    _show_completion(app, decisions.draft_completion(app, number, comment, files), comment, files)
    if not _sends(yes=yes):
        return TO_LOOK_AT
    invoice = decisions.complete(app, open_portal(app), number, comment, files)
    return show_invoices(app, [invoice], as_json=as_json)


def credit(
    number: Number,
    reason: Reason,
    printed_reason: Annotated[
        str,
        option("--printed-reason", "motif imprimé sur l'avoir et transmis au membre", "TEXTE"),
    ] = NEUTRAL_REASON,
    lines: Annotated[
        list[str] | None,
        option("--line", "n'en créditer qu'une partie : 2=10 ; peut être répété", "LIGNE=QUANTITÉ"),
    ] = None,
    service_code: ServiceCode = None,
    engagement: Engagement = None,
    internal: Annotated[
        str | None,
        option(
            "--internal",
            "retapez le numéro : après un dépôt refusé, vous avez vérifié que rien n'aboutira "
            "plus sur le portail",
            "NUMÉRO",
        ),
    ] = None,
    dry_run: Annotated[
        bool, option("--dry-run", "montre l'avoir sans rien émettre ni déposer")
    ] = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Émet un avoir : tout ce qui reste d'une facture, ou une partie de ses lignes.

    Chez le membre, l'avoir lui est déposé ; rejetée ou jamais reçue, la facture est annulée par un
    avoir interne. Une facture annulée n'est pas refaite avant « unpark » puis « run ». Avec le
    numéro d'un avoir que le membre a rejeté, ou dont le numéro est déjà pris sur le portail, cet
    avoir est refait ; refusé parce que sa structure est fermée, il est gardé avec « --internal ».
    """
    request = Request(
        number=number,
        reason=reason,
        printed_reason=printed_reason,
        quantities=_quantities(lines) if lines else None,
        service_code=service_code,
        engagement=engagement,
        internal=internal is not None,
    )
    _refuse_another("--internal", number, internal)
    app = open_verified(config, writes=not dry_run)
    with open_portal(app) if app.deposits else nullcontext() as portal:
        if dry_run:
            _show_draft(app, decisions.draft_credit(app, portal, request), as_json=as_json)
            return 0

        def agrees(drafted: CreditDraft) -> bool:
            for line in _told_draft(app, drafted):
                say(line)
            return _sends(yes=yes)

        credited = decisions.credit(app, portal, request, tell, agrees)
    if credited is None:
        return TO_LOOK_AT
    told = json_views.credited(credited)
    code = show_invoices(app, credited.year, as_json=as_json, **told)
    if credited.member_is_parked and not as_json:
        note = credited.note
        again = command(f'unpark {note.siret} {note.year} --reason "…"')
        put(f"Pour facturer à nouveau, une fois tout corrigé : {again}")
    return code


def _show_draft(app: App, drafted: CreditDraft, *, as_json: bool) -> None:
    if as_json:
        put_json(**json_views.credit_draft(drafted))
        return
    for line in _told_draft(app, drafted):
        put(line)
    put("Rien n'est émis.")


def _told_draft(app: App, drafted: CreditDraft) -> Iterator[str]:
    """The credit note that would be issued, with the text that the member would read."""
    invoice = drafted.invoice
    yield (
        f"Avoir sur la facture {invoice.number} — {invoice.member_name} ({invoice.siret}), "
        f"année {invoice.year}"
    )
    if drafted.internal:
        yield "  Destination : aucune, cet avoir interne reste dans nos livres"
    else:
        yield f"  Destination : {_destination(app)}"
    for line in drafted.draft.lines:
        quantity = counted(line.quantity, line.measure)
        yield f"  Ligne {line.identifier}, {line.name} : {quantity}, {french(line.gross)} TTC"
    yield f"  Total : {french(drafted.draft.totals.payable)} TTC"
    yield f"  Imprimé sur l'avoir : {drafted.draft.notes[0].text}"
    if drafted.covers_the_invoice:
        yield "  La facture sera annulée, et son membre retenu jusqu'à « unpark »."


def _destination(app: App) -> str:
    """Where what this installation sends goes."""
    if not app.deposits:
        return "le logiciel comptable, par ses titres (canal Hélios)"
    return PORTALS[app.settings.portal.environment]


def _sends(*, yes: bool) -> bool:
    """Whether what was shown may leave; says so when it may not."""
    sent = agreed("Envoyer ?", yes=yes)
    if not sent:
        say("Rien n'a été envoyé.")
    return sent


def _show_sending(app: App, sending: Sending) -> None:
    """Which invoice it is about, on standard error: the result is told on the other output."""
    invoice, content = sending.invoice, sending.content
    say(f"{invoice.number} — {invoice.member_name} ({invoice.siret}) — {invoice.french_status}")
    say(f"  {french(content.totals.payable)} TTC, année {invoice.year}")
    say(f"  Destination : {_destination(app)}")


def _show_resend(app: App, sending: Sending) -> None:
    _show_sending(app, sending)
    now = sending.content
    if (new := sending.references) is None:
        say("  D'abord, une recherche sur le portail ; ses documents ne changent pas.")
        say(f"  Fichier : {sending.file_name}, seulement si rien n'y est trouvé")
        return
    say(f"  Fichier : la facture refaite en PDF (Factur-X), version {sending.invoice.version + 1}")
    for name, before, after in (
        ("Code service", now.service_code, new.service_code),
        ("Engagement", now.engagement, new.engagement),
    ):
        changed = "" if before == after else f" (avant : {before or '—'})"
        say(f"  {name} : {after or '—'}{changed}")


def _show_completion(app: App, sending: Sending, comment: str, files: Sequence[Path]) -> None:
    _show_sending(app, sending)
    say(f"  Commentaire : {comment.strip()}")
    for path, file in zip(files, sending.files, strict=True):
        renamed = "" if path.name == file.name else f" (« {path.name} » renommé)"
        say(f"  Pièce : {file.name}{renamed}, {count(len(file.content), 'octet')}")


def _refuse_another(name: str, number: str, again: str | None) -> None:
    """Raise WrongUse unless the number that an option wants typed again is the same."""
    if again is not None and again != number:
        raise WrongUse(
            f"{name} : « {again} » n'est pas le numéro {number}.",
            f"Regardez d'abord ce qu'il en est sur le portail Chorus Pro, puis retapez {number} "
            f"après « {name} ».",
        )


def _quantities(lines: list[str]) -> dict[str, Quantity]:
    """``["2=10"]`` as units by line."""
    quantities: dict[str, Quantity] = {}
    for text in lines:
        line, _, number = (part.strip() for part in text.partition("="))
        quantity = read_quantity(number)
        problem = ""
        if quantity is None or not re.fullmatch(r"\w+", line):
            problem = "n'a pas la forme LIGNE=QUANTITÉ, avec un nombre (quatre décimales au plus)"
        elif line in quantities:
            problem = "nomme une ligne une seconde fois"
        elif quantity == 0:
            problem = "ne crédite rien : la quantité doit être supérieure à zéro"
        if quantity is None or problem:
            raise WrongUse(
                f"--line : « {text} » {problem}.",
                "Écrivez --line 2=10 : dix unités (utilisateurs × mois) de la ligne 2 ; "
                "--line 3=0,5 : une demi-journée de la ligne 3.",
            )
        quantities[line] = quantity
    return quantities
