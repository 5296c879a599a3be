"""The table of rates of late payment: by rule and half-year, each with its source."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from worker.billing.late_interest import HalfYear, InterestRule, Rate, Rates
from worker.billing.toml import parse_toml
from worker.errors import ConfigurationError, Finding
from worker.isolation.files import read_bounded
from worker.settings.loading import MOST_BYTES
from worker.settings.rights import refuse_exposed, told

_HALF_YEAR = re.compile(r"(20\d\d)-([12])")
MOST_PERCENT = 100


def load_rates(path: Path) -> Mapping[InterestRule, Rates]:
    """Read the table.

    Raises:
        ConfigurationError: it is missing, cannot be read, or is no such table; with a finding for
            each rate that is wrong.
    """
    try:
        refuse_exposed(path, "La table des taux")
        content = read_bounded(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"La table des taux {path} n'existe pas.",
            "« init » l'ajoute au dossier de la configuration sans rien changer d'autre ; ou "
            "corrigez late_interest.rates.",
        ) from error
    except OSError as error:
        raise ConfigurationError(*told(error, path)) from error
    try:
        data = parse_toml(content, parse_float=Decimal)
    except ValueError as error:
        raise ConfigurationError(
            f"La table des taux {path} ne se lit pas : {error}.", "Corrigez ce fichier."
        ) from error
    findings: list[Finding] = []
    rates: dict[InterestRule, dict[HalfYear, Rate]] = {rule: {} for rule in InterestRule}
    for name, table in data.items():
        for key, value in _entries(name, table, findings):
            match = _HALF_YEAR.fullmatch(key)
            rate = _rate(value)
            if match is None or rate is None:
                findings.append(_wrong(f"{name}.{key}"))
            else:
                rates[InterestRule(name)][HalfYear(int(match[1]), int(match[2]))] = rate
    if findings:
        raise ConfigurationError(
            f"La table des taux {path} est fausse : rien n'est calculé.",
            "Corrigez chaque entrée signalée.",
            findings=findings,
        )
    return rates


def _entries(name: str, table: object, findings: list[Finding]) -> Iterator[tuple[str, Any]]:
    if name in set(InterestRule) and isinstance(table, dict):
        yield from table.items()
    else:
        findings.append(_wrong(name))


def _rate(value: object) -> Rate | None:
    if not isinstance(value, dict) or set(value) != {"percent", "source"}:
        return None
    percent, source = value["percent"], value["source"]
    whole = isinstance(percent, int) and not isinstance(percent, bool)
    if not (isinstance(percent, Decimal) or whole) or not isinstance(source, str):
        return None
    exact = Decimal(percent)
    if not exact.is_finite() or not 0 <= exact <= MOST_PERCENT or not source.strip():
        return None
    return Rate(percent=exact, source=source.strip())


def _wrong(where: str) -> Finding:
    rules = ", ".join(InterestRule)
    return Finding(
        code="CONFIG-RATE",
        message="ce n'est pas un taux avec sa source",
        remedy=f'Écrivez [RÈGLE."2026-1"] ({rules}), percent = 2.62 et source = "…".',
        where=where,
    )
