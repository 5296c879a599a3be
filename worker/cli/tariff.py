"""``tariff list`` and ``tariff show``: the prices."""

from collections.abc import Sequence

from worker.billing.money import french
from worker.billing.period import Month, french_date
from worker.billing.tariff import TariffGrid, months_by_version
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json, say, show_findings, table
from worker.cli.options import Config, Data, Json, Year
from worker.cli.reading import open_reading, say_grids
from worker.errors import TariffError
from worker.storage.grids import frozen_grids


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
    put(f"Grille {grid.version} — {grid.title} — {months[0].french} à {months[-1].french}")
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
