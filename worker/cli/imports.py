"""``import`` and ``tariff``: what comes in."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from worker.billing.money import count
from worker.cli.console import (
    Config,
    Json,
    Year,
    finding_json,
    put,
    put_json,
    say,
    show_findings,
    table,
)
from worker.cli.typer_french import FrenchCommand, FrenchGroup

tariff_app = typer.Typer(
    cls=FrenchGroup, rich_markup_mode=None, help="les grilles tarifaires", no_args_is_help=True
)


class Kind(StrEnum):
    """The four files; the same values as imports.ImportKind, without its imports."""

    MEMBERS = "members"
    SUBSCRIPTIONS = "subscriptions"
    USAGE = "usage"
    REFERENCES = "references"


FRENCH_KINDS = {
    Kind.MEMBERS: "membres",
    Kind.SUBSCRIPTIONS: "abonnements",
    Kind.USAGE: "consommations",
    Kind.REFERENCES: "références de facturation",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import", cls=FrenchCommand)(import_file)
    app.add_typer(tariff_app, name="tariff")


def import_file(
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="NATURE", help="members, subscriptions, usage ou references", show_default=False
        ),
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FICHIER", help="CSV, XLSX ou ODS", show_default=False)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="tout vérifier sans rien garder", show_default=False)
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lit un fichier de membres, d'abonnements, de consommations ou de références.

    Tout ou rien : une ligne incorrecte et rien du fichier n'est pris. Le même fichier deux fois
    ne change rien.
    """
    from worker.imports import ImportKind
    from worker.imports.intake import take_in
    from worker.service.app import open_app
    from worker.settings.loading import find_config

    app = open_app(find_config(config))
    intake = take_in(
        app,
        file,
        ImportKind(kind.value),
        dry_run=dry_run,
    )
    changes = intake.changes
    if as_json:
        put_json(
            kind=kind.value,
            file=intake.file.name,
            sha256=intake.file.sha256,
            dry_run=dry_run,
            already_imported=intake.already,
            rows=intake.rows,
            added=changes.added,
            changed=changes.changed,
            unchanged=changes.unchanged,
            findings=[finding_json(finding) for finding in intake.findings],
        )
        return
    name = FRENCH_KINDS[kind]
    if intake.already:
        put(f"{intake.file.name} ({name}) : déjà importé, rien n'a changé.")
        return
    rehearsal = " (essai : rien n'a été gardé)" if dry_run else ""
    put(
        f"{intake.file.name} ({name}) : {count(intake.rows, 'ligne lue')}, "
        f"{count(changes.added, 'ajoutée')}, {count(changes.changed, 'modifiée')}, "
        f"{count(changes.unchanged, 'inchangée')}{rehearsal}."
    )
    if intake.findings:
        say("À vérifier :")
        show_findings(intake.findings)


@tariff_app.command("list", cls=FrenchCommand)
def list_grids(config: Config = None, as_json: Json = False) -> None:
    """Liste les grilles, leur validité et si elles ont déjà servi."""
    from worker.billing.period import french_date
    from worker.service.app import open_app
    from worker.settings.loading import find_config
    from worker.storage.grids import frozen_grids

    app = open_app(find_config(config))
    grids, _ = app.grids()
    with app.reading() as session:
        used = frozen_grids(session)
    if as_json:
        put_json(
            grids=[
                {
                    "version": grid.version,
                    "title": grid.title,
                    "source": grid.source,
                    "valid_from": grid.valid_from.isoformat(),
                    "valid_to": grid.valid_to.isoformat() if grid.valid_to else None,
                    "sha256": grid.sha256,
                    "used": grid.version in used,
                    "intact": used.get(grid.version, grid.sha256) == grid.sha256,
                }
                for grid in grids
            ]
        )
        return
    states = {True: "figée (a servi)", False: "modifiable"}
    table(
        ("version", "intitulé", "début", "fin", "services", "état"),
        [
            (
                grid.version,
                grid.title,
                french_date(grid.valid_from),
                french_date(grid.valid_to) if grid.valid_to else "—",
                ", ".join(grid.services),
                states[grid.version in used]
                if used.get(grid.version, grid.sha256) == grid.sha256
                else "MODIFIÉE après usage",
            )
            for grid in grids
        ],
    )


@tariff_app.command("show", cls=FrenchCommand)
def show_grid(year: Year, config: Config = None, as_json: Json = False) -> None:
    """Affiche les prix en vigueur pendant une année, mois par mois si la grille change."""
    from worker.billing.money import french
    from worker.billing.period import Month, months_of
    from worker.billing.tariff import TariffGrid, grid_in_force
    from worker.errors import TariffError
    from worker.service.app import open_app
    from worker.settings.loading import find_config

    app = open_app(find_config(config))
    grids, _ = app.grids()
    months: dict[str, list[Month]] = {}
    by_version: dict[str, TariffGrid] = {}
    uncovered = []
    for month in months_of(year):
        grid = grid_in_force(grids, month)
        if grid is None:
            uncovered.append(month)
        else:
            by_version[grid.version] = grid
            months.setdefault(grid.version, []).append(month)
    if not by_version:
        raise TariffError(
            f"Aucune grille n'est en vigueur en {year}.",
            f"Ajoutez un fichier dans {app.configuration.tariff_folder}.",
        )
    if as_json:
        put_json(
            year=year,
            uncovered_months=[str(month) for month in uncovered],
            grids=[
                {
                    "version": version,
                    "months": [str(month) for month in months[version]],
                    "prices": [
                        {"service": s, "component": c, "tier": t, "category": k, "price_ttc": p}
                        for s, c, t, k, p in _prices(grid)
                    ],
                }
                for version, grid in by_version.items()
            ],
        )
        return
    for version, grid in by_version.items():
        span = f"{months[version][0].french} à {months[version][-1].french}"
        put(f"Grille {version} — {grid.title} — {span}")
        put(f"Source : {grid.source} ; validité {grid.french_validity}")
        put("Prix TTC par utilisateur et par mois :")
        rows: dict[tuple[str, str], list[str]] = {}
        for tariff in grid.services.values():
            for part in tariff.shape.components:
                for tier, prices in part.prices.items():
                    name = f"{tariff.code}{f' {tier} To' if tier else ''}"
                    rows[name, part.label] = [french(price) for price in prices]
        widest = max(len(prices) for prices in rows.values())
        headings = [f"cat. {number}" for number in range(1, widest + 1)]
        table(
            ("service", "composante", *headings),
            [(*names, *prices) for names, prices in rows.items()],
            right=headings,
        )
    if uncovered:
        say(f"! Aucun prix pour : {', '.join(month.french for month in uncovered)}.")


def _prices(grid: object) -> list[tuple[str, str, int | None, int, str]]:
    from worker.billing.tariff import NO_TIER, TariffGrid

    if not isinstance(grid, TariffGrid):
        raise TypeError("a grid is expected")
    return [
        (tariff.code, part.code, None if tier == NO_TIER else tier, category, str(price))
        for tariff in grid.services.values()
        for part in tariff.shape.components
        for tier, prices in part.prices.items()
        for category, price in enumerate(prices, start=1)
    ]
