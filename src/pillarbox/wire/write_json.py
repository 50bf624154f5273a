"""Compile output shapes into functions from results to plain JSON values.

Pure. Called by models.py (compile) and serialize.py (convert, then encode).
Times come in as milliseconds and leave as epoch seconds; blobs leave as base64.
https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

Shape = Any  # botocore.model.Shape; botocore carries no types
Writer = Callable[[Any], Any]


def compile_writer(shape: Shape) -> Writer:
    """Return the converter for `shape`; a member that the model does not know is a KeyError: a mistake of ours."""
    match shape.type_name:
        case "structure":
            return _structure(shape)
        case "list":
            write_one = compile_writer(shape.member)
            return lambda value: [write_one(element) for element in value]
        case "map":
            write_value = compile_writer(shape.value)
            return lambda value: {write_string(key): write_value(element) for key, element in value.items()}
        case kind:
            return _SCALARS[kind]


def _structure(shape: Shape) -> Writer:
    members = {
        name: (str(member.serialization.get("name", name)), compile_writer(member))
        for name, member in shape.members.items()
    }

    def write(value: Any) -> dict[str, Any]:
        out = {}
        for name, child in value.items():
            if child is not None:
                wire, write_child = members[name]
                out[wire] = write_child(child)
        return out

    return write


def write_string(value: str) -> str:
    """Return `value` as JSON can carry it."""
    # A lone surrogate has no UTF-8 form.
    return value if value.isascii() else value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _write_timestamp(at: int) -> int | float:
    return at // 1000 if at % 1000 == 0 else at / 1000


_SCALARS: dict[str, Writer] = {
    "string": write_string,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "blob": lambda value: b64encode(value).decode("ascii"),
    "timestamp": _write_timestamp,
}
