"""Compile input shapes into readers of decoded JSON, for rest-json and json 1.0.

Pure. Called by models.py (compile) and parse.py (read). The wrong kind of value
is a SerializationException with AWS's texts; members that are null are absent
and members that the model does not know are ignored.
https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from math import isfinite
from typing import Any

from pillarbox.wire.faults import Fault

Shape = Any  # botocore.model.Shape; botocore carries no types
Reader = Callable[[Any], Any]

_KINDS: dict[type, str] = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
}


def unreadable(why: str) -> Fault:
    return Fault("SerializationException", why)


def compile_reader(shape: Shape) -> Reader:
    """Return the reader for `shape`; it raises SerializationException for what does not fit."""
    match shape.type_name:
        case "structure":
            return _structure(compile_members(shape, list(shape.members)))
        case "list":
            return _list(shape)
        case "map":
            return _map(shape)
        case kind:
            return _SCALARS[kind]


def compile_members(shape: Shape, names: list[str]) -> dict[str, tuple[str, Reader]]:
    """Return, by JSON name, the member's own name and its reader."""
    members = {}
    for name in names:
        member = shape.members[name]
        members[str(member.serialization.get("name", name))] = (name, compile_reader(member))
    return members


def read_members(members: dict[str, tuple[str, Reader]], value: Any) -> dict[str, Any]:
    if value.__class__ is not dict:
        raise _mismatch(value, "a structure")
    out = {}
    for wire, child in value.items():
        if child is not None and wire in members:
            name, reader = members[wire]
            out[name] = reader(child)
    return out


def _structure(members: dict[str, tuple[str, Reader]]) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        return read_members(members, value)

    return read


def _list(shape: Shape) -> Reader:
    read_one = compile_reader(shape.member)

    def read(value: Any) -> list[Any]:
        if value.__class__ is not list:
            raise _mismatch(value, "a list")
        return [read_one(element) for element in value]

    return read


def _map(shape: Shape) -> Reader:
    read_value = compile_reader(shape.value)

    def read(value: Any) -> dict[str, Any]:
        if value.__class__ is not dict:
            raise _mismatch(value, "a map")
        return {key: read_value(element) for key, element in value.items() if element is not None}

    return read


def _mismatch(value: Any, wanted: str) -> Fault:
    if value.__class__ is dict:
        return unreadable("Start of structure or map found where not expected.")
    if value.__class__ is list:
        return unreadable("Start of list found where not expected")
    return unreadable(f"{_KINDS.get(value.__class__, 'NULL_VALUE')} can not be converted to {wanted}")


def _read_string(value: Any) -> str:
    if value.__class__ is not str:
        raise _mismatch(value, "a String")
    return value


def _read_boolean(value: Any) -> bool:
    if value.__class__ is not bool:
        raise _mismatch(value, "a Boolean")
    return value


def _read_whole(bits: int, wanted: str) -> Reader:
    limit = 1 << (bits - 1)

    def read(value: Any) -> int:
        if value.__class__ is float and value.is_integer():
            value = int(value)
        if value.__class__ is not int or not -limit <= value < limit:
            raise _mismatch(value, wanted)
        return value

    return read


def _read_double(value: Any) -> float:
    if value.__class__ is not float and value.__class__ is not int:
        raise _mismatch(value, "a Double")
    return float(value)


def _read_blob(value: Any) -> bytes:
    try:
        return a2b_base64(_read_string(value), strict_mode=True)
    except (Base64Error, ValueError):
        raise unreadable("Invalid base64 value.") from None


def _read_timestamp(value: Any) -> int:
    """Read epoch seconds with or without a fraction as milliseconds."""
    if value.__class__ is not float and value.__class__ is not int:
        raise _mismatch(value, "a Timestamp")
    if not isfinite(value) or abs(value) > _LAST_SECOND:
        raise unreadable("Timestamp is out of range.")
    return round(value * 1000)


_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z

_SCALARS: dict[str, Reader] = {
    "string": _read_string,
    "boolean": _read_boolean,
    "integer": _read_whole(32, "an Integer"),
    "long": _read_whole(64, "a Long"),
    "double": _read_double,
    "float": _read_double,
    "blob": _read_blob,
    "timestamp": _read_timestamp,
}
