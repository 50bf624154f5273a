"""Compile input shapes into readers of the query protocol's dotted parameters.

Pure. `tree` folds `A.member.1.B=x` into nested dicts; a compiled reader walks
them by shape. Called by models.py (compile) and parse.py (tree and read).
AWS answers a value of the wrong kind with MalformedInput; the texts after
that code are those of its JSON services and not recorded for query ones.
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any

from pillarbox.kit.clock import parse_iso
from pillarbox.wire.faults import Fault

Shape = Any  # botocore.model.Shape; botocore carries no types
Tree = dict[str, Any]  # each value is a Node
Node = str | Tree
Reader = Callable[[Node], Any]

MAX_DEPTH = 16  # the deepest input of the five models needs seven names
_INDEXES = tuple(str(number) for number in range(1, 1001))
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,32}(\.[0-9]{1,32})?([eE][+-]?[0-9]{1,3})?")


def malformed(why: str) -> Fault:
    return Fault("MalformedInput", why)


def tree(form: Mapping[str, str]) -> Tree:
    """Fold dotted names into nested dicts; what lies deeper than MAX_DEPTH is unknown and left out.

    A name that is both a value and a structure counts as the structure.
    """
    root: Tree = {}
    nodes: dict[str, Tree] = {}  # most names share their parents with another
    for name, value in form.items():
        parents, dot, last = name.rpartition(".")
        node = nodes.get(parents) if dot else root
        if node is None:
            if parents.count(".") >= MAX_DEPTH:
                continue
            node = nodes[parents] = _node_at(root, parents)
        node.setdefault(last, value)
    return root


def _node_at(root: Tree, parents: str) -> Tree:
    node = root
    for parent in parents.split("."):
        child = node.get(parent)
        if child.__class__ is not dict:
            child = node[parent] = {}
        node = child
    return node


def compile_reader(shape: Shape) -> Reader:
    """Return the reader for `shape`; it raises MalformedInput for what does not fit."""
    match shape.type_name:
        case "structure":
            return _structure(shape)
        case "list":
            return _list(shape)
        case "map":
            return _map(shape)
        case "string":
            return _read_string
        case kind:
            return _scalar(SCALARS[kind])


def wire_name(name: str, shape: Shape) -> str:
    """Return what the query protocol calls the member `name`; a flattened list goes by its element's name."""
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return str(shape.member.serialization.get("name", shape.serialization.get("name", name)))
    return str(shape.serialization.get("name", name))


def _structure(shape: Shape) -> Reader:
    members: dict[str, tuple[str, Reader]] = {}
    for name, member in shape.members.items():
        reader = compile_reader(member)
        # An empty flattened list comes under the name of the list, full ones under that of the element.
        members[member.serialization.get("name", name)] = (name, reader)
        members[wire_name(name, member)] = (name, reader)

    def read(node: Node) -> dict[str, Any]:
        if node.__class__ is str:
            if node == "":
                return {}
            raise malformed("Unexpected value found where a structure was expected.")
        out = {}
        for wire, child in node.items():  # type: ignore[union-attr]
            known = members.get(wire)
            if known is not None:
                out[known[0]] = known[1](child)
        return out

    return read


def _list(shape: Shape) -> Reader:
    flattened = bool(shape.serialization.get("flattened"))
    member = str(shape.member.serialization.get("name", "member"))
    read_one = compile_reader(shape.member)

    def read(node: Node) -> list[Any]:
        if node == "":
            return []
        if node.__class__ is str:
            if flattened:  # AttributeName=All, from before lists were numbered
                return [read_one(node)]
            raise malformed("Unexpected value found where a list was expected.")
        elements = node if flattened else node.get(member, {})  # type: ignore[union-attr]
        if elements.__class__ is str:
            raise malformed("Unexpected value found where a list was expected.")
        return [read_one(element) for element in _in_order(elements)]  # type: ignore[arg-type]

    return read


def _map(shape: Shape) -> Reader:
    flattened = bool(shape.serialization.get("flattened"))
    key_name = str(shape.key.serialization.get("name", "key"))
    value_name = str(shape.value.serialization.get("name", "value"))
    read_key, read_value = compile_reader(shape.key), compile_reader(shape.value)

    def read(node: Node) -> dict[str, Any]:
        if node == "":
            return {}
        entries = node if flattened or node.__class__ is str else node.get("entry", {})  # type: ignore[union-attr]
        if entries.__class__ is str:
            raise malformed("Unexpected value found where a map was expected.")
        if flattened and key_name in entries:  # Attribute.Name=..., from before entries were numbered
            entries = {"1": entries}
        out = {}
        for entry in _in_order(entries):  # type: ignore[arg-type]
            if entry.__class__ is str or key_name not in entry:
                raise malformed("A map entry has no key.")
            out[read_key(entry[key_name])] = read_value(entry.get(value_name, ""))  # type: ignore[index, union-attr]
        return out

    return read


def _in_order(elements: Tree) -> list[Node]:
    """Return the elements by their number; gaps are tolerated, so that no number costs more than its text."""
    if tuple(elements) == _INDEXES[: len(elements)]:
        return list(elements.values())
    for number in elements:
        if not (number.isascii() and number.isdecimal() and len(number) <= 9):
            raise malformed(f"{number[:40]} is not a valid index.")
    return [elements[number] for number in sorted(elements, key=int)]


def _read_string(node: Node) -> str:
    if node.__class__ is not str:
        raise malformed("Start of structure or map found where not expected.")
    return node


def _scalar(convert: Callable[[str], Any]) -> Reader:
    return lambda node: convert(_read_string(node))


def read_boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise malformed("STRING_VALUE can not be converted to a Boolean")
    return lowered == "true"


def _read_whole(bits: int, kind: str) -> Callable[[str], int]:
    limit = 1 << (bits - 1)

    def read(text: str) -> int:
        number = int(text) if _INTEGER.fullmatch(text) else limit
        if not -limit <= number < limit:
            raise malformed(f"STRING_VALUE can not be converted to {kind}")
        return number

    return read


def _read_decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text) or (number := float(text)) in (float("inf"), float("-inf")):
        raise malformed("STRING_VALUE can not be converted to a Double")
    return number


def read_blob(text: str) -> bytes:
    # Old clients break base64 into lines. A space stays an error: it is a '+' that was not escaped.
    try:
        return a2b_base64(text.replace("\n", "").replace("\r", "").replace("\t", ""), strict_mode=True)
    except (Base64Error, ValueError):
        raise malformed("Invalid base64 value.") from None


def read_timestamp(text: str) -> int:
    try:
        return parse_iso(text)
    except (ValueError, OverflowError):
        raise malformed("STRING_VALUE can not be converted to a Timestamp") from None


SCALARS: dict[str, Callable[[str], Any]] = {
    "string": lambda text: text,
    "boolean": read_boolean,
    "integer": _read_whole(32, "an Integer"),
    "long": _read_whole(64, "a Long"),
    "double": _read_decimal,
    "float": _read_decimal,
    "blob": read_blob,
    "timestamp": read_timestamp,
}
