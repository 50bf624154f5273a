"""Read a routed request's parameters as the operation's input shape describes them.

Pure. Blobs come out as bytes, timestamps as milliseconds since the epoch,
structures as dicts with the members that were given; unknown members are
ignored. Called by edge/gateway.py between route and check. What cannot be read is
MalformedInput in the query protocol and SerializationException in the others.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from pillarbox.wire import form, read_json, read_query
from pillarbox.wire.faults import Fault
from pillarbox.wire.models import Operation
from pillarbox.wire.request import Request
from pillarbox.wire.route import MOVED_PATHS, Routed

_decode_json = msgspec.json.Decoder().decode


def parse(routed: Routed, request: Request) -> dict[str, Any]:
    """Return the parameters by the names of the model; raises a Fault for what cannot be read."""
    operation = routed.operation
    if routed.protocol == "query":
        params: dict[str, Any] = operation.read_form(read_query.tree(routed.form))
        return params
    params = _read_body(operation, request.body)
    if routed.protocol == "rest-json":
        for label, value in routed.labels.items():
            params[operation.read_labels[label]] = value
        if request.raw_query:
            _read_query_string(operation, request.raw_query, params)
    return params


def _read_body(operation: Operation, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = _decode_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise read_json.unreadable("The request body is not valid JSON.") from None
    return read_json.read_members(operation.read_body, value)


def _read_query_string(operation: Operation, raw: str, params: dict[str, Any]) -> None:
    """Add the members that travel in the query string; a list's name is repeated.

    An operation whose path moved took its members with it, from the query
    string to the body, so clients of both ages are read.
    """
    readers = _moved_readers(operation) if operation.name in MOVED_PATHS else operation.read_query
    for wire, text in _pairs(raw):
        if wire not in readers:
            continue
        name, shape = readers[wire]
        if shape.type_name == "list":
            params.setdefault(name, []).append(_read_text(shape.member, text))
        else:
            params[name] = _read_text(shape, text)


def _pairs(raw: str) -> list[tuple[str, str]]:
    try:
        return form.decode_pairs(raw.encode("latin-1"))
    except Fault as fault:
        raise read_json.unreadable(fault.message) from None


def _moved_readers(operation: Operation) -> dict[str, tuple[str, Any]]:
    members = operation.input.members.items() if operation.input else ()
    return {name: (name, shape) for name, shape in members if shape.type_name in read_query.SCALARS}


def _read_text(shape: Any, text: str) -> Any:
    convert: Callable[[str], Any] = read_query.SCALARS[shape.type_name]
    try:
        return convert(text)
    except Fault as fault:
        raise read_json.unreadable(fault.message) from None
