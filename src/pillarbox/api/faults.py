"""From the domain's exceptions to the errors of a service's model.

Pure. Each service has one table, `SHAPE_FOR` in its errors.py: exception class
to the name of an error shape (code and HTTP status are read from the model), or
to (code, status) where AWS uses an error that the model does not list, with the
query protocol's code as a third when that differs.
Called by edge/gateway.py, and nowhere else.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from pillarbox.kit.errors import Refusal
from pillarbox.wire.faults import Fault, modelled
from pillarbox.wire.models import Service

Shape = str | tuple[str, int] | tuple[str, int, str]


def fault_for(service: Service, refusal: Refusal) -> Fault:
    """Return what the caller is told; the message is the exception's own."""
    table = _shapes_for(service.name)
    shape = next((table[kind] for kind in type(refusal).__mro__ if kind in table), None)
    if shape is None:
        raise LookupError(f"{service.name} has no error for {type(refusal).__name__}") from refusal
    if isinstance(shape, str):
        return modelled(service, shape, str(refusal), **_members(service, shape, refusal))
    code, status, *other = shape
    return Fault(code, str(refusal), status, query_code=other[0] if other else None)


def _members(service: Service, shape: str, refusal: Refusal) -> dict[str, Any]:
    """Return those of the exception's members that the error shape has: SES v1 tells more of them than v2."""
    known = service.errors[shape].shape.members
    return {name: value for name, value in getattr(refusal, "members", {}).items() if name in known}


@cache
def _shapes_for(service: str) -> Mapping[type[BaseException], Shape]:
    table: Mapping[type[BaseException], Shape] = importlib.import_module(f"pillarbox.api.{service}.errors").SHAPE_FOR
    return table
