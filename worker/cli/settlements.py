"""``settle`` and ``settlements import``: money that a person, or a file, tells of."""

from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

from worker.accounting.settlements import Recorded, cancel, record, take_in, told_alike
from worker.billing.money import Money, count, french
from worker.billing.period import french_date
from worker.billing.settlement import Payment, Standing
from worker.billing.status import InvoiceStatus
from worker.billing.text import hidden_character
from worker.cli import json_views
from worker.cli.console import put, put_json, show_findings, typed
from worker.cli.given_back import given_back
from worker.cli.options import Config, Corrections, DryRun, Json, Number, argument, option
from worker.errors import Finding, WrongUse
from worker.imports import ImportKind, values
from worker.imports.grouping import grouped
from worker.imports.intake import Intake
from worker.service.opening import open_app

T = TypeVar("T")
Overpaid = Annotated[
    bool, option("--overpaid", "accepter plus que ce qui reste à payer : le membre a trop payé")
]


def settle(
    number: Number,
    on: Annotated[
        str | None, option("--on", "jour où la trésorerie a reçu l'argent", "JOUR")
    ] = None,
    amount: Annotated[
        str | None, option("--amount", "montant reçu en euros : 1234,56", "MONTANT")
    ] = None,
    reference: Annotated[
        str, option("--reference", "référence du virement ou du titre", "TEXTE")
    ] = "",
    overpaid: Overpaid = False,
    wrong: Annotated[
        int | None, option("--cancel", "annule ce paiement, saisi à tort", "N°")
    ] = None,
    reason: Annotated[
        str | None, option("--reason", "pourquoi il est annulé ; gardé au journal", "TEXTE")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Enregistre un paiement que Chorus Pro ne dira pas ; payée en entier, la facture est soldée.

    Plusieurs paiements par facture sont possibles. Le même (jour, montant, référence) ne compte
    qu'une fois. Avec « --cancel », un paiement saisi à tort ne compte plus, et reste visible.
    """
    if wrong is not None:
        if on is not None or amount is not None or reason is None:
            raise WrongUse(
                "--cancel annule un paiement : il veut --reason, et ni --on ni --amount.",
                f'Tapez : chorus-worker settle {number} --cancel {wrong} --reason "…"',
            )
        done = cancel(open_app(config, writes=True), number, wrong, reason)
        _tell_cancelled(done, as_json=as_json)
        return
    if on is None or amount is None or reason is not None:
        raise WrongUse(
            "Un paiement veut --on et --amount ; --reason est pour --cancel.",
            f"Tapez : chorus-worker settle {number} --on 2026-03-12 --amount 1234,56",
        )
    payment = Payment(
        number=number,
        on=given_day("--on", on),
        amount=_amount(amount),
        reference=_reference(reference),
    )
    done = record(open_app(config, writes=True), payment, overpaid=overpaid)
    _tell_recorded(done, as_json=as_json)


def import_(
    file: Annotated[Path, argument("FICHIER", "CSV, XLSX ou ODS")],
    dry_run: DryRun = False,
    overpaid: Overpaid = False,
    corrections: Corrections = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lit un fichier de paiements : facture, date, montant, référence.

    Tout ou rien : un numéro inconnu, une date fausse, et rien n'est pris. Le même fichier deux
    fois ne change rien, ni un paiement déjà enregistré.
    """
    app = open_app(config, writes=not dry_run)
    with given_back(app, file, ImportKind.SETTLEMENTS, corrections):
        intake = take_in(app, file, dry_run=dry_run, overpaid=overpaid)
    tell_intake(intake, "paiements", dry_run=dry_run, as_json=as_json)


def tell_intake(intake: Intake, what: str, *, dry_run: bool, as_json: bool) -> None:
    """What an import of the treasury's did."""
    if as_json:
        put_json(**json_views.intake(intake, dry_run=dry_run))
        return
    name = f"{intake.file.name} ({what})"
    if intake.already:
        put(f"{name} : déjà importé, rien n'a changé.")
        return
    if not intake.rows:
        put(f"{name} : aucune ligne sous l'en-tête, rien n'est enregistré.")
        return
    changes = intake.changes
    counts = [count(changes.added, "nouvelle")]
    counts += [count(changes.changed, "modifiée")] if changes.changed else []
    counts += [count(changes.unchanged, "déjà enregistrée")] if changes.unchanged else []
    rehearsal = " (essai : rien n'a été gardé)" if dry_run else ""
    put(f"{name} : {count(intake.rows, 'ligne lue')}, {', '.join(counts)}{rehearsal}.")
    show_findings(grouped(intake.findings), "À vérifier")


def what_is_left(standing: Standing, *, settled: bool) -> str:
    """What an invoice comes to, in a sentence.

    ``settled``: by whatever says so; of one that the portal has paid, payments told beside are
    no balance.
    """
    parts = [f"dû {french(standing.due)}"]
    if standing.credited:
        parts.append(f"repris par avoir {french(standing.credited)}")
    parts.append(f"payé {french(standing.paid)}")
    left = standing.left
    if left < Money(0):
        parts.append(f"trop payé {french(-left)}")
    elif left and settled:
        parts.append("soldée par ce que dit Chorus Pro")
    else:
        parts.append(f"reste {french(left)}")
    sentence = ", ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _tell_recorded(done: Recorded, *, as_json: bool) -> None:
    if as_json:
        put_json(**json_views.settled(done))
        return
    one, number = done.settlement, done.invoice.number
    said = f"{french(one.amount)} reçus le {french_date(one.on)}"
    if done.already:
        put(f"Paiement n° {one.id} de {number} ({said}) : déjà enregistré, rien n'a changé.")
        put("Si c'en est un autre, donnez-lui une référence : --reference.")
    else:
        put(f"Paiement n° {one.id} de {number} enregistré : {said}.")
        if done.alike is not None:
            what, remedy = told_alike(number, done.alike)
            put(f"Attention : {what}. {typed(remedy)}")
    _tell_standing(done)


def _tell_cancelled(done: Recorded, *, as_json: bool) -> None:
    if as_json:
        put_json(**json_views.settled(done))
        return
    put(f"Paiement n° {done.settlement.id} de {done.invoice.number} annulé : il ne compte plus.")
    _tell_standing(done)


def _tell_standing(done: Recorded) -> None:
    settled = done.invoice.status is InvoiceStatus.SETTLED
    put(what_is_left(done.standing, settled=settled))
    if settled:
        put("La facture est soldée.")
    elif done.standing.is_paid:
        put(f"La facture reste « {done.invoice.french_status} » : elle sera soldée ensuite.")


def given_day(name: str, text: str) -> date:
    """The day that an option gives. Raises WrongUse."""
    return _read(name, values.day(text.strip()))


def _amount(text: str) -> Money:
    return _read("--amount", values.amount(text.strip()))


def _read(name: str, value: T | Finding) -> T:
    if isinstance(value, Finding):
        raise WrongUse(f"{name} : {value.message}.", value.remedy)
    return value


def _reference(text: str) -> str:
    reference = text.strip()
    if hidden_character(reference) or len(reference) > 99:
        raise WrongUse(
            "--reference : une ligne de 99 caractères visibles au plus.", "Retapez-la à la main."
        )
    return reference
