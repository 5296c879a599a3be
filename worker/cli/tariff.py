"""``tariff list`` and ``tariff show``: the prices."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Annotated

from worker.billing.money import french
from worker.billing.period import Month, french_date, french_months
from worker.billing.price_rows import PriceRow, french_shape, price_rows
from worker.billing.tariff import TariffGrid, grid_holes, grid_in_force, months_by_version
from worker.billing.tariff_revision import (
    PriceChange,
    Revision,
    Rounding,
    next_grid,
    price_changes,
)
from worker.billing.text import stated_reason
from worker.cli import json_views
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    is_written,
    put,
    put_json,
    say,
    show_findings,
    table,
)
from worker.cli.options import Config, Data, Json, Year, option
from worker.cli.reading import open_reading, say_grids
from worker.errors import Refused, StorageUnavailable, TariffError, WrongUse
from worker.settings.rights import told
from worker.storage.grids import frozen_grids

MOST_COEFFICIENT = 10
MOST_LABEL = 26
"""Of what a price is, in the table of changes."""
MOST_COLUMNS = 5
"""Columns of prices beside the category, so that a table fits 80 columns."""


def list_(config: Config = None, data: Data = None, as_json: Json = False) -> int:
    """Liste les grilles, leur validité et si elles ont déjà servi."""
    app = open_reading(config, data)
    say_grids(app)
    tariffs = app.tariffs()
    unusable = [
        *grid_holes(tariffs.grids),
        *(
            finding
            for one, warning in zip(tariffs.unusable, tariffs.warnings, strict=True)
            for finding in (warning, *one.error.findings)
        ),
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
                grid.valid_from,
                grid.valid_to,
                ", ".join(grid.services),
                states[grid.version in used]
                if used.get(grid.version, grid.sha256) == grid.sha256
                else "MODIFIÉE après usage",
            )
            for grid in tariffs.grids
        ],
    )
    show_findings(unusable, "À corriger dans le dossier des tarifs")
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
    if is_written():
        _write_prices(grids, months)
    else:
        for grid in grids:
            _show_prices(grid, months[grid.version])
    if uncovered := months.get(""):
        say(f"! Aucun prix pour : {', '.join(month.french for month in uncovered)}.")


def new(
    from_: Annotated[
        int, option("--from", "année dont la grille est révisée", "ANNÉE", min=2000, max=2100)
    ],
    coefficient: Annotated[str, option("--coefficient", "par exemple 1,032", "NOMBRE")],
    source: Annotated[str, option("--source", "d'où vient la révision", "TEXTE")],
    rounding: Annotated[
        Rounding, option("--rounding", "cent (sinon), five-cents, ten-cents ou euro")
    ] = Rounding.CENT,
    version: Annotated[str, option("--version", "sinon l'année du premier jour", "NOM")] = "",
    valid_from: Annotated[
        str, option("--valid-from", "premier jour ; sinon le 1er janvier suivant", "DATE")
    ] = "",
    decision: Annotated[str, option("--decision", "la délibération", "TEXTE")] = "",
    decided_on: Annotated[str, option("--decided-on", "son jour", "DATE")] = "",
    to: Annotated[
        Path | None, option("--to", "fichier ; sinon VERSION.toml au dossier des tarifs", "FICHIER")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Écrit la grille suivante : tous les prix d'une année, multipliés par un coefficient.

    Ancien prix, nouveau prix et écart sont montrés. Un fichier ou une grille qui existe n'est
    jamais remplacé.
    """
    app = open_reading(config, None)
    every = app.tariffs(from_).grids
    grid = grid_in_force(every, Month(from_, 12))
    if grid is None:
        raise TariffError(
            f"Aucune grille n'est en vigueur en décembre {from_}.", "Voyez « tariff list »."
        )
    first = _day("--valid-from", valid_from) or date(from_ + 1, 1, 1)
    revision = Revision(
        coefficient=_coefficient(coefficient),
        rounding=rounding,
        version=version or str(first.year),
        source=stated_reason(source),
        valid_from=first,
        decision=decision.strip(),
        decided_on=_day("--decided-on", decided_on),
    )
    _refuse_known(every, grid, revision)
    made, text = next_grid(grid, revision)
    path = to or app.configuration.tariff_folder / f"{made.version}.toml"
    create_new(path, text.encode())
    changes = list(price_changes(grid, made))
    if as_json:
        put_json(**json_views.new_grid(grid, made, path, changes))
        return
    _show_changes(changes)
    put(f"Grille {made.version}, {made.french_validity} : {path}")
    put(
        "Relisez-la, complétez-la (titre, délibération), puis « tariff show ». Elle ne change plus "
        "dès qu'elle a servi."
    )


def _refuse_known(every: Sequence[TariffGrid], grid: TariffGrid, revision: Revision) -> None:
    """A revision begins after what it revises, under a name and on a day of its own."""
    same = [
        one.version
        for one in every
        if one.version == revision.version or one.valid_from == revision.valid_from
    ]
    if same:
        raise Refused(
            f"La grille {same[0]} a déjà cette version ou ce premier jour.",
            "Donnez les vôtres : --version NOM --valid-from AAAA-MM-JJ.",
        )
    if revision.valid_from <= grid.valid_from:
        raise Refused(
            f"La grille {grid.version} commence le {french_date(grid.valid_from)} : sa révision "
            "commence après elle.",
            "Donnez un autre jour après --valid-from.",
        )


def _coefficient(text: str) -> Decimal:
    match = re.fullmatch(r"([0-9]{1,2})(?:[.,]([0-9]{1,10}))?", text.strip())
    value = Decimal(f"{match[1]}.{match[2] or 0}") if match else Decimal(0)
    if not 0 < value < MOST_COEFFICIENT:
        raise WrongUse(
            f"« {text} » n'est pas un coefficient.",
            "Écrivez par exemple 1,032 pour une hausse de 3,2 %, 0,98 pour une baisse de 2 %.",
        )
    return value.normalize()


def _day(option_name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WrongUse(
            f"{option_name} : « {text} » n'est pas une date.", "Écrivez AAAA-MM-JJ."
        ) from error


def _show_changes(changes: Sequence[PriceChange]) -> None:
    table(
        ("service", "prix", "cat.", "ancien", "nouveau", "écart"),
        [
            (
                one.row.service,
                _what(one.row),
                "" if one.category is None else str(one.category),
                french(one.before),
                french(one.after),
                french_percent(one.percent),
            )
            for one in changes
        ],
        right=("cat.", "ancien", "nouveau", "écart"),
    )


def _what(row: PriceRow) -> str:
    """A price in few words: its tier, its band, its component."""
    if row.tier is not None:
        return f"{row.tier} To"
    return row.label if len(row.label) <= MOST_LABEL else f"{row.label[: MOST_LABEL - 1]}…"


def french_percent(percent: Decimal | None) -> str:
    """``+3,20 %``; nothing from zero."""
    return "" if percent is None else f"{percent:+f} %".replace(".", ",")


def create_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet. Raises Refused, StorageUnavailable."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise Refused(
            f"Le fichier {path} existe déjà : il n'est pas remplacé.",
            "Donnez un autre nom après --to, ou effacez-le s'il n'a jamais servi.",
        ) from error
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error


def _show_prices(grid: TariffGrid, months: Sequence[Month]) -> None:
    put(f"Grille {grid.version} — {grid.title} — {french_months(months)}")
    put(f"Source : {grid.source}")
    if grid.decision:
        put(f"Décision : {grid.french_decision}")
    put(f"Validité : {grid.french_validity}")
    for tariff in grid.services.values():
        put()
        put(f"{tariff.code} — {tariff.label} : {french_shape(tariff)}")
        for heading, rows in groupby(price_rows(tariff), key=_heading):
            _show_rows(heading, list(rows))


def _write_prices(grids: Sequence[TariffGrid], months: Mapping[str, Sequence[Month]]) -> None:
    """Every price of the year in one table."""
    table(
        ("grille", "mois", "service", "prix", "par", "volume ou tranche", "catégorie", "TTC"),
        [
            (
                grid.version,
                french_months(months[grid.version]),
                tariff.code,
                row.label or tariff.label,
                row.per,
                _caption(row),
                place if row.prices.by_category else None,
                amount,
            )
            for grid in grids
            for tariff in grid.services.values()
            for row in price_rows(tariff)
            for place, amount in enumerate(row.prices.amounts, start=1)
        ],
    )


def _heading(row: PriceRow) -> str:
    """What a table of prices stands under."""
    return f"{row.label if row.component else 'prix TTC'}, {row.per}"


def _show_rows(heading: str, rows: Sequence[PriceRow]) -> None:
    """The prices of one thing: a column for each tier or band, a row for each category."""
    if not rows[0].prices.by_category:
        for row in rows:
            where = f"{row.label} : " if row.label else ""
            put(f"  {where}{french(row.prices.amounts[0])} TTC {row.per}")
        return
    put(f"  {heading} :")
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
