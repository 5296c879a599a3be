"""``check``: is a year ready to be billed? Everything that is known before a number is spent."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from rich.console import Console
from rich.progress import Progress

from worker.app import App
from worker.billing.money import count, french
from worker.billing.period import french_date, french_months, french_time
from worker.cli import json_views
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    put,
    put_json,
    report_error,
    show_findings,
    table,
)
from worker.cli.options import Config, Json, Year, option
from worker.issuing.check import CheckedMember, CheckedYear, Readiness, check_year, silent
from worker.issuing.directory import DirectoryAnswer
from worker.service.bootstrap import branding, open_directory, open_verified


def check(
    year: Year,
    refresh: Annotated[
        bool, option("--refresh", "relit tout dans l'annuaire de Chorus Pro")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Vérifie qu'une année peut être facturée, membre par membre, sans rien facturer.

    Données, tarifs, références, règles de Chorus Pro, annuaire, structure du syndicat et mot de
    passe du compte technique. Seules les réponses de l'annuaire sont gardées.
    """
    app = open_verified(config)
    branding(app)  # in December, a logo that cannot be printed is still easily changed
    directory = open_directory(app, refresh=refresh) if app.deposits else None
    with _progress() as tell:
        checked = check_year(app, year, directory, tell)
    if as_json:
        put_json(**json_views.checked_year(app, checked))
    else:
        _show(app, checked)
    if checked.unreachable is not None:
        report_error(checked.unreachable, as_json=False)
        return checked.unreachable.exit_code
    return DONE if checked.is_clear else TO_LOOK_AT


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Shows a person how far the questions are; only on a terminal, and gone at the end."""
    if not sys.stderr.isatty():
        yield silent
        return
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("Annuaire de Chorus Pro", total=None)
        yield lambda asked, to_ask: bars.update(bar, completed=asked, total=to_ask)


def _show(app: App, checked: CheckedYear) -> None:
    total = f"total TTC {checked.year}"
    table(
        ("membre", "SIRET", total, "grille", "références", "annuaire lu le", "état"),
        [
            (
                one.member.name,
                one.member.siret,
                one.total,
                ", ".join(one.grids) or None,
                _references(one) or None,
                None if one.directory is None else one.directory.read_at,
                one.readiness.french,
            )
            for one in checked.members
        ],
        narrow=("membre", "SIRET", total, "état"),
    )
    counts = Counter(one.readiness for one in checked.members)
    counted = [_counted(readiness, counts[readiness]) for readiness in Readiness]
    told = ", ".join(text for text in counted if text)
    put(
        f"{count(len(checked.members), 'membre')}{' : ' if told else ''}{told} ; "
        f"{french(checked.total)} TTC ; rien n'a été facturé."
    )
    _show_common(app, checked)
    for one in checked.members:
        show_findings(one.findings, f"{one.member.name} ({one.member.siret})")


def _counted(readiness: Readiness, number: int) -> str:
    if not number:
        return ""
    match readiness:
        case Readiness.READY | Readiness.ISSUED:
            return count(number, readiness.french)
        case Readiness.BLOCKED | Readiness.UNASKED | Readiness.TO_CONFIRM:
            return f"{number} {readiness.french}"
        case Readiness.NOTHING:
            return f"{number} sans {readiness.french}"


def _show_common(app: App, checked: CheckedYear) -> None:
    """What concerns everybody: the year, the grids, the seller, the credentials."""
    for version, months in checked.grids.items():
        span = french_months(months)
        put(f"Grille {version} : {span}." if version else f"Aucune grille : {span}.")
    if not checked.finished:
        put(
            f"L'année {checked.year} n'est pas terminée : « run » la facturera à partir du "
            f"1er janvier {checked.year + 1}."
        )
    if not app.deposits:
        put("Canal Hélios : ce programme ne dépose pas, l'annuaire de Chorus Pro n'est pas lu.")
    if checked.seller is not None:
        put(f"Chorus Pro : connexion acceptée ; {_seller(checked.seller)}.")
    show_findings(checked.findings, "Pour tous les membres")


def _seller(answer: DirectoryAnswer) -> str:
    if answer.entry is None:
        return "structure du syndicat non lue"
    if (structure := answer.structure) is None:
        return "structure du syndicat introuvable"
    standing = "active" if structure.active else "inactive"
    last_day = structure.password_expires
    password = (
        f"mot de passe technique valable jusqu'au {french_date(last_day)}"
        if last_day
        else "fin du mot de passe technique inconnue"
    )
    return f"structure du syndicat {standing} (annuaire lu le {_read_at(answer)}) ; {password}"


def _references(one: CheckedMember) -> str:
    given = one.prepared.references
    return " / ".join(text for text in (given.service_code, given.engagement) if text)


def _read_at(answer: DirectoryAnswer | None) -> str:
    return "—" if answer is None else french_time(answer.read_at)
