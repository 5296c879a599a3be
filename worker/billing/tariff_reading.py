"""Tariff files: TOML to a grid, every mistake with its path in the file.

What they hold, key by key, is in docs/tariffs.md.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from worker.billing.money import Money, count
from worker.billing.quantity import CODES, PIECES, Measure
from worker.billing.tariff import (
    NO_TIER,
    Band,
    Flat,
    PerUnit,
    PerUserMonth,
    PopulationBand,
    PriceComponent,
    Prices,
    ServiceTariff,
    Shape,
    Span,
    TariffGrid,
    VolumeBands,
)
from worker.billing.text import hidden_character
from worker.billing.toml import parse_toml
from worker.billing.vat import VatCategory, VatRegime
from worker.errors import Finding, TariffError

_ANY = frozenset({"components", "prices", "price", "bands", "unit", "units"})
_KEYS: Mapping[str, frozenset[str]] = {
    "per_user_month": frozenset({"components"}),
    "flat": frozenset({"price", "prices", "per", "prorated"}),
    "per_unit": frozenset({"price", "prices", "unit", "units"}),
    "volume_bands": frozenset({"bands", "apply", "volume", "unit", "units"}),
    "population_band": frozenset({"bands", "per", "prorated"}),
}
"""The keys of each shape, beside those of every service."""
MAX_NOUN = 30
MAX_BOUND = 10**9
MAX_PRICE = 1_000_000
"""Euros: a price that reaches it is a slip of the keyboard."""
_TIER = re.compile(r"[1-9][0-9]{0,3}")


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
        known = {"version", "title", "source", "decision", "decided_on"}
        known |= {"valid_from", "valid_to", "services"}
        self._unknown(data, known, "")
        version = self._text(data, "version", "")
        title = self._text(data, "title", "")
        source = self._text(data, "source", "")
        decision = self._text(data, "decision", "") if "decision" in data else ""
        decided_on = data.get("decided_on")
        if decided_on is not None and (type(decided_on) is not date or not decision):
            self._add("decided_on", "la date de « decision » est attendue (AAAA-MM-JJ)")
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
            decision=decision,
            decided_on=decided_on,
        )

    def _service(self, code: str, table: object) -> ServiceTariff | None:
        path = f"services.{code}"
        if not isinstance(table, dict):
            self._add(path, "une table est attendue")
            return None
        sound = len(self.findings)
        shape_name = table.get("shape")
        keys = _KEYS.get(shape_name) if isinstance(shape_name, str) else None
        if keys is None:
            known = ", ".join(_KEYS)
            self._add(f"{path}.shape", f"forme de prix inconnue (connues : {known})")
        self._unknown(table, {"label", "shape", "vat", *(_ANY if keys is None else keys)}, path)
        label = self._text(table, "label", path)
        vat = self._vat(table.get("vat"), f"{path}.vat")
        shape = self._shape(str(shape_name), table, path)
        if len(self.findings) > sound or vat is None or shape is None:
            return None
        return ServiceTariff(code=code, label=label, vat=vat, shape=shape)

    def _shape(self, name: str, table: Mapping[str, Any], path: str) -> Shape | None:
        match name:
            case "flat":
                prices = self._price_list(table, path)
                span, prorated = self._flat_terms(table, path)
                return None if prices is None else Flat(prices=prices, per=span, prorated=prorated)
            case "per_unit":
                prices, measure = self._price_list(table, path), self._measure(table, path)
                return None if prices is None else PerUnit(prices=prices, measure=measure)
            case "volume_bands":
                applied = self._choice(table, "apply", path, ("graduated", "bracket"))
                return VolumeBands(
                    bands=self._bands(table.get("bands"), 1, f"{path}.bands"),
                    graduated=applied == "graduated",
                    over=Span(self._choice(table, "volume", path, tuple(Span))),
                    measure=self._measure(table, path),
                )
            case "population_band":
                span, prorated = self._flat_terms(table, path)
                bands = self._bands(table.get("bands"), 0, f"{path}.bands")
                return PopulationBand(bands=bands, per=span, prorated=prorated)
            case _ if {"price", "prices", "bands"} & set(table):
                return None
            case _:
                return self._per_user_month(table, path)

    def _per_user_month(self, table: Mapping[str, Any], path: str) -> PerUserMonth | None:
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
        return PerUserMonth(components=good) if good and len(good) == len(components) else None

    def _flat_terms(self, table: Mapping[str, Any], path: str) -> tuple[Span, bool]:
        """What a fixed price is of, and whether it is shared by months."""
        span = Span(self._choice(table, "per", path, tuple(Span)))
        prorated = table.get("prorated", True)
        if not isinstance(prorated, bool):
            self._add(f"{path}.prorated", "true ou false est attendu, sans guillemets")
        elif "prorated" in table and span is Span.MONTH:
            self._add(f"{path}.prorated", "un prix par mois n'est pas réparti : retirez cette clé")
        return span, prorated is True

    def _measure(self, table: Mapping[str, Any], path: str) -> Measure:
        """What is counted; its plural takes an s unless given."""
        one = self._noun(table, "unit", path)
        many = self._noun(table, "units", path) if "units" in table else _plural(one)
        return Measure(code=CODES.get(one, PIECES), one=one, many=many)

    def _noun(self, table: Mapping[str, Any], key: str, path: str) -> str:
        noun = self._text(table, key, path)
        if len(noun) > MAX_NOUN or hidden_character(noun):
            self._add(f"{path}.{key}", f"un nom de {MAX_NOUN} caractères au plus est attendu")
        return noun

    def _bands(self, raw: object, least: int, path: str) -> tuple[Band, ...]:
        """Bands in order, each beginning where the one before ends, the last one without end."""
        if not isinstance(raw, list) or not raw:
            self._add(path, "au moins une tranche est attendue")
            return ()
        bands = [self._band(one, f"{path}[{index}]") for index, one in enumerate(raw)]
        good = [one for one in bands if one is not None]
        if len(good) < len(bands):
            return ()
        following: int | None = least
        for index, band in enumerate(good):
            self._follows(band, following, f"{path}[{index}]")
            following = None if band.last is None else band.last + 1
        if following is not None:
            self._add(
                f"{path}[{len(good) - 1}]",
                f"rien n'est prévu à partir de {following} : la dernière tranche n'a pas de « to »",
            )
        if len({(one.prices.by_category, len(one.prices.amounts)) for one in good}) > 1:
            self._add(path, "toutes les tranches doivent avoir le même nombre de prix")
        return tuple(good)

    def _follows(self, band: Band, following: int | None, path: str) -> None:
        if following is None:
            self._add(path, "la tranche d'avant n'a pas de « to » : elle couvre déjà la suite")
        elif band.first > following:
            missing = _span(following, band.first - 1)
            self._add(path, f"trou avant cette tranche : rien n'est prévu pour {missing}")
        elif band.first < following:
            self._add(path, f"recouvrement : cette tranche devrait commencer à {following}")

    def _band(self, table: object, path: str) -> Band | None:
        if not isinstance(table, dict):
            self._add(path, "une table est attendue")
            return None
        sound = len(self.findings)
        self._unknown(table, {"from", "to", "price", "prices"}, path)
        prices = self._price_list(table, path)
        first, last = table.get("from"), table.get("to")
        if not _is_bound(first):
            self._add(f"{path}.from", "un nombre entier est attendu")
        if last is not None and not _is_bound(last):
            self._add(f"{path}.to", "un nombre entier est attendu")
        if len(self.findings) > sound or prices is None or not isinstance(first, int):
            return None
        if last is not None and last < first:
            self._add(path, f"la tranche finit ({last}) avant de commencer ({first})")
            return None
        return Band(first=first, last=last, prices=prices)

    def _price_list(self, table: Mapping[str, Any], path: str) -> Prices | None:
        """``price``, one for all categories, or ``prices``, by category."""
        if ("price" in table) == ("prices" in table):
            self._add(path, "donnez soit « price » (pour tous), soit « prices » (par catégorie)")
            return None
        if "price" in table:
            amounts = self._prices([table["price"]], f"{path}.price")
        else:
            amounts = self._prices(table["prices"], f"{path}.prices")
        return Prices(amounts=amounts, by_category="prices" in table) if amounts else None

    def _choice(self, table: Mapping[str, Any], key: str, path: str, allowed: Sequence[str]) -> str:
        """One of some words; the first of them stands for what is none."""
        value = table.get(key)
        if isinstance(value, str) and value in allowed:
            return value
        words = " ou ".join(f"« {one} »" for one in allowed)
        self._add(f"{path}.{key}", f"{words} est attendu")
        return allowed[0]

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


def _is_bound(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_BOUND


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} à {last}"


def _plural(noun: str) -> str:
    return noun if noun.endswith(("s", "x", "z")) else f"{noun}s"
