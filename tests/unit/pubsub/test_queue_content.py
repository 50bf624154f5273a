"""What a message may contain, its size, its sums and its way to the store and back."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.pubsub import md5, queue_content
from pillarbox.pubsub.queue_errors import InvalidContents, InvalidParameter, InvalidReceipt, Unsupported
from pillarbox.pubsub.receipts import Receipt, handle_of, receipt_of

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
ODD = st.sampled_from("\x00\x0b\x1f\x7f\ud800\udfff\ufffd\ufffe\uffff")
CARRIED = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


def text(value: str, data_type: str = "String") -> dict[str, Any]:
    return {"DataType": data_type, "StringValue": value}


@given(st.text(st.one_of(st.characters(), ODD), max_size=9))
def test_a_body_is_refused_exactly_when_it_has_a_character_that_sqs_does_not_carry(body: str) -> None:
    if CARRIED.fullmatch(body):
        queue_content.check_body(body)
    else:
        with pytest.raises(InvalidContents):
            queue_content.check_body(body)


# The sums are those that the service gave for these values.
@pytest.mark.parametrize(
    "attributes, digest",
    [
        ({"Foo": text("Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
        (
            {"Help.Me": text("Me"), "Hello": text("There"), "General": text("Kenobi")},
            "4c360f3fdafd970e05fae2f149d997f5",
        ),
        (
            {
                "attr1": {
                    "DataType": "Binary",
                    "BinaryValue": b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                }
            },
            "8cbe4db156db8a94db8b801b7addb984",
        ),
    ],
)
def test_attribute_sums_are_those_of_the_service(attributes: dict[str, Any], digest: str) -> None:
    assert md5.of_attributes(attributes) == digest


def test_the_body_sum_is_that_of_its_utf8_form() -> None:
    assert md5.of_body("msg") == "6e2baaf3b97dbeef01c0043275f9a0e7"
    assert md5.of_body("ü") == "c03410a5204b21cd8229ff754688d743"


@pytest.mark.parametrize("name", ["", ".a", "a.", "a..b", "a b", "AWS.x", "amazon.y", "é", "x" * 257, "a\n"])
def test_a_bad_attribute_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="attribute name"):
        queue_content.check_attributes({name: text("v")})


@pytest.mark.parametrize("data_type", ["Strings", "string", "", "String.", "Bool", "String." + "x" * 250])
def test_a_bad_data_type_is_refused(data_type: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid message attribute type"):
        queue_content.check_attributes({"a": text("v", data_type)})


@pytest.mark.parametrize(
    "attribute",
    [
        {"DataType": "String"},
        text(""),
        {"DataType": "String", "BinaryValue": b"v"},
        {"DataType": "Binary", "BinaryValue": b""},
        text("v", "Binary.png"),
        {"DataType": "String", "StringValue": "v", "BinaryValue": b"v"},
    ],
)
def test_an_attribute_has_one_value_that_fits_its_type_and_is_not_empty(attribute: dict[str, Any]) -> None:
    reason = f"Message (user) attribute 'a' must contain a non-empty value of type '{attribute['DataType']}'."
    with pytest.raises(InvalidParameter, match=re.escape(reason)):
        queue_content.check_attributes({"a": attribute})


@pytest.mark.parametrize("value", ["abc", "1,5", "٣", "1e", "--1", "NaN"])
def test_a_number_must_be_one(value: str) -> None:
    with pytest.raises(InvalidParameter, match="to a number"):
        queue_content.check_attributes({"a": text(value, "Number.int")})


def test_good_attributes_pass() -> None:
    queue_content.check_attributes(
        {
            "a": text("v", "String.label.more"),
            "b-b_b.b": text("-1.5e+10", "Number"),
            "c": {"DataType": "Binary.gif", "BinaryValue": b"\x00\xff"},
        }
    )


def test_more_than_ten_attributes_and_lists_of_values_are_refused() -> None:
    with pytest.raises(InvalidParameter, match=re.escape("[11] exceeds the allowed maximum [10]")):
        queue_content.check_attributes({f"a{number}": text("v") for number in range(11)})
    with pytest.raises(Unsupported):
        queue_content.check_attributes({"a": {"DataType": "String", "StringListValues": ["v"]}})


def test_only_the_trace_header_is_a_system_attribute() -> None:
    queue_content.check_system_attributes({"AWSTraceHeader": text("Root=1-5759e988")})
    for attributes in ({"SenderId": text("me")}, {"AWSTraceHeader": text("1", "Number")}, {"AWSTraceHeader": text("")}):
        with pytest.raises(InvalidParameter):
            queue_content.check_system_attributes(attributes)


def test_the_size_counts_body_and_names_types_and_values_of_attributes() -> None:
    attributes = {"né": text("v"), "b": {"DataType": "Binary", "BinaryValue": b"1234"}}

    assert queue_content.size_of("bödy", attributes) == 5 + (3 + 6 + 1) + (1 + 6 + 4)


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.one_of(
            st.builds(text, st.text(min_size=1)),
            st.binary(min_size=1).map(lambda value: {"DataType": "Binary", "BinaryValue": value}),
        ),
    )
)
def test_attributes_come_back_from_the_store_as_they_went(attributes: dict[str, Any]) -> None:
    assert queue_content.attributes_from_json(queue_content.attributes_to_json(attributes)) == attributes


QUEUE = "00ff00ff00ff00ff"


def test_a_handle_leads_back_to_its_receipt() -> None:
    receipt = Receipt(QUEUE, 2**40, 1_700_000_000_000, 3)

    assert receipt_of(handle_of(receipt), QUEUE) == receipt
    assert handle_of(receipt._replace(receive_count=4)) != handle_of(receipt)


def test_a_handle_of_another_queue_or_with_a_changed_letter_is_refused() -> None:
    handle = handle_of(Receipt(QUEUE, 7, 1_700_000_000_000, 1))
    changed = [handle[:place] + ("A" if handle[place] != "A" else "B") + handle[place + 1 :] for place in range(20)]

    for wrong in ["x", "", "é", handle[:-4], handle + "AAAA", *changed]:
        with pytest.raises(InvalidReceipt, match="is not a valid receipt handle"):
            receipt_of(wrong, QUEUE)
    with pytest.raises(InvalidReceipt):
        receipt_of(handle, "ff00ff00ff00ff00")
