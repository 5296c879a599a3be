"""Lenient reading of the portal's JSON, without floats.

Its answers vary: a list of one printed as an object, a SIRET or an id as number or text, null or
nothing for "no value", many ways to write a date (reference §2, general rules; §9, 15). Here
each of these reads the same. Amounts are taken from the digits of the text.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from worker.billing.money import Money
from worker.billing.period import PARIS, paris_day

JsonObject: TypeAlias = Mapping[str, object]

_EXACT = 2**53
"""Below it, a whole number is exact in JSON, whoever reads it (RFC 7493)."""
_MOST_DIGITS = 25
"""Positions of an amount at Chorus Pro: decimal(19,6), and some room (§5)."""
_EPOCH = {10: 1, 13: 1000}
"""By its number of digits, units of a second since 1970: ten or thirteen from 2001 to 2286."""
_FRENCH_TIME = re.compile(r"(\d{2})/(\d{2})/(\d{4})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?")
_FRENCH_AMOUNT = re.compile(r"(-?[0-9]{1,3}(?: ?[0-9]{3})*)(?:,([0-9]{1,2}|[0-9]{4,}))?")
"""``3 196,80``: blanks between thousands, a comma before the cents. Three digits after a comma may
be thousands."""
_NOISE = Decimal("0.0000005")
"""Half of the sixth decimal of an amount (§5): less is left by a binary number."""
_YES = ("true", "oui", "1")


def read_object(body: bytes) -> JsonObject | None:
    """The JSON object of an answer, or None when the body is not exactly one."""
    try:
        value = json.loads(_decoded(body), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, InvalidOperation):
        # Not JSON, NaN, an endless integer or exponent, or nested without end.
        return None
    return value if isinstance(value, dict) else None


def _decoded(body: bytes) -> str:
    """UTF-8, as JSON is; else Latin-1, which some servers write without saying so."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def text(record: JsonObject, field: str) -> str:
    """A text, without blanks around it; numbers become their digits, anything else is empty.

    Characters that do not print become spaces: this text ends on terminals and in reports.
    """
    match record.get(field):
        case str() as value:
            printable = (c if c.isprintable() else " " for c in value)
            return "".join(printable).strip()
        case bool():
            return ""
        case int() | Decimal() as value:
            return str(value)
        case _:
            return ""


def siret(record: JsonObject, field: str) -> str:
    """A SIRET; one that came as a number gets its leading zeros back."""
    value = text(record, field)
    return value.zfill(14) if isinstance(record.get(field), int) else value


def integer(record: JsonObject, field: str) -> int | None:
    """A whole number of 53 bits, also when written as text or with a useless fraction."""
    value = _decimal(record.get(field))
    if value is None or value != value.to_integral_value() or abs(value) >= _EXACT:
        return None
    return int(value)


def amount(record: JsonObject, field: str) -> Money | None:
    """Euros, exact to the cent; None without a value or with a fraction of a cent."""
    value = record.get(field)
    if isinstance(value, str) and (written := _FRENCH_AMOUNT.fullmatch(text(record, field))):
        value = f"{written[1].replace(' ', '')}.{written[2] or '0'}"
    euros = _decimal(value)
    try:
        return None if euros is None else Money.near(euros, _NOISE)
    except ValueError:
        return None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    # An exponent of a million would be a very long integer.
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return None
    return number if len(number.as_tuple().digits) <= _MOST_DIGITS else None


def flag(record: JsonObject, field: str) -> bool:
    """A yes or no. Without a value it is no: the portal leaves out what has no value."""
    value = record.get(field)
    return value is True or text(record, field).casefold() in _YES


def content(record: JsonObject, field: str) -> bytes | None:
    """A file in base64, also broken in lines; empty without one, None when it is not base64."""
    match record.get(field):
        case None:
            return b""
        case str() as value:
            try:
                return base64.b64decode("".join(value.split()), validate=True)
            except (binascii.Error, ValueError):
                return None
        case _:
            return None


def child(record: JsonObject, field: str) -> JsonObject | None:
    """The object in a field; the first of a list of them; None without one."""
    return next(iter(objects(record, field) or ()), None)


def objects(record: JsonObject, field: str) -> tuple[JsonObject, ...] | None:
    """The objects of a list; a lone object is a list of one, no value an empty list.

    Returns:
        None when something else is there: the number of records is then unknown.
    """
    match record.get(field):
        case None:
            return ()
        case dict() as lone:
            return (lone,)
        case list() as items if all(isinstance(item, dict) for item in items):
            return tuple(items)
        case _:
            return None


def readable(record: JsonObject, field: str) -> tuple[JsonObject, ...]:
    """The objects of a list that is not counted; anything else in it is left out."""
    match record.get(field):
        case list() as items:
            return tuple(item for item in items if isinstance(item, dict))
        case _:
            return objects(record, field) or ()


def day(record: JsonObject, field: str) -> date | None:
    """A date, that of Paris when the portal writes an instant; None when it cannot be read."""
    moment = instant(record, field)
    return None if moment is None else paris_day(moment)


def instant(record: JsonObject, field: str) -> datetime | None:
    """An instant in UTC; a time without offset is Paris time. None when it cannot be read.

    ISO 8601, the French ``31/12/2026 14:05``, or the milliseconds (or seconds) of the epoch.
    """
    written = text(record, field)
    try:
        if written.isdecimal() and len(written) in _EPOCH:
            moment = datetime.fromtimestamp(int(written) / _EPOCH[len(written)], UTC)
        elif french := _FRENCH_TIME.fullmatch(written):
            days, months, years, time = french.groups()
            moment = datetime.fromisoformat(f"{years}-{months}-{days}T{time or '00:00'}")
        elif written.isdecimal():
            return None
        else:
            moment = datetime.fromisoformat(written)
        # In Paris too: the last hours of the year 9999 have no day there.
        return moment.replace(tzinfo=moment.tzinfo or PARIS).astimezone(PARIS).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
