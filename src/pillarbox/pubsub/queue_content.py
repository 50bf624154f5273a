"""What a queue message may contain, and how it is kept.

Pure. Called by pubsub/queues.py. Attributes have the shape that SNS and SQS
share: name -> {"DataType", "StringValue" or "BinaryValue"}.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from pillarbox.pubsub.queue_errors import InvalidContents, InvalidParameter, Unsupported

MessageAttributes = Mapping[str, Mapping[str, Any]]

MOST_ATTRIBUTES = 10
_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_LONGEST_TYPE = 256
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# Every byte that can stand in a good body: tab, line feed, carriage return and all from space upwards.
_GOOD_BYTES = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x100)])
_NONCHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # U+FFFE and U+FFFF
_GOOD_CHARACTERS = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
_TRACE = "AWSTraceHeader"


class _Attribute(msgspec.Struct, omit_defaults=True):
    DataType: str
    StringValue: str | None = None
    BinaryValue: bytes | None = None


_decode_attributes = msgspec.json.Decoder(dict[str, _Attribute]).decode
_decode_system = msgspec.json.Decoder(dict[str, str]).decode


def check_body(body: str) -> None:
    """Refuse characters that SQS does not carry."""
    try:
        octets = body.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        octets = b"\x00"
    # bytes.translate looks at a megabyte in less than a millisecond; a regular expression takes many.
    if octets.translate(None, _GOOD_BYTES) or any(wrong in octets for wrong in _NONCHARACTERS):
        raise InvalidContents(
            "Invalid characters were found in the message body, the set of allowed characters is " + _GOOD_CHARACTERS
        )


def check_attributes(attributes: MessageAttributes) -> None:
    """Refuse attributes that SQS does not carry."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidParameter(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}]."
        )
    for name, attribute in attributes.items():
        _check_attribute(name, attribute)


def check_system_attributes(attributes: MessageAttributes) -> None:
    for name, attribute in attributes.items():
        if name != _TRACE:
            raise InvalidParameter(f"Message system attribute name '{name}' is invalid.")
        if attribute["DataType"] != "String" or not attribute.get("StringValue"):
            raise InvalidParameter(
                f"Message system attribute '{name}' must contain a non-empty value of type 'String'."
            )


def size_of(body: str, attributes: MessageAttributes) -> int:
    """Return how many bytes count against the limit: the body, and names, types and values of attributes."""
    size = len(body.encode())
    for name, attribute in attributes.items():
        value = attribute.get("BinaryValue")
        size += len(name.encode()) + len(attribute["DataType"].encode())
        size += len((attribute.get("StringValue") or "").encode()) if value is None else len(value)
    return size


def attributes_to_json(attributes: MessageAttributes) -> str:
    kept = {
        name: _Attribute(attribute["DataType"], attribute.get("StringValue"), attribute.get("BinaryValue"))
        for name, attribute in attributes.items()
    }
    return msgspec.json.encode(kept).decode()


def attributes_from_json(text: str) -> dict[str, dict[str, Any]]:
    """Return attributes as SQS shows them, without the members that they do not have."""
    return {name: msgspec.to_builtins(kept, builtin_types=(bytes,)) for name, kept in _decode_attributes(text).items()}


def system_to_json(attributes: Mapping[str, str]) -> str:
    return msgspec.json.encode(attributes).decode()


def system_from_json(text: str) -> dict[str, str]:
    return _decode_system(text)


def _check_attribute(name: str, attribute: Mapping[str, Any]) -> None:
    if not _NAME.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
        raise InvalidParameter(
            f"Message (user) attribute name '{name}' is invalid: it may have 1 to 256 letters, digits, hyphens,"
            " underscores and single periods inside, and must not start with AWS. or Amazon."
        )
    if attribute.get("StringListValues") or attribute.get("BinaryListValues"):
        raise Unsupported("Message attribute list values in SendMessage operation are not supported.")
    data_type = attribute["DataType"]
    found = _TYPE.fullmatch(data_type)
    if not found or len(data_type) > _LONGEST_TYPE:
        raise InvalidParameter(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type"
            " prefixes is Binary, Number, and String."
        )
    text, binary = attribute.get("StringValue"), attribute.get("BinaryValue")
    if not (binary if found[1] == "Binary" else text) or (text is not None and binary is not None):
        raise InvalidParameter(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{data_type}'."
        )
    if found[1] == "Number" and not _NUMBER.fullmatch(text or ""):
        raise InvalidParameter(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    if text:
        check_body(text)
