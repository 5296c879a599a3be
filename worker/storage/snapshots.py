"""Frozen content as canonical JSON, and back to the domain's own values."""

import json
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    # Building one costs milliseconds; the process needs a handful.
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


_WHERE_ANY = frozenset({"origin"})
"""Fields that are written where they have a value alone."""


def _written(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: _written(one)
                for key, one in value.items()
                if not (one is None and key in _WHERE_ANY)
            }
        case list():
            return [_written(one) for one in value]
        case _:
            return value


def dump(kind: type[T], value: T) -> str:
    """Canonical JSON: sorted keys, decimals as text, so that equal values give equal bytes."""
    plain = _written(_adapter(kind).dump_python(value, mode="json"))
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def load(kind: type[T], text: str) -> T:
    """The value back. Raises pydantic's ValidationError when the text is not one."""
    value: T = _adapter(kind).validate_json(text)
    return value
