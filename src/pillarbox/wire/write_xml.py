"""Compile output shapes into writers of the query protocol's XML.

Pure. A writer appends pieces of text; tags are made once, at compile time.
Called by models.py (compile) and serialize.py (write).
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#response-serialization
"""

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from pillarbox.kit.clock import iso

Shape = Any  # botocore.model.Shape; botocore carries no types
Writer = Callable[[Any, list[str]], None]

# https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    """Return `text` as XML character data.

    What XML 1.0 cannot carry becomes U+FFFD; a carriage return is written as
    a reference, since parsers turn a plain one into a line feed.
    """
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    if text.isprintable():
        return text
    return _NOT_XML.sub("\ufffd", text).replace("\r", "&#xD;")


def compile_members(shape: Shape) -> dict[str, Writer]:
    """Return a writer for each member of a structure, tags included."""
    return {name: _element(_member_name(name, member), member) for name, member in shape.members.items()}


def write_members(members: dict[str, Writer], value: Any, out: list[str]) -> None:
    """Write the members that are set; one that the model does not know is a KeyError: a mistake of ours."""
    for name, child in value.items():
        if child is not None:
            members[name](child, out)


def _member_name(name: str, shape: Shape) -> str:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return str(shape.member.serialization.get("name", shape.serialization.get("name", name)))
    return str(shape.serialization.get("name", name))


def _element(tag: str, shape: Shape) -> Writer:
    match shape.type_name:
        case "structure":
            return _structure(tag, shape)
        case "list":
            return _list(tag, shape)
        case "map":
            return _map(tag, shape)
        case kind:
            return _scalar(tag, _SCALARS[kind])


def _structure(tag: str, shape: Shape) -> Writer:
    members = compile_members(shape)
    start, end = f"<{tag}>", f"</{tag}>"

    def write(value: Any, out: list[str]) -> None:
        out.append(start)
        write_members(members, value, out)
        out.append(end)

    return write


def _list(tag: str, shape: Shape) -> Writer:
    if shape.serialization.get("flattened"):
        write_one = _element(tag, shape.member)

        def write_flat(value: Any, out: list[str]) -> None:
            for element in value:
                write_one(element, out)

        return write_flat

    write_member = _element(str(shape.member.serialization.get("name", "member")), shape.member)
    start, end = f"<{tag}>", f"</{tag}>"

    def write(value: Any, out: list[str]) -> None:
        out.append(start)
        for element in value:
            write_member(element, out)
        out.append(end)

    return write


def _map(tag: str, shape: Shape) -> Writer:
    flattened = bool(shape.serialization.get("flattened"))
    write_key = _element(str(shape.key.serialization.get("name", "key")), shape.key)
    write_value = _element(str(shape.value.serialization.get("name", "value")), shape.value)
    entry = tag if flattened else "entry"
    start, end = ("", "") if flattened else (f"<{tag}>", f"</{tag}>")

    def write(value: Any, out: list[str]) -> None:
        out.append(start)
        for key, element in value.items():
            out.append(f"<{entry}>")
            write_key(key, out)
            write_value(element, out)
            out.append(f"</{entry}>")
        out.append(end)

    return write


def _scalar(tag: str, text_of: Callable[[Any], str]) -> Writer:
    start, end = f"<{tag}>", f"</{tag}>"

    def write(value: Any, out: list[str]) -> None:
        out.append(start + text_of(value) + end)

    return write


def write_timestamp(at: int) -> str:
    """Write ISO 8601, with milliseconds only where there are any."""
    return iso(at).replace(".000Z", "Z")


_SCALARS: dict[str, Callable[[Any], str]] = {
    "string": escape,
    "boolean": lambda value: "true" if value else "false",
    "integer": lambda value: str(int(value)),
    "long": lambda value: str(int(value)),
    "double": lambda value: str(float(value)),
    "float": lambda value: str(float(value)),
    "blob": lambda value: b64encode(value).decode("ascii"),
    "timestamp": write_timestamp,
}
