"""What may be published, and the form in which it is kept.

Pure. Called by api/sns/ before publish.py. Attributes come in the shape that
SNS and SQS share (DataType, StringValue or BinaryValue) and are kept in the
shape of posts (Type, Value).
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pillarbox.pubsub.queue_content import MOST_ATTRIBUTES
from pillarbox.pubsub.refusals import (
    BatchTooLong,
    EmptyBatch,
    EntryIdsRepeat,
    InvalidEntryId,
    InvalidMessageAttribute,
    InvalidParameter,
    TooManyEntries,
)

_LONGEST_SUBJECT = 100
_MOST_ENTRIES = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LONGEST_NAME = 256
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_UNCARRIED = re.compile("[\x00\ud800-\udfff]")  # neither JSON in UTF-8 nor every store can hold them
_ODD_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")

Told = dict[str, dict[str, str]]


def check_message(message: str, subject: str | None) -> None:
    """Refuse a message without text, and a subject that could not stand in a header."""
    if not message:
        raise InvalidParameter("Empty message")
    if _UNCARRIED.search(message):
        raise InvalidParameter("Message Reason: it has characters that no receiver could be told")
    if subject is not None and not (0 < len(subject) <= _LONGEST_SUBJECT and subject.isprintable()):
        raise InvalidParameter("Subject")


def check_size(message: str, attributes: Mapping[str, Mapping[str, Any]], most: int) -> None:
    if size_of(message, attributes) > most:
        raise InvalidParameter("Message too long")


def size_of(message: str, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many bytes count against the limit: the message, and names, types and values of attributes."""
    size = len(message.encode())
    for name, attribute in attributes.items():
        size += len(name.encode()) + len(attribute["DataType"].encode())
        size += len((attribute.get("StringValue") or "").encode()) + len(attribute.get("BinaryValue") or b"")
    return size


def check_entries(ids: Sequence[str]) -> None:
    """Refuse a whole batch by its ids."""
    if not ids:
        raise EmptyBatch("The batch request doesn't contain any entries.")
    if len(ids) > _MOST_ENTRIES:
        raise TooManyEntries("The batch request contains more entries than permissible.")
    if len(set(ids)) < len(ids):
        raise EntryIdsRepeat("Two or more batch entries in the request have the same Id.")
    if not all(_ENTRY_ID.fullmatch(entry_id) for entry_id in ids):
        raise InvalidEntryId("The Id of a batch entry in a batch request doesn't abide by the specification.")


def check_sizes(sizes: Sequence[int], most: int) -> None:
    """Refuse a batch whose messages are too long together."""
    if sum(sizes) > most:
        raise BatchTooLong("The length of all the batch messages put together is more than the limit.")


def messages_by_protocol(structure: str | None, message: str) -> tuple[str, dict[str, str]]:
    """Return the message for everybody, and the messages of those protocols that have their own."""
    if not structure:
        return message, {}
    if structure != "json":
        raise InvalidParameter("MessageStructure")
    try:
        given = json.loads(message)
    except (ValueError, RecursionError):
        raise InvalidParameter("Message Structure - JSON message body failed to parse") from None
    if not isinstance(given, dict) or not isinstance(given.get("default"), str):
        raise InvalidParameter("Message Structure - No default entry in JSON message body")
    return given["default"], {key: text for key, text in given.items() if isinstance(text, str) and key != "default"}


def attributes_to_tell(attributes: Mapping[str, Mapping[str, Any]]) -> Told:
    """Return attributes as posts show them; refuse those that have no proper name, type or value."""
    told = {}
    for name, attribute in attributes.items():
        _check_name(name)
        told[name] = {"Type": attribute["DataType"], "Value": _value_of(name, attribute)}
    return told


def attributes_for_queue(
    told: Mapping[str, Mapping[str, str]], *, is_replayed: bool = False
) -> dict[str, dict[str, Any]]:
    """Return attributes of posts in the shape that queues take; one more tells of a replay, where there is room."""
    if is_replayed and len(told) < MOST_ATTRIBUTES:
        told = {**told, "Replayed": {"Type": "String", "Value": "true"}}
    return {
        name: {"DataType": one["Type"], "BinaryValue": base64.b64decode(one["Value"])}
        if one["Type"].startswith("Binary")
        else {"DataType": one["Type"], "StringValue": one["Value"]}
        for name, one in told.items()
    }


def _check_name(name: str) -> None:
    if not name or len(name.encode()) > _LONGEST_NAME:
        raise InvalidMessageAttribute(f"Length of message attribute name must be less than {_LONGEST_NAME} bytes.")
    if odd := _ODD_CHARACTER.search(name):
        raise InvalidMessageAttribute(
            f"Invalid non-alphanumeric character '#x{ord(odd[0]):X}' was found in the message attribute name."
            " Can only include alphanumeric characters, hyphens, underscores, or dots."
        )
    if name.startswith("."):
        raise InvalidMessageAttribute("Invalid message attribute name starting with character '.' was found.")
    if name.endswith("."):
        raise InvalidMessageAttribute("Invalid message attribute name ending with character '.' was found.")
    if ".." in name:
        raise InvalidMessageAttribute("Message attribute name can not have successive '.' character.")


def _value_of(name: str, attribute: Mapping[str, Any]) -> str:
    data_type = attribute["DataType"]
    found = _TYPE.fullmatch(data_type)
    if not found:
        raise InvalidMessageAttribute(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes"
            " is Binary, Number, and String."
        )
    text, octets = attribute.get("StringValue"), attribute.get("BinaryValue")
    wanted, other = (octets, text) if found[1] == "Binary" else (text, octets)
    if wanted is None and other is not None:
        field = "Binary" if found[1] == "Binary" else "String"
        raise InvalidMessageAttribute(
            f"The message attribute '{name}' with type '{data_type}' must use field '{field}'."
        )
    if not wanted:
        raise InvalidMessageAttribute(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type"
            f" '{data_type}'."
        )
    if isinstance(wanted, bytes):
        return base64.b64encode(wanted).decode()
    if found[1] == "Number" and not _is_number(wanted):
        raise InvalidMessageAttribute(f"Could not cast message attribute '{name}' value to number.")
    return str(wanted)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and text.strip().lower() not in ("nan", "inf", "-inf", "infinity")
