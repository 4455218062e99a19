"""Frozen values as JSON values and back, by the types of their fields; octets are hexadecimal digits."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum, Flag
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Final, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from evbagent.wire.octets import MacAddress

__all__ = ["Misfit", "Record", "plain", "restored"]


class Record(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


T = TypeVar("T", bound=Record)
_LEAVES: Final = frozenset({bool, int, float, str})
_PARSERS: Final[dict[type, Any]] = {bytes: bytes.fromhex, MacAddress: MacAddress.parse}


class Misfit(ValueError):
    """JSON values that are none of a type's; the text names the field, the value and what belongs there."""


def plain(value: Any) -> Any:
    """As JSON values: every field by its name, enumerations by their values, keys of objects as text."""
    if value is None or type(value) in _LEAVES:
        return value
    match value:
        case MacAddress():
            return str(value)
        case bytes():
            return value.hex()
        case Enum():
            return value.value
        case Mapping():
            return {str(plain(key)): plain(each) for key, each in value.items()}
        case tuple() | list():
            return [plain(each) for each in value]
        case frozenset():
            return sorted(plain(each) for each in value)
    return {name: plain(getattr(value, name)) for name in _names(cast(Hashable, type(value)))}


@cache
def _names(kind: Hashable) -> tuple[str, ...]:
    """The fields of a dataclass."""
    assert isinstance(kind, type)
    assert is_dataclass(kind)
    return tuple(field.name for field in fields(kind))


def restored(kind: type[T], values: object, where: str = "") -> T:
    """The dataclass that `plain` made these values of; raises `Misfit`, also for a key that it has not."""
    if not isinstance(values, Mapping):
        raise Misfit(f"{where or 'it'} is {_shown(values)}, and not keys with values")
    known = {field.name: field for field in fields(kind)}
    for key in values:
        if key not in known:
            place, keys = f" in {where}" if where else "", ", ".join(known) or "none"
            raise Misfit(f"there is no key {_shown(key)}{place} (there are {keys})")
    hints = get_type_hints(kind)
    found = {}
    for name, field in known.items():
        path = f"{where}.{name}" if where else name
        if name in values:
            found[name] = _value(hints[name], values[name], path)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise Misfit(f"{path} is missing")
    return kind(**found)


def _value(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union) and NoneType in arguments:
        (some,) = (each for each in arguments if each is not NoneType)
        return None if value is None else _value(some, value, where)
    if origin is Mapping and isinstance(value, Mapping):
        keys, values = arguments
        return {
            _leaf(keys, key, where, strict=False): _value(values, each, f"{where}.{key}") for key, each in value.items()
        }
    if origin in (Sequence, tuple, frozenset) and isinstance(value, list):
        values = tuple(_value(arguments[0], each, f"{where}[{index}]") for index, each in enumerate(value))
        return frozenset(values) if origin is frozenset else values
    if isinstance(kind, type) and is_dataclass(kind) and kind not in _PARSERS:
        return restored(kind, value, where)
    return _leaf(kind, value, where)


def _leaf(kind: Any, value: Any, where: str, *, strict: bool = True) -> Any:
    """A value without parts; not `strict` for the keys of objects, which are text also where they stand for numbers."""
    try:
        if kind in _PARSERS:
            return _PARSERS[kind](msgspec.convert(value, str))
        if isinstance(kind, type) and issubclass(kind, Flag):
            return kind(msgspec.convert(value, int))
        return msgspec.convert(value, kind, strict=strict)
    except ValueError as error:  # msgspec.ValidationError and OctetsError are such
        raise Misfit(f"{where} is {_shown(value)}: {error}") from None


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
