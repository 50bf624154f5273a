"""Topics as a noun; each test runs on both engines."""

import json

import pytest

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import subscribed_topics, topics
from pillarbox.pubsub.refusals import InvalidParameter, ResourceNotFound, TooManyTags, TopicNotFound
from pillarbox.pubsub.topic_access import place_of
from pillarbox.store.engine import Store

HERE = Scope("123456789012", "us-east-1")
ELSEWHERE = Scope("210987654321", "us-east-1")
NOON: Millis = 1_700_000_000_000


async def create(store: Store, name: str, tags: dict[str, str] | None = None, **attributes: str) -> None:
    await store.write(topics.create, HERE, name, attributes, tags or {}, NOON)


async def refusal(store: Store, name: str, tags: dict[str, str] | None = None, **attributes: str) -> str:
    with pytest.raises(InvalidParameter) as refused:
        await create(store, name, tags, **attributes)
    return refused.value.reason


async def attributes_of(store: Store, name: str, scope: Scope = HERE) -> dict[str, str]:
    return await store.read(subscribed_topics.attributes_of, scope, name, NOON)


async def test_a_new_topic_has_the_attributes_of_aws(store: Store) -> None:
    await create(store, "events")
    found = await attributes_of(store, "events")
    policy = json.loads(found.pop("Policy"))
    assert policy["Id"] == "__default_policy_ID"
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": "123456789012"}}
    assert json.loads(found.pop("EffectiveDeliveryPolicy"))["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    assert found == {
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:events",
        "Owner": "123456789012",
        "DisplayName": "",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }


async def test_creating_a_topic_again_is_the_same_when_nothing_differs(store: Store) -> None:
    await create(store, "events", {"a": "1", "b": "2"}, DisplayName="Events")
    await create(store, "events")
    await create(store, "events", {"a": "1"}, DisplayName="Events")
    different = "Attributes Reason: Topic already exists with different attributes"
    assert await refusal(store, "events", DisplayName="Other") == different
    assert await refusal(store, "events", SignatureVersion="2") == different
    assert await refusal(store, "events", {"a": "2"}) == "Tags Reason: Topic already exists with different tags"


async def test_a_name_that_no_topic_can_have(store: Store) -> None:
    for name in ("", "a b", "a.b", "x" * 257, "ü", "events.fifo"):
        assert await refusal(store, name) == "Topic Name"


async def test_the_name_of_a_fifo_topic_says_so(store: Store) -> None:
    await create(store, "events.fifo", FifoTopic="true")
    shown = await attributes_of(store, "events.fifo")
    assert (shown["FifoTopic"], shown["ContentBasedDeduplication"], shown["FifoThroughputScope"]) == (
        "true",
        "false",
        "Topic",
    )
    assert (await refusal(store, "events", FifoTopic="true")).startswith("Fifo Topic names must end with .fifo")
    await create(store, "events", FifoTopic="false")


WRONG = [
    ("SignatureVersion", "3", "SignatureVersion"),
    ("DisplayName", "x" * 101, "DisplayName"),
    ("DisplayName", "a\r\nb", "DisplayName"),
    ("Policy", "{", "Policy Error: null"),
    ("Policy", "[]", "Policy Error: null"),
    ("DeliveryPolicy", "{", "DeliveryPolicy: failed to parse JSON."),
    ("KmsMasterKeyId", "alias/x", "KmsMasterKeyId Reason: KmsMasterKeyId=alias/x is not offered by this server"),
    ("TracingConfig", "Active", "TracingConfig Reason: TracingConfig=Active is not offered by this server"),
    (
        "ArchivePolicy",
        '{"MessageRetentionPeriod":"7"}',
        "ArchivePolicy can only be set for FIFO topics",
    ),
    ("ArchivePolicy", "", "ArchivePolicy: failed to parse JSON."),
    ("MaximumMessageSize", "1023", "MaximumMessageSize Reason: it must be from 1024 to 1048576 bytes"),
    ("MaximumMessageSize", "1048577", "MaximumMessageSize Reason: it must be from 1024 to 1048576 bytes"),
    ("ContentBasedDeduplication", "true", "ContentBasedDeduplication can only be set for FIFO topics"),
    ("FifoThroughputScope", "Topic", "FifoThroughputScope can only be set for FIFO topics"),
    (
        "SQSSuccessFeedbackSampleRate",
        "101",
        "SQSSuccessFeedbackSampleRate Reason: Sample rate must be between 0 and 100",
    ),
    ("HTTPFailureFeedbackRoleArn", "x", "HTTPFailureFeedbackRoleArn Reason: An ARN of a role is needed"),
    (
        "LambdaSuccessFeedbackRoleArn",
        "x",
        "LambdaSuccessFeedbackRoleArn Reason: LambdaSuccessFeedbackRoleArn=x is not offered by this server",
    ),
    ("Nonsense", "x", "AttributeName"),
]


async def test_an_attribute_that_is_wrong_is_refused(store: Store) -> None:
    await create(store, "events")
    for name, value, reason in WRONG:
        with pytest.raises(InvalidParameter) as refused:
            await store.write(topics.set_attribute, HERE, "events", name, value, NOON)
        assert refused.value.reason == reason
        assert await refusal(store, "others", None, **{name: value}) == f"Attributes Reason: {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"MessageRetentionPeriod":"366"}', "ArchivePolicy Reason: MessageRetentionPeriod must be from 1 to 365 days"),
        ('{"Days":1}', "ArchivePolicy Reason: MessageRetentionPeriod is all that it has"),
    ],
)
async def test_an_archive_keeps_from_one_day_to_a_year(store: Store, value: str, reason: str) -> None:
    await create(store, "events.fifo", FifoTopic="true")
    with pytest.raises(InvalidParameter) as refused:
        await store.write(topics.set_attribute, HERE, "events.fifo", "ArchivePolicy", value, NOON)
    assert refused.value.reason == reason


async def test_an_attribute_is_set_and_brought_back_to_its_default(store: Store) -> None:
    await create(store, "events")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for name, value in (("Policy", policy), ("SignatureVersion", "2"), ("TracingConfig", "PassThrough")):
        await store.write(topics.set_attribute, HERE, "events", name, value, NOON)
    found = await attributes_of(store, "events")
    assert (found["Policy"], found["SignatureVersion"]) == (policy, "2")
    await store.write(topics.set_attribute, HERE, "events", "Policy", "", NOON)
    assert "__default_policy_ID" in (await attributes_of(store, "events"))["Policy"]


async def test_what_is_not_there(store: Store) -> None:
    await store.write(topics.delete, HERE, "events")
    for planner, args, missing in (
        (topics.find, (), TopicNotFound),
        (subscribed_topics.attributes_of, (NOON,), TopicNotFound),
        (topics.set_attribute, ("DisplayName", "x", NOON), TopicNotFound),
        (topics.tags_of, (), ResourceNotFound),
        (topics.add_tags, ({"a": "b"}, NOON), ResourceNotFound),
        (topics.remove_tags, (["a"], NOON), ResourceNotFound),
    ):
        with pytest.raises(missing):
            await store.write(planner, HERE, "events", *args)


async def test_tags_are_added_replaced_and_removed(store: Store) -> None:
    await create(store, "events", {"k1": "v1", "k2": "v2"})
    await store.write(topics.add_tags, HERE, "events", {"k2": "v2b", "k3": "v3"}, NOON)
    await store.write(topics.remove_tags, HERE, "events", ["k1", "missing"], NOON)
    assert await store.read(topics.tags_of, HERE, "events") == {"k2": "v2b", "k3": "v3"}
    with pytest.raises(TooManyTags):
        await store.write(topics.add_tags, HERE, "events", {str(number): "" for number in range(49)}, NOON)
    with pytest.raises(InvalidParameter, match="cannot begin with aws:"):
        await store.write(topics.add_tags, HERE, "events", {"aws:x": ""}, NOON)
    with pytest.raises(InvalidParameter, match="Duplicated keys are not allowed"):
        topics.tags_by_key([("a", "1"), ("a", "2")])


async def test_accounts_and_regions_do_not_see_each_others_topics(store: Store) -> None:
    await create(store, "events")
    with pytest.raises(TopicNotFound):
        await attributes_of(store, "events", ELSEWHERE)
    assert await store.read(topics.names_after, ELSEWHERE, "", 10) == []
    assert await store.read(topics.names_after, HERE, "", 10) == ["events"]


@pytest.mark.parametrize(
    ("arn", "refused", "text"),
    [
        ("", InvalidParameter, "TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ("arn:aws", InvalidParameter, "TopicArn Reason: An ARN must have at least 6 elements, not 2"),
        ("arn:aws:sqs:us-east-1:123456789012:events", InvalidParameter, "Invalid parameter: TopicArn"),
        ("arn:aws:sns:us-west-2:123456789012:events", InvalidParameter, "Invalid parameter: TopicArn"),
        ("arn:aws:sns:us-east-1:123456789012:events:sub", InvalidParameter, "Invalid parameter: TopicArn"),
    ],
)
def test_an_arn_that_is_not_of_a_topic_here(arn: str, refused: type[Exception], text: str) -> None:
    with pytest.raises(refused, match=text):
        place_of(arn, HERE.region)
