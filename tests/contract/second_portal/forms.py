"""The forms in which a portal may show the same facts (reference §2, general rules)."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.contract.second_portal.behaviours import Behaviour, Moment
from tests.contract.second_portal.integration import PARIS

BUYERS = {"codeDestinataire", "identifiantDestinataire", "identifiantStructure"}
NUMBERS = {"numeroFacture", "numeroDP"}
DATES = {"dateFacture", "dateDepot"}
OPTIONAL = (
    "codeServiceExecutant",
    "numeroBonCommande",
    "numeroMarche",
    "commentaireEtatCourant",
    "designationDestinataire",
    "montantAPayer",
    "devise",
)
_MARK = "\N{SYMBOL FOR UNIT SEPARATOR}"


def _paris(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), PARIS)


def french(day: str) -> str:
    """A date as 31/12/2026."""
    return f"{date.fromisoformat(day):%d/%m/%Y}"


def epoch(day: str) -> int:
    """Midnight of Paris in milliseconds since 1970."""
    return (_paris(day) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


_BUYER: dict[Behaviour, Callable[[str], Any]] = {
    Behaviour.BUYER_SIREN: lambda siret: siret[:9],
    Behaviour.BUYER_PADDED: lambda siret: siret.ljust(18),
    Behaviour.BUYER_NUMBER: lambda siret: int(siret) if siret.isdigit() else siret,
}
_DATE: dict[Behaviour, Callable[[str], Any]] = {
    Behaviour.DATE_MIDNIGHT: lambda day: f"{day}T00:00:00Z",
    Behaviour.DATE_PARIS_UTC: lambda day: f"{_paris(day).astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
    Behaviour.DATE_FRENCH: french,
    Behaviour.DATE_EPOCH: epoch,
}
_NUMBER: dict[Behaviour, Callable[[str], Any]] = {
    Behaviour.NUMBER_JSON: lambda text: int(text) if text.isdigit() else text,
    Behaviour.NUMBER_NO_HYPHEN: lambda text: text.replace("-", ""),
    Behaviour.NUMBER_NO_ZERO: lambda text: re.sub(r"(?<!\d)0+(?=\d)", "", text),
    Behaviour.NUMBER_CASE: str.swapcase,
    Behaviour.NUMBER_BLANKS: lambda text: f" {text}  ",
}
_AMOUNT: dict[Behaviour, Callable[[Decimal], Any]] = {
    Behaviour.AMOUNT_DIGITS: lambda amount: amount + Decimal("0.0000000000001"),
    Behaviour.AMOUNT_CENT: lambda amount: amount + Decimal("0.01"),
    Behaviour.AMOUNT_TEXT: lambda amount: f"{amount:,.2f}".replace(",", " ").replace(".", ","),
}


def of_invoice(tree: dict[str, Any], moment: Moment, number: str, kind: str) -> dict[str, Any]:
    """Give what is said of one invoice the forms that are armed for it."""
    shown = {name: _value(name, value, moment, number, kind) for name, value in tree.items()}
    if "numeroFacture" in tree and moment.has(Behaviour.NULLS, number):
        shown |= dict.fromkeys(OPTIONAL)
    return shown


def _value(name: str, value: Any, moment: Moment, number: str, kind: str) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return of_invoice(value, moment, number, kind)
    if isinstance(value, Decimal):
        negative = kind == "AVOIR" and moment.has(Behaviour.CREDIT_NEGATIVE, number)
        value = -abs(value) if negative else value
        return _first(_AMOUNT, value, moment, number)
    for names, forms in ((BUYERS, _BUYER), (NUMBERS, _NUMBER), (DATES, _DATE)):
        if name in names and isinstance(value, str) and value:
            return _first(forms, value, moment, number)
    return value


def _first(
    forms: dict[Behaviour, Callable[[Any], Any]],
    value: Any,  # noqa: ANN401 - any JSON
    moment: Moment,
    number: str,
) -> Any:  # noqa: ANN401 - any JSON
    return next((form(value) for one, form in forms.items() if moment.has(one, number)), value)


def of_lists(tree: Any, moment: Moment) -> Any:  # noqa: ANN401 - any JSON
    """Give every list of an answer the forms that are armed."""
    if isinstance(tree, list):
        if len(tree) == 1 and moment.has(Behaviour.ONE_AS_OBJECT):
            return of_lists(tree[0], moment)
        if not tree and moment.has(Behaviour.LISTS_NULL):
            return None
        return [of_lists(one, moment) for one in tree]
    if isinstance(tree, dict):
        absent = [] in tree.values() and moment.has(Behaviour.LISTS_ABSENT)
        return {k: of_lists(v, moment) for k, v in tree.items() if not (absent and v == [])}
    return tree


def encode(tree: Any, *, latin1: bool = False) -> bytes:  # noqa: ANN401 - any JSON
    """JSON in which a decimal is a number of exactly its digits."""
    text = json.dumps(tree, ensure_ascii=False, default=lambda one: f"{_MARK}{one}{_MARK}")
    text = re.sub(f'"{_MARK}([^"]*){_MARK}"', r"\1", text)
    return text.encode("latin-1", "replace") if latin1 else text.encode()
