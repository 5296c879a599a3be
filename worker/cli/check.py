"""``check``: is a year ready to be billed? Everything that is known before a number is spent."""

import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.billing.money import count
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    Config,
    Json,
    Year,
    error_json,
    finding_json,
    is_narrow,
    put,
    put_json,
    report_error,
    say,
    show_findings,
    table,
)
from worker.cli.typer_french import FrenchCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.app import App
    from worker.issuing.check import CheckedMember, CheckedYear, Readiness
    from worker.issuing.directory import DirectoryAnswer


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("check", cls=FrenchCommand)(check)


def check(
    year: Year,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="relit tout dans l'annuaire de Chorus Pro", show_default=False
        ),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Vérifie qu'une année peut être facturée, membre par membre, sans rien facturer.

    Données, tarifs, références, règles de Chorus Pro, annuaire, structure du syndicat et mot de
    passe du compte technique. Seules les réponses de l'annuaire sont gardées.
    """
    from worker.issuing.check import check_year
    from worker.service.bootstrap import branding, open_directory, open_verified
    from worker.settings.loading import find_config

    app = open_verified(find_config(config))
    branding(app)  # in December, a logo that cannot be printed is still easily changed
    directory = open_directory(app, refresh=refresh) if app.deposits else None
    with _progress() as tell:
        checked = check_year(app, year, directory, tell)
    if as_json:
        put_json(**_json(app, checked))
    else:
        _show(app, checked)
    if checked.unreachable is not None:
        report_error(checked.unreachable, as_json=False)
        raise typer.Exit(checked.unreachable.exit_code)
    raise typer.Exit(DONE if checked.is_clear else TO_LOOK_AT)


@contextmanager
def _progress() -> "Iterator[Callable[[int, int], None]]":
    """Shows a person how far the questions are; only on a terminal, and gone at the end."""
    from worker.issuing.check import silent

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("Annuaire de Chorus Pro", total=None)
        yield lambda asked, to_ask: bars.update(bar, completed=asked, total=to_ask)


def _show(app: "App", checked: "CheckedYear") -> None:
    from worker.billing.money import french
    from worker.issuing.check import Readiness

    total = f"total TTC {checked.year}"
    rows = [
        {
            "membre": one.member.name,
            "SIRET": one.member.siret,
            total: french(one.total),
            "grille": ", ".join(_versions(one)) or "—",
            "références": _references(one) or "—",
            "annuaire lu le": _read_at(one.directory),
            "état": one.readiness.french,
        }
        for one in checked.members
    ]
    columns = ["membre", "SIRET", total, "grille", "références", "annuaire lu le", "état"]
    if is_narrow():
        columns = ["membre", "SIRET", total, "état"]
    table(columns, [[row[column] for column in columns] for row in rows], right=(total,))
    counts = Counter(one.readiness for one in checked.members)
    counted = [_counted(readiness, counts[readiness]) for readiness in Readiness]
    told = ", ".join(text for text in counted if text)
    put(
        f"{count(len(checked.members), 'membre')}{' : ' if told else ''}{told} ; "
        f"{french(checked.total)} TTC ; rien n'a été facturé."
    )
    _show_common(app, checked)
    for one in checked.members:
        if one.findings:
            say(f"{one.member.name} ({one.member.siret}) :")
            show_findings(one.findings)


def _counted(readiness: "Readiness", number: int) -> str:
    from worker.issuing.check import Readiness

    if not number:
        return ""
    match readiness:
        case Readiness.READY | Readiness.ISSUED:
            return count(number, readiness.french)
        case Readiness.BLOCKED | Readiness.UNASKED:
            return f"{number} {readiness.french}"
        case Readiness.NOTHING:
            return f"{number} sans {readiness.french}"


def _show_common(app: "App", checked: "CheckedYear") -> None:
    """What concerns everybody: the year, the grids, the seller, the credentials."""
    for version, months in checked.grids.items():
        span = f"{months[0].french} à {months[-1].french}"
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
    if checked.findings:
        say("Pour tous les membres :")
        show_findings(checked.findings)


def _seller(answer: "DirectoryAnswer") -> str:
    from worker.billing.period import french_date

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


def _json(app: "App", checked: "CheckedYear") -> dict[str, Any]:
    unreachable, seller = checked.unreachable, checked.seller
    return {
        "ok": checked.is_clear,
        "year": checked.year,
        "finished": checked.finished,
        "channel": app.settings.channel.value,
        "total_ttc": str(checked.total),
        "error": None if unreachable is None else error_json(unreachable),
        "grids": [
            {"version": version or None, "months": [str(month) for month in months]}
            for version, months in checked.grids.items()
        ],
        "seller": None if seller is None else _seller_json(app, seller),
        "findings": [finding_json(finding) for finding in checked.findings],
        "members": [_member_json(one) for one in checked.members],
    }


def _seller_json(app: "App", answer: "DirectoryAnswer") -> dict[str, Any]:
    structure = answer.structure
    last_day = None if structure is None else structure.password_expires
    return {
        "siret": app.settings.syndicat.siret,
        "known": None if answer.entry is None else structure is not None,
        "active": None if structure is None else structure.active,
        "password_expires": last_day.isoformat() if last_day else None,
        "directory_read_at": answer.read_at.isoformat(),
    }


def _member_json(one: "CheckedMember") -> dict[str, Any]:
    return {
        "member_siret": one.member.siret,
        "member_name": one.member.name,
        "state": one.readiness.value,
        "number": one.issued.number if one.issued else None,
        "total_ttc": str(one.total),
        "grids": _versions(one),
        "service_code": one.prepared.references.service_code or None,
        "engagement": one.prepared.references.engagement or None,
        "directory_read_at": one.directory.read_at.isoformat() if one.directory else None,
        "findings": [finding_json(finding) for finding in one.findings],
    }


def _versions(one: "CheckedMember") -> list[str]:
    return list(dict.fromkeys(line.grid_version for line in one.prepared.lines))


def _references(one: "CheckedMember") -> str:
    given = one.prepared.references
    return " / ".join(text for text in (given.service_code, given.engagement) if text)


def _read_at(answer: "DirectoryAnswer | None") -> str:
    from worker.billing.period import french_time

    return "—" if answer is None else french_time(answer.read_at)
