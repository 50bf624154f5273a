"""What a subscription may be set to."""

import pytest

from pillarbox.kit.ids import Scope
from pillarbox.pubsub.refusals import InvalidParameter
from pillarbox.pubsub.subscription_attributes import all_changed, changed, dead_letter_arn, has_all

HERE = Scope("123456789012", "us-east-1")
QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("fake-attribute", "x", "AttributeName"),
        ("RawMessageDelivery", "test-ValUe", "RawMessageDelivery: Invalid value [test-ValUe]. Must be true or false."),
        ("RawMessageDelivery", "", "RawMessageDelivery: Invalid value []. Must be true or false."),
        ("RedrivePolicy", '{"deadLetterTargetArn": "fake"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("RedrivePolicy", "{invalidjson}", "RedrivePolicy: failed to parse JSON."),
        (
            "RedrivePolicy",
            '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:q"}',
            "RedrivePolicy: deadLetterTargetArn must be a queue of the same account and region",
        ),
        ("FilterPolicy", "{invalidjson}", "FilterPolicy: failed to parse JSON."),
        (
            "FilterPolicyScope",
            "RandomValue",
            "FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes",
        ),
        (
            "FilterPolicy",
            '{"object": {"key": [{"prefix": "auto-"}]}}',
            "Filter policy scope MessageAttributes does not support nested filter policy",
        ),
        ("DeliveryPolicy", "[]", "DeliveryPolicy: must be a JSON object"),
    ],
)
def test_an_attribute_that_is_wrong_is_refused_by_name(name: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        changed({}, name, value, HERE, "https", is_fifo=False)
    assert refused.value.reason == reason
    with pytest.raises(InvalidParameter) as refused:
        all_changed({name: value}, HERE, "https", is_fifo=False)
    assert refused.value.reason == f"Attributes Reason: {reason}"


def test_a_queue_has_no_delivery_policy() -> None:
    with pytest.raises(InvalidParameter, match="only HTTP and HTTPS subscriptions have one"):
        changed({}, "DeliveryPolicy", '{"healthyRetryPolicy":{"numRetries":1}}', HERE, "sqs", is_fifo=False)


def test_the_order_in_which_attributes_are_given_does_not_matter() -> None:
    nested = {"FilterPolicy": '{"a": {"b": ["c"]}}', "FilterPolicyScope": "MessageBody"}
    assert all_changed(nested, HERE, "sqs", is_fifo=False) == nested


def redrive(queue: str) -> str:
    return f'{{"deadLetterTargetArn": "{queue}"}}'


@pytest.mark.parametrize(
    ("is_fifo", "queue", "other"), [(False, QUEUE, f"{QUEUE}.fifo"), (True, f"{QUEUE}.fifo", QUEUE)]
)
def test_a_dead_letter_queue_is_of_the_kind_of_the_topic(is_fifo: bool, queue: str, other: str) -> None:
    kept = changed({}, "RedrivePolicy", redrive(queue), HERE, "sqs", is_fifo=is_fifo)
    assert dead_letter_arn(kept["RedrivePolicy"]) == queue
    with pytest.raises(InvalidParameter, match="RedrivePolicy: must use a"):
        changed({}, "RedrivePolicy", redrive(other), HERE, "sqs", is_fifo=is_fifo)


def test_a_dead_letter_queue_is_of_the_account_and_region() -> None:
    elsewhere = redrive(QUEUE.replace("us-east-1", "eu-west-1"))
    for text in ("[]", "{}", '{"deadLetterTargetArn": 1}', elsewhere, "[" * 9_999):
        with pytest.raises(InvalidParameter, match="RedrivePolicy: "):
            changed({}, "RedrivePolicy", text, HERE, "sqs", is_fifo=False)


def test_defaults_count_as_being_there() -> None:
    assert has_all({}, {"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes"})
    assert not has_all({}, {"RawMessageDelivery": "true"})
    assert not has_all({"FilterPolicy": "{}"}, {"FilterPolicy": '{"a":["b"]}'})
