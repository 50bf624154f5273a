"""The least that a modelled operation can be asked with: its required members, each at its simplest."""

import re
from typing import Any

from botocore.model import Shape

_WITH_PATTERNS = ("a", "a-b", "a.example", "arn:aws:ses:us-east-1:123456789012:x/y", "{}", "1", "s3://b/k")


def least_params(shape: Shape | None) -> dict[str, Any]:
    """Return parameters that pass a client's own checks and the server's."""
    if shape is None:
        return {}
    return {name: _least(shape.members[name]) for name in shape.metadata.get("required", ())}


def _least(shape: Shape) -> Any:
    if shape.type_name == "structure":
        return least_params(shape)
    if shape.type_name == "list":
        return [_least(shape.member) for _ in range(shape.metadata.get("min", 1))]
    if shape.type_name == "string":
        return _text(shape)
    simple: dict[str, Any] = {
        "map": {}, "boolean": False, "blob": b"x", "timestamp": 1_700_000_000, "integer": 1, "long": 1, "double": 1.0,
        "float": 1.0,
    }  # fmt: skip
    return simple[shape.type_name]


def _text(shape: Shape) -> str:
    if shape.enum:
        return str(shape.enum[0])
    pattern = shape.metadata.get("pattern")
    if pattern:
        return next(text for text in _WITH_PATTERNS if re.fullmatch(pattern, text))
    return "x" * max(1, shape.metadata.get("min", 1))
