"""What may be published."""

from typing import Any

import pytest

from pillarbox.pubsub.notice_content import (
    attributes_for_queue,
    attributes_to_tell,
    check_entries,
    check_message,
    check_size,
    check_sizes,
    messages_by_protocol,
    size_of,
)
from pillarbox.pubsub.refusals import (
    BatchTooLong,
    EmptyBatch,
    EntryIdsRepeat,
    InvalidEntryId,
    InvalidMessageAttribute,
    InvalidParameter,
    TooManyEntries,
)


def text(value: str, kind: str = "String") -> dict[str, Any]:
    return {"DataType": kind, "StringValue": value}


def test_attributes_are_told_as_text_and_come_back_for_queues() -> None:
    given = {"a": text("x"), "n": text("1.5e3", "Number"), "b": {"DataType": "Binary.png", "BinaryValue": b"\2\3\4"}}
    told = attributes_to_tell(given)
    assert told == {
        "a": {"Type": "String", "Value": "x"},
        "n": {"Type": "Number", "Value": "1.5e3"},
        "b": {"Type": "Binary.png", "Value": "AgME"},
    }
    assert attributes_for_queue(told) == given


@pytest.mark.parametrize(
    ("name", "attribute", "reason"),
    [
        ("attr1", text(""), "must contain non-empty message attribute value for message attribute type 'String'."),
        ("attr1", {"DataType": "Binary"}, "must contain non-empty message attribute value for message attribute type"),
        ("attr1", {"DataType": "String", "BinaryValue": b"x"}, "with type 'String' must use field 'String'."),
        ("attr1", {"DataType": "Number", "BinaryValue": b"x"}, "with type 'Number' must use field 'String'."),
        ("attr1", {"DataType": "Binary", "StringValue": "x"}, "with type 'Binary' must use field 'Binary'."),
        ("attr1", text("x", "Stringy"), "the set of supported type prefixes is Binary, Number, and String."),
        ("attr1", text("x", "prefixedString"), "has an invalid message attribute type"),
        ("attr1", text("ten", "Number"), "Could not cast message attribute 'attr1' value to number."),
        ("attr1", text("NaN", "Number"), "Could not cast message attribute 'attr1' value to number."),
        ("n" * 257, text("x"), "Length of message attribute name must be less than 256 bytes."),
        ("a^b", text("x"), "Invalid non-alphanumeric character '#x5E' was found in the message attribute name."),
        (".a", text("x"), "Invalid message attribute name starting with character '.' was found."),
        ("a.", text("x"), "Invalid message attribute name ending with character '.' was found."),
        ("a..b", text("x"), "Message attribute name can not have successive '.' character."),
    ],
)
def test_an_attribute_that_is_wrong_is_refused_by_name(name: str, attribute: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidMessageAttribute) as refused:
        attributes_to_tell({name: attribute})
    assert reason in str(refused.value)


def test_a_message_needs_text_and_a_subject_that_can_be_shown() -> None:
    check_message("x", "Grüße, " + "x" * 90)
    for message, subject, reason in [
        ("", None, "Empty message"),
        ("x", "", "Subject"),
        ("x", "a\nb", "Subject"),
        ("x", "a" * 101, "Subject"),
        ("x\0", None, "Message Reason"),
        ("x\ud800", None, "Message Reason"),
    ]:
        with pytest.raises(InvalidParameter, match=f"Invalid parameter: {reason}"):
            check_message(message, subject)


def test_message_and_attributes_are_limited_together() -> None:
    attributes = {"ab": text("cd")}
    assert size_of("é", attributes) == 2 + 2 + 6 + 2
    check_size("x" * (262_144 - 10), attributes, 262_144)
    with pytest.raises(InvalidParameter, match="Invalid parameter: Message too long"):
        check_size("x" * (262_144 - 9), attributes, 262_144)


def test_a_structured_message_has_a_default_and_some_of_their_own() -> None:
    assert messages_by_protocol(None, "{}") == ("{}", {})
    given = '{"default": "d", "sqs": "s", "http": 1}'
    assert messages_by_protocol("json", given) == ("d", {"sqs": "s"})
    for message, reason in [
        ('{"sqs": "s"}', "No default entry in JSON message body"),
        ('{"default": {"a": 1}}', "No default entry in JSON message body"),
        ("[1]", "No default entry in JSON message body"),
        ("{", "JSON message body failed to parse"),
    ]:
        with pytest.raises(InvalidParameter, match=f"Invalid parameter: Message Structure - {reason}"):
            messages_by_protocol("json", message)


@pytest.mark.parametrize(
    ("ids", "sizes", "refusal"),
    [
        ([], [], EmptyBatch),
        ([str(number) for number in range(11)], [1] * 11, TooManyEntries),
        (["a", "a"], [1, 1], EntryIdsRepeat),
        (["a b"], [1], InvalidEntryId),
        (["a", "b"], [262_144, 1], BatchTooLong),
    ],
)
def test_a_batch_that_is_wrong_is_refused_whole(ids: list[str], sizes: list[int], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        check_entries(ids)
        check_sizes(sizes, 262_144)
