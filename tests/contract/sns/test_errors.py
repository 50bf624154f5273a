"""Each error that the model of an operation knows: its code on the wire and its status."""

import json
from typing import Any

import pytest
from botocore import xform_name

from pillarbox.wire.models import load
from tests.support.modelled import Case
from tests.support.server import RunningServer, Server

# What each operation on a topic needs besides its ARN.
ON_TOPICS: dict[str, dict[str, Any]] = {
    "AddPermission": {"Label": "l", "AWSAccountId": ["123456789012"], "ActionName": ["Publish"]},
    "GetTopicAttributes": {},
    "ListSubscriptionsByTopic": {},
    "Publish": {"Message": "x"},
    "PublishBatch": {"PublishBatchRequestEntries": [{"Id": "a", "Message": "x"}]},
    "RemovePermission": {"Label": "l"},
    "SetTopicAttributes": {"AttributeName": "DisplayName", "AttributeValue": "x"},
    "Subscribe": {"Protocol": "https", "Endpoint": "https://example.com/"},
}
ON_SUBSCRIPTIONS: dict[str, dict[str, Any]] = {
    "GetSubscriptionAttributes": {},
    "SetSubscriptionAttributes": {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"},
}
ON_TAGS: dict[str, dict[str, Any]] = {
    "ListTagsForResource": {},
    "TagResource": {"Tags": [{"Key": "a", "Value": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
}
FIFTY_ONE = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
BAD_BATCHES: dict[str, list[str]] = {
    "TooManyEntriesInBatchRequestException": [f"i{number}" for number in range(11)],
    "EmptyBatchRequestException": [],
    "BatchEntryIdsNotDistinctException": ["a", "a"],
    "InvalidBatchEntryIdException": ["a b"],
}
INVALID, ABSENT, DENIED = "InvalidParameterException", "NotFoundException", "AuthorizationErrorException"
NO_NUMBER = {"n": {"DataType": "Number", "StringValue": "x"}}
CASES = [
    *(Case(name, INVALID, {"TopicArn": "a:b:c", **more}) for name, more in ON_TOPICS.items()),
    *(Case(name, ABSENT, {"TopicArn": "$absent", **more}) for name, more in ON_TOPICS.items()),
    *(Case(name, DENIED, {"TopicArn": "$theirs", **more}) for name, more in ON_TOPICS.items()),
    *(Case(name, INVALID, {"SubscriptionArn": "a:b:c", **more}) for name, more in ON_SUBSCRIPTIONS.items()),
    *(Case(name, ABSENT, {"SubscriptionArn": "$absent:id", **more}) for name, more in ON_SUBSCRIPTIONS.items()),
    *(Case(name, DENIED, {"SubscriptionArn": "$theirs:id", **more}) for name, more in ON_SUBSCRIPTIONS.items()),
    *(Case(name, INVALID, {"ResourceArn": "a:b:c", **more}) for name, more in ON_TAGS.items()),
    *(Case(name, "ResourceNotFoundException", {"ResourceArn": "$absent", **more}) for name, more in ON_TAGS.items()),
    *(Case(name, DENIED, {"ResourceArn": "$theirs", **more}) for name, more in ON_TAGS.items()),
    *(
        Case(
            "PublishBatch",
            error,
            {"TopicArn": "$topic", "PublishBatchRequestEntries": [{"Id": one, "Message": "x"} for one in ids]},
        )
        for error, ids in BAD_BATCHES.items()
    ),
    Case(
        "PublishBatch",
        "BatchRequestTooLongException",
        {"TopicArn": "$topic", "PublishBatchRequestEntries": [{"Id": one, "Message": "x" * 200_000} for one in "ab"]},
    ),
    Case(
        "PublishBatch",
        "InvalidParameterValueException",
        {
            "TopicArn": "$topic",
            "PublishBatchRequestEntries": [{"Id": "a", "Message": "x", "MessageAttributes": NO_NUMBER}],
        },
    ),
    Case(
        "Publish",
        "InvalidParameterValueException",
        {"TopicArn": "$topic", "Message": "x", "MessageAttributes": NO_NUMBER},
    ),
    Case("ConfirmSubscription", INVALID, {"TopicArn": "$topic", "Token": "x"}),
    Case("CreateTopic", INVALID, {"Name": "a b"}),
    Case("CreateTopic", "TagLimitExceededException", {"Name": "new", "Tags": FIFTY_ONE}),
    Case("DeleteTopic", INVALID, {"TopicArn": "a:b:c"}),
    Case("DeleteTopic", DENIED, {"TopicArn": "$theirs"}),
    Case("DeleteTopic", "InvalidStateException", {"TopicArn": "$kept"}),
    Case("ListSubscriptions", INVALID, {"NextToken": "x"}),
    Case("ListTopics", INVALID, {"NextToken": "x"}),
    Case("TagResource", "TagLimitExceededException", {"ResourceArn": "$topic", "Tags": FIFTY_ONE}),
    Case("Unsubscribe", INVALID, {"SubscriptionArn": "a:b:c"}),
    Case("Unsubscribe", DENIED, {"SubscriptionArn": "$their_subscription"}),
]


@pytest.fixture(scope="module")
def here(running_server: RunningServer) -> Server:
    return running_server.for_new_account()


@pytest.fixture(scope="module")
def made(running_server: RunningServer, here: Server) -> dict[str, str]:
    """What cases speak of: topics of ours, and one with a subscription of somebody else."""
    sns, stranger = here.client("sns"), running_server.for_new_account().client("sns")
    archive = {"FifoTopic": "true", "ArchivePolicy": json.dumps({"MessageRetentionPeriod": "1"})}
    topic, theirs = sns.create_topic(Name="topic")["TopicArn"], stranger.create_topic(Name="theirs")["TopicArn"]
    one = stranger.subscribe(
        TopicArn=theirs, Protocol="https", Endpoint="https://10.0.0.1/", ReturnSubscriptionArn=True
    )
    return {
        "topic": topic,
        "theirs": theirs,
        "their_subscription": one["SubscriptionArn"],
        "kept": sns.create_topic(Name="kept.fifo", Attributes=archive)["TopicArn"],
        "absent": f"{topic}-absent",
    }


@pytest.fixture(scope="module")
def sns(here: Server) -> Any:
    return here.client("sns", parameter_validation=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.operation} {case.error}")
def test_an_error_of_the_model(sns: Any, made: dict[str, str], case: Case) -> None:
    shape = load().service("sns").errors[case.error]
    with pytest.raises(sns.exceptions.ClientError) as caught:
        getattr(sns, xform_name(case.operation))(**case.filled(made))
    response = caught.value.response
    told = (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
    assert told == (shape.code, shape.status)
