"""What the attributes of a queue may be."""

import pytest

from pillarbox.kit.ids import Scope
from pillarbox.pubsub import queue_attributes
from pillarbox.pubsub.queue_errors import InvalidAttributeValue, InvalidParameter, UnknownAttribute, Unsupported
from pillarbox.pubsub.queue_names import arn_of, check_name, place_of_arn

ARN = "arn:aws:sqs:us-east-1:123456789012:dead"


@pytest.mark.parametrize(
    "name, least, most",
    [
        ("VisibilityTimeout", 0, 43_200),
        ("MaximumMessageSize", 1_024, 1_048_576),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("DelaySeconds", 0, 900),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ],
)
def test_numbers_are_held_to_their_range(name: str, least: int, most: int) -> None:
    assert queue_attributes.changed({}, {name: str(least)}) == {name: str(least)}
    assert queue_attributes.changed({}, {name: str(most)}) == {name: str(most)}
    for wrong in (str(least - 1), str(most + 1), "", " 60", "1e3", "60.5", "٦٠", "9" * 40):
        with pytest.raises(InvalidAttributeValue, match=f"Invalid value for the parameter {name}."):
            queue_attributes.changed({}, {name: wrong})


@pytest.mark.parametrize("name", ["All", "QueueArn", "ApproximateNumberOfMessages", "FifoQueue", "Colour"])
def test_an_attribute_that_nobody_may_set_is_unknown(name: str) -> None:
    with pytest.raises(UnknownAttribute, match=f"Unknown Attribute {name}."):
        queue_attributes.changed({}, {name: "true"})


@pytest.mark.parametrize(
    "policy, reason",
    [
        ("no json", "Redrive policy is not a valid JSON map."),
        ("[]", "Redrive policy is not a valid JSON map."),
        ('{"maxReceiveCount": 3}', "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
        (
            f'{{"deadLetterTargetArn": "{ARN}"}}',
            "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
        ),
        ('{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}', "Invalid value for deadLetterTargetArn."),
        (
            f'{{"deadLetterTargetArn": "{ARN}", "maxReceiveCount": 1001}}',
            "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.",
        ),
        (
            f'{{"deadLetterTargetArn": "{ARN}", "maxReceiveCount": "0"}}',
            "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.",
        ),
    ],
)
def test_a_bad_redrive_policy_is_refused_with_its_reason(policy: str, reason: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        queue_attributes.changed({}, {"RedrivePolicy": policy})

    assert str(refusal.value) == f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}"


@pytest.mark.parametrize("count", ["3", '"3"'])
def test_a_receive_count_may_be_a_number_or_text(count: str) -> None:
    redrive = queue_attributes.redrive_of(f'{{"deadLetterTargetArn": "{ARN}", "maxReceiveCount": {count}}}')

    assert redrive == queue_attributes.Redrive(ARN, 3)


def test_setting_a_policy_to_nothing_takes_it_away() -> None:
    after = queue_attributes.changed({"RedrivePolicy": "x", "DelaySeconds": "5"}, {"RedrivePolicy": ""})

    assert after == {"DelaySeconds": "5"}


def test_kms_keys_are_refused_by_name_and_their_defaults_taken() -> None:
    assert queue_attributes.changed({}, {"KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300"}) == {}
    for name, value in {"KmsMasterKeyId": "alias/mine", "KmsDataKeyReusePeriodSeconds": "60"}.items():
        with pytest.raises(Unsupported, match=name):
            queue_attributes.changed({}, {name: value})


def test_the_same_policy_in_other_words_is_no_difference() -> None:
    present = {"RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":3}}'}
    given = {"RedrivePolicy": f'{{ "maxReceiveCount": 3, "deadLetterTargetArn": "{ARN}" }}', "VisibilityTimeout": "30"}

    assert queue_attributes.first_difference(present, given) is None
    assert queue_attributes.first_difference(present, {"VisibilityTimeout": "31"}) == "VisibilityTimeout"
    assert queue_attributes.first_difference({}, {"RedrivePolicy": "", "KmsDataKeyReusePeriodSeconds": "300"}) is None


@pytest.mark.parametrize(
    "policy, allowed",
    [
        ("", True),
        ('{"redrivePermission": "allowAll"}', True),
        ('{"redrivePermission": "denyAll"}', False),
        (f'{{"redrivePermission": "byQueue", "sourceQueueArns": ["{ARN}"]}}', True),
        ('{"redrivePermission": "byQueue", "sourceQueueArns": ["arn:aws:sqs:us-east-1:123456789012:x"]}', False),
    ],
)
def test_a_dead_letter_queue_says_whose_letters_it_takes(policy: str, allowed: bool) -> None:
    attributes = queue_attributes.changed({}, {"RedriveAllowPolicy": policy})

    assert queue_attributes.may_be_dead_letter_queue_of(attributes, ARN) is allowed


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        '{"redrivePermission": "some"}',
        '{"redrivePermission": "byQueue"}',
        '{"redrivePermission": "byQueue", "sourceQueueArns": []}',
        '{"redrivePermission": "byQueue", "sourceQueueArns": ["x"]}',
        f'{{"redrivePermission": "denyAll", "sourceQueueArns": ["{ARN}"]}}',
    ],
)
def test_a_bad_redrive_allow_policy_is_refused(policy: str) -> None:
    with pytest.raises(InvalidParameter, match="for parameter RedriveAllowPolicy is invalid"):
        queue_attributes.changed({}, {"RedriveAllowPolicy": policy})


@pytest.mark.parametrize("attributes", [{"Policy": "no json"}, {"SqsManagedSseEnabled": "yes"}])
def test_other_bad_values_are_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(InvalidAttributeValue, match=next(iter(attributes))):
        queue_attributes.changed({}, attributes)


@pytest.mark.parametrize("name", ["", "a.b", "ééé", "x" * 81, "a b", "a/b", "a\n"])
def test_a_queue_name_has_letters_digits_hyphens_and_underscores(name: str) -> None:
    with pytest.raises(InvalidParameter, match="Can only include alphanumeric characters"):
        check_name(name, is_fifo=False)


@pytest.mark.parametrize("name", ["orders", ".fifo", "a.b.fifo", "x" * 76 + ".fifo", "orders.FIFO"])
def test_the_name_of_a_fifo_queue_ends_in_fifo(name: str) -> None:
    with pytest.raises(InvalidParameter, match=r"must end with \.fifo suffix and be 1 to 80 in length"):
        check_name(name, is_fifo=True)
    check_name("x" * 75 + ".fifo", is_fifo=True)


def test_a_queue_is_made_a_fifo_queue_and_stays_one() -> None:
    fifo = queue_attributes.changed({}, {"FifoQueue": "true"}, is_new=True)

    assert queue_attributes.changed(fifo, {"FifoQueue": "true"}) == fifo
    with pytest.raises(InvalidAttributeValue, match="Modifying queue type is not supported"):
        queue_attributes.changed(fifo, {"FifoQueue": "false"})
    with pytest.raises(UnknownAttribute, match=r"Unknown Attribute FifoQueue\."):
        queue_attributes.changed({}, {"FifoQueue": "false"}, is_new=True)


@pytest.mark.parametrize(
    "name, text",
    [
        ("ContentBasedDeduplication", "Unknown Attribute ContentBasedDeduplication."),
        ("DeduplicationScope", "You can specify the DeduplicationScope only when FifoQueue is set to true."),
        ("FifoThroughputLimit", "You can specify the FifoThroughputLimit only when FifoQueue is set to true."),
    ],
)
def test_a_standard_queue_has_none_of_the_fifo_attributes(name: str, text: str) -> None:
    with pytest.raises(UnknownAttribute, match=text):
        queue_attributes.changed({}, {name: "true"})


def test_a_limit_for_each_group_needs_deduplication_in_each_group() -> None:
    fifo = {"FifoQueue": "true"}
    with pytest.raises(InvalidAttributeValue, match="perMessageGroupId is allowed only when"):
        queue_attributes.changed(fifo, {"FifoThroughputLimit": "perMessageGroupId"})
    both = {"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup"}
    assert queue_attributes.changed(fifo, both) == {**fifo, **both}
    with pytest.raises(InvalidAttributeValue, match="perMessageGroupId is allowed only when"):
        queue_attributes.changed({**fifo, **both}, {"DeduplicationScope": "queue"})
    for name, value in (("FifoThroughputLimit", "x"), ("DeduplicationScope", "x"), ("ContentBasedDeduplication", "x")):
        with pytest.raises(InvalidAttributeValue, match=f"Invalid value for the parameter {name}."):
            queue_attributes.changed(fifo, {name: value})


def test_an_arn_leads_back_to_its_queue() -> None:
    scope = Scope("123456789012", "eu-west-1")

    assert arn_of(scope, "mail_events-1") == "arn:aws:sqs:eu-west-1:123456789012:mail_events-1"
    assert place_of_arn(arn_of(scope, "mail_events-1")) == (scope, "mail_events-1")
    assert place_of_arn("arn:aws:sns:eu-west-1:123456789012:x") is None
