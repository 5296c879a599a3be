"""Tariff grids: dated, versioned, immutable once used (convention C5, C6).

A grid is a TOML file of ``config/tariffs/``. A new service or a new year's prices is a new file
there. A new *shape* of price is a new class beside ``PerUserMonth`` and a function in rating.py.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from worker.billing.money import Money, count
from worker.billing.period import Month, french_date, months_of
from worker.billing.toml import parse_toml
from worker.billing.vat import VatCategory, VatRegime
from worker.errors import Finding, Severity, TariffError, WorkerError

NO_TIER = 0
"""Key of the prices of a service without tiers, in the file and in memory."""
MAX_PRICE = 1_000_000
"""Euros: a price of a user and month that reaches it is a slip of the keyboard."""
_TIER = re.compile(r"[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """A part of a price, such as the operator's share of the GFU.

    ``prices[tier][category - 1]`` is TTC, per user and month; tier is in To, or ``NO_TIER``.
    """

    code: str
    label: str
    prices: Mapping[int, tuple[Money, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerUserMonth:
    """The shape "users × months × price", by category and, for some services, by tier."""

    components: tuple[PriceComponent, ...]

    def parts(self, tier: int | None, category: int) -> tuple[tuple[str, Money], ...] | None:
        """Label and TTC price of each component, or None when the grid has no such price."""
        found = []
        for part in self.components:
            by_category = part.prices.get(NO_TIER if tier is None else tier, ())
            if not 1 <= category <= len(by_category):
                return None
            found.append((part.label, by_category[category - 1]))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTariff:
    """How one service is priced and taxed."""

    code: str
    label: str
    vat: VatRegime
    shape: PerUserMonth


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffGrid:
    """All prices valid for a period.

    Attributes:
        version: its name, printed on what it priced.
        source: the decision or contract it comes from.
        valid_from: first day it may price.
        valid_to: last day, None when open. A later grid takes over from its own first day.
        sha256: of the file's bytes, kept with what it priced.
    """

    version: str
    title: str
    source: str
    valid_from: date
    valid_to: date | None
    services: Mapping[str, ServiceTariff]
    sha256: str

    def covers(self, month: Month) -> bool:
        """A month is priced by the grid in force on its first day."""
        day = month.first_day
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    @property
    def french_validity(self) -> str:
        """``du 01/01/2023 au 13/11/2026``."""
        end = f" au {french_date(self.valid_to)}" if self.valid_to else ", sans date de fin"
        return f"du {french_date(self.valid_from)}{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableGrid:
    """A file of the tariff folder that prices nothing: damaged, or taken for another.

    Attributes:
        name: of the file.
        error: why, and what to do.
        valid_from: None when its days cannot be read: it may then be in force on any.
        valid_to: None when open, or not known.
    """

    name: str
    error: WorkerError
    valid_from: date | None = None
    valid_to: date | None = None

    def may_price(self, month: Month, sound: TariffGrid | None) -> bool:
        """Whether it might be in force in a month, in the place of a sound grid or of none."""
        day = month.first_day
        if self.valid_to is not None and self.valid_to < day:
            return False
        return self.valid_from is None or (
            self.valid_from <= day and (sound is None or sound.valid_from <= self.valid_from)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffFolder:
    """All that the tariff folder holds.

    Attributes:
        grids: the sound ones.
        texts: their content by version.
        unusable: the other files.
    """

    grids: tuple[TariffGrid, ...]
    texts: Mapping[str, str]
    unusable: tuple[UnusableGrid, ...] = ()

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """One for each file that is not usable."""
        return tuple(
            Finding(
                code="TARIFF-UNUSABLE",
                severity=Severity.WARNING,
                message=one.error.message.rstrip("."),
                remedy=one.error.remedy,
                where=one.name,
            )
            for one in self.unusable
        )

    def require(self, year: int) -> None:
        """Raise TariffError when a file that is not usable might set a price of a year."""
        among = [
            one
            for one in self.unusable
            if any(
                one.may_price(month, grid_in_force(self.grids, month)) for month in months_of(year)
            )
        ]
        if not among:
            return
        unread = [one.name for one in among if one.valid_from is None]
        period = f" ; ses dates de validité n'ont pas pu être lues ({', '.join(unread)})"
        raise TariffError(
            f"{' '.join(dict.fromkeys(one.error.message for one in among))} Les prix de {year} en "
            f"dépendent peut-être{period if unread else ''} : rien n'a été calculé.",
            " ".join(dict.fromkeys(one.error.remedy for one in among)),
            findings=[finding for one in among for finding in one.error.findings],
        )


def grid_in_force(grids: Iterable[TariffGrid], month: Month) -> TariffGrid | None:
    """The grid that prices a month: of those that cover it, the one that began last."""
    covering = [grid for grid in grids if grid.covers(month)]
    return max(covering, key=lambda grid: grid.valid_from, default=None)


def months_by_version(grids: Sequence[TariffGrid], year: int) -> dict[str, tuple[Month, ...]]:
    """The months of a year by the version of the grid that prices them; "" for no grid."""
    months: dict[str, tuple[Month, ...]] = {}
    for month in months_of(year):
        grid = grid_in_force(grids, month)
        version = "" if grid is None else grid.version
        months[version] = (*months.get(version, ()), month)
    return months


def validity(content: bytes) -> tuple[date | None, date | None]:
    """First and last day of a file that is no sound grid; None, None when they cannot be read.

    They stand before the first table, which TOML lets end what comes before: that part is read
    alone, whatever is wrong in the prices. Days that contradict each other count as unread.
    """
    header = re.split(rb"^[ \t]*\[", content, maxsplit=1, flags=re.MULTILINE)[0]
    try:
        data = parse_toml(header, parse_float=Decimal)
    except ValueError:
        return None, None
    first, last = data.get("valid_from"), data.get("valid_to")
    if type(first) is not date or (last is not None and type(last) is not date):
        return None, None
    return (first, last) if last is None or first <= last else (None, None)


def parse_grid(content: bytes, name: str) -> TariffGrid:
    """Read and check a grid file.

    Raises:
        TariffError: with one finding per mistake, each with its path in the file.
    """
    try:
        data = parse_toml(content, parse_float=Decimal)
    except ValueError as error:  # not UTF-8, not TOML, or a number of thousands of digits
        why = "il n'est pas en UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise TariffError(
            f"La grille tarifaire {name} est illisible : {why}.",
            "Corrigez la syntaxe TOML du fichier.",
        ) from error
    reader = _GridReader(name)
    grid = reader.grid(data, hashlib.sha256(content).hexdigest())
    if reader.findings or grid is None:
        raise TariffError(
            f"La grille tarifaire {name} contient {count(len(reader.findings), 'erreur')}.",
            "Corrigez le fichier ; rien n'a été calculé.",
            findings=reader.findings,
        )
    return grid


class _GridReader:
    """Walks the parsed TOML and collects every mistake instead of stopping at the first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []

    def grid(self, data: Mapping[str, Any], sha256: str) -> TariffGrid | None:
        known = {"version", "title", "source", "valid_from", "valid_to", "services"}
        self._unknown(data, known, "")
        version = self._text(data, "version", "")
        title = self._text(data, "title", "")
        source = self._text(data, "source", "")
        valid_from = data.get("valid_from")
        valid_to = data.get("valid_to")
        if type(valid_from) is not date:  # a datetime is a date too, and compares with none
            self._add("valid_from", "une date est attendue (AAAA-MM-JJ, sans guillemets)")
        if valid_to is not None and type(valid_to) is not date:
            self._add("valid_to", "une date est attendue (AAAA-MM-JJ, sans guillemets)")
        elif valid_to and type(valid_from) is date and valid_to < valid_from:
            self._add("valid_to", "la fin de validité précède le début")
        services = data.get("services")
        if not isinstance(services, dict) or not services:
            self._add("services", "au moins un service est attendu")
            services = {}
        parsed = {code: self._service(code, table) for code, table in services.items()}
        if self.findings or not isinstance(valid_from, date):
            return None
        return TariffGrid(
            version=version,
            title=title,
            source=source,
            valid_from=valid_from,
            valid_to=valid_to,
            services={code: service for code, service in parsed.items() if service},
            sha256=sha256,
        )

    def _service(self, code: str, table: object) -> ServiceTariff | None:
        path = f"services.{code}"
        if not isinstance(table, dict):
            self._add(path, "une table est attendue")
            return None
        self._unknown(table, {"label", "shape", "vat", "components"}, path)
        label = self._text(table, "label", path)
        if table.get("shape") != "per_user_month":
            self._add(f"{path}.shape", "forme de prix inconnue (connue : per_user_month)")
        vat = self._vat(table.get("vat"), f"{path}.vat")
        raw = table.get("components")
        if not isinstance(raw, list) or not raw:
            self._add(f"{path}.components", "au moins une composante de prix est attendue")
            raw = []
        components = [
            self._component(part, f"{path}.components[{index}]") for index, part in enumerate(raw)
        ]
        good = tuple(part for part in components if part)
        if len({frozenset(part.prices) for part in good}) > 1:
            self._add(
                f"{path}.components", "toutes les composantes doivent avoir les mêmes paliers"
            )
        if len({len(prices) for part in good for prices in part.prices.values()}) > 1:
            self._add(
                f"{path}.components",
                "toutes les listes de prix doivent avoir le même nombre de catégories",
            )
        if len({part.code for part in good}) < len(good):
            self._add(f"{path}.components", "deux composantes portent le même code")
        if vat is None or len(good) != len(components) or not good:
            return None
        return ServiceTariff(code=code, label=label, vat=vat, shape=PerUserMonth(components=good))

    def _component(self, part: object, path: str) -> PriceComponent | None:
        if not isinstance(part, dict):
            self._add(path, "une table est attendue")
            return None
        sound = len(self.findings)
        self._unknown(part, {"code", "label", "prices", "tiers"}, path)
        code, label = self._text(part, "code", path), self._text(part, "label", path)
        rows: dict[int, tuple[Money, ...]] = {}
        if ("prices" in part) == ("tiers" in part):
            self._add(path, "donnez soit « prices » (sans palier), soit « tiers » (par palier)")
        elif "prices" in part:
            rows[NO_TIER] = self._prices(part["prices"], f"{path}.prices")
        elif isinstance(part["tiers"], dict) and part["tiers"]:
            for tier, prices in part["tiers"].items():
                where = f"{path}.tiers.{tier}"
                if not _TIER.fullmatch(tier):
                    self._add(where, "un palier est un nombre entier de To")
                else:
                    rows[int(tier)] = self._prices(prices, where)
        else:
            self._add(f"{path}.tiers", "une table « palier = [prix par catégorie] » est attendue")
        if len(self.findings) > sound:
            return None
        return PriceComponent(code=code, label=label, prices=rows)

    def _prices(self, values: object, path: str) -> tuple[Money, ...]:
        if not isinstance(values, list) or not values:
            self._add(path, "une liste de prix par catégorie est attendue")
            return ()
        prices = []
        for category, value in enumerate(values, start=1):
            amount = _number(value)
            if amount is None or not 0 <= amount < MAX_PRICE:
                self._add(path, f"catégorie {category} : « {value} » n'est pas un prix en euros")
                continue
            try:
                prices.append(Money.of(amount))
            except ValueError:
                self._add(path, f"catégorie {category} : {value} a plus de deux décimales")
        return tuple(prices) if len(prices) == len(values) else ()

    def _vat(self, table: object, path: str) -> VatRegime | None:
        if not isinstance(table, dict):
            self._add(path, 'une table est attendue, par exemple { category = "S", rate = 20 }')
            return None
        self._unknown(table, {"category", "rate", "reason", "reason_code"}, path)
        rate = _number(table.get("rate", 0))
        try:
            return VatRegime(
                category=VatCategory(table.get("category", "")),
                rate=Decimal(-1) if rate is None else rate,
                reason=str(table.get("reason", "")),
                reason_code=str(table.get("reason_code", "")),
            )
        except ValueError:
            self._add(path, "catégorie S avec un taux positif, ou E / O avec un motif et sans taux")
            return None

    def _text(self, table: Mapping[str, Any], key: str, path: str) -> str:
        value = table.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self._add(f"{path}.{key}".lstrip("."), "un texte est attendu")
        return ""

    def _unknown(self, table: Mapping[str, Any], known: set[str], path: str) -> None:
        for key in sorted(set(table) - known):
            self._add(f"{path}.{key}".lstrip("."), "clé inconnue")

    def _add(self, path: str, message: str) -> None:
        self.findings.append(
            Finding(
                code="TARIFF-FILE",
                message=message,
                where=f"{self.name} : {path}",
                remedy="Corrigez cette clé dans le fichier de tarifs.",
            )
        )


def _number(value: object) -> Decimal | None:
    """A finite TOML number; ``true`` is an int for Python, not for who writes prices."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None
