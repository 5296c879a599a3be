"""``tariff list`` and ``tariff show``: the prices."""

from collections.abc import Sequence
from itertools import groupby

from worker.billing.money import french
from worker.billing.period import Month, french_date, french_months
from worker.billing.price_rows import PriceRow, french_shape, price_rows
from worker.billing.tariff import TariffGrid, months_by_version
from worker.cli import json_views
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    put,
    put_folded,
    put_json,
    say,
    show_findings,
    table,
)
from worker.cli.options import Config, Data, Json, Year
from worker.cli.reading import open_reading, say_grids
from worker.errors import TariffError
from worker.storage.grids import frozen_grids

MOST_COLUMNS = 5
"""Columns of prices beside the category, so that a table fits 80 columns."""


def list_(config: Config = None, data: Data = None, as_json: Json = False) -> int:
    """Liste les grilles, leur validité et si elles ont déjà servi."""
    app = open_reading(config, data)
    say_grids(app)
    tariffs = app.tariffs()
    unusable = [
        finding
        for one, warning in zip(tariffs.unusable, tariffs.warnings, strict=True)
        for finding in (warning, *one.error.findings)
    ]
    code = TO_LOOK_AT if unusable else DONE
    with app.reading() as session:
        used = frozen_grids(session)
    if as_json:
        put_json(**json_views.grids(tariffs.grids, used, unusable))
        return code
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
            for grid in tariffs.grids
        ],
    )
    show_findings(unusable, "Fichiers qui ne fixent aucun prix")
    return code


def show(year: Year, config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """Affiche les prix en vigueur pendant une année, mois par mois si la grille change."""
    app = open_reading(config, data)
    say_grids(app)
    every = app.tariffs(year).grids
    months = months_by_version(every, year)
    by_version = {grid.version: grid for grid in every}
    grids = [by_version[version] for version in months if version]
    if not grids:
        raise TariffError(
            f"Aucune grille n'est en vigueur en {year}.",
            "Ajoutez son fichier au dossier des tarifs (data.tariffs).",
        )
    if as_json:
        put_json(**json_views.prices(year, grids, months))
        return
    for grid in grids:
        _show_prices(grid, months[grid.version])
    if uncovered := months.get(""):
        say(f"! Aucun prix pour : {', '.join(month.french for month in uncovered)}.")


def _show_prices(grid: TariffGrid, months: Sequence[Month]) -> None:
    put_folded(f"Grille {grid.version} — {grid.title} — {french_months(months)}")
    put_folded(f"Source : {grid.source}")
    if grid.decision:
        put_folded(f"Décision : {grid.french_decision}")
    put_folded(f"Validité : {grid.french_validity}")
    for tariff in grid.services.values():
        put()
        put_folded(f"{tariff.code} — {tariff.label} : {french_shape(tariff)}")
        for heading, rows in groupby(price_rows(tariff), key=_heading):
            _show_rows(heading, list(rows))


def _heading(row: PriceRow) -> str:
    """What a table of prices stands under."""
    return f"{row.label if row.component else 'prix TTC'}, {row.per}"


def _show_rows(heading: str, rows: Sequence[PriceRow]) -> None:
    """The prices of one thing: a column for each tier or band, a row for each category."""
    if not rows[0].prices.by_category:
        for row in rows:
            where = f"{row.label} : " if row.label else ""
            put_folded(f"{where}{french(row.prices.amounts[0])} TTC {row.per}", indent=2)
        return
    put_folded(f"{heading} :", indent=2)
    for start in range(0, len(rows), MOST_COLUMNS):
        some = rows[start : start + MOST_COLUMNS]
        captions = [_caption(row) for row in some]
        table(
            ("catégorie", *captions),
            [
                (str(category), *(french(row.prices.amounts[category - 1]) for row in some))
                for category in range(1, len(some[0].prices.amounts) + 1)
            ],
            right=("catégorie", *captions),
        )


def _caption(row: PriceRow) -> str:
    if row.tier is not None:
        return f"{row.tier} To"
    return "prix" if row.band is None else row.band.french
