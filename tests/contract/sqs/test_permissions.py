"""What other accounts may do with a queue, as SDKs and older clients see it."""

import json
from typing import Any

import pytest

from tests.support.queue_policy import policy_for_topic
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.sqs_form import ask

OTHER = "999999999955"
INVALID = "InvalidParameterValue"


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    """A queue named `q`."""
    created: str = sqs.create_queue(QueueName="q")["QueueUrl"]
    return created


@pytest.fixture
def stranger(server: Server) -> Any:
    return server.client("sqs", account=OTHER)


def policy_of(sqs: Any, url: str) -> Any:
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes")
    return json.loads(told["Policy"]) if told else None


def allow(sqs: Any, url: str, action: str, **statement: Any) -> None:
    rule = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": action, "Resource": "*", **statement}
    document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})


def test_add_permission_and_remove_permission(server: Server, sqs: Any, url: str) -> None:
    arn = f"arn:aws:sqs:us-east-1:{server.account}:q"
    sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=[OTHER], Actions=["SendMessage"])
    form = {"AWSAccountId__1": OTHER, "AWSAccountId__2": server.account, "ActionName__1": "*"}
    assert ask(server, "AddPermission", QueueUrl=url, Label="two", **form).status == 200

    root = "arn:aws:iam::{}:root"
    one = {"Sid": "one", "Effect": "Allow", "Principal": {"AWS": root.format(OTHER)}, "Action": "SQS:SendMessage"}
    both = [root.format(OTHER), root.format(server.account)]
    two = {"Sid": "two", "Effect": "Allow", "Principal": {"AWS": both}, "Action": "SQS:*"}
    assert policy_of(sqs, url) == {
        "Version": "2012-10-17",
        "Id": f"{arn}/SQSDefaultPolicy",
        "Statement": [{**one, "Resource": arn}, {**two, "Resource": arn}],
    }
    sqs.remove_permission(QueueUrl=url, Label="one")
    assert [one["Sid"] for one in policy_of(sqs, url)["Statement"]] == ["two"]
    assert ask(server, "RemovePermission", QueueUrl=url, Label="two").status == 200
    assert policy_of(sqs, url) is None


@pytest.mark.parametrize(
    "params, code, text",
    [
        ({"Label": "l"}, INVALID, "Value l for parameter Label is invalid. Reason: Already exists."),
        (
            {"Label": "a b"},
            INVALID,
            "Value a b for parameter Label is invalid. Reason: Can only include alphanumeric characters, hyphens, or"
            " underscores. 1 to 80 in length",
        ),
        (
            {"AWSAccountIds": ["me"]},
            INVALID,
            "Value [me] for parameter PrincipalId is invalid. Reason: Unable to verify.",
        ),
        (
            {"Actions": ["DeleteQueue"]},
            INVALID,
            "Value SQS:DeleteQueue for parameter ActionName is invalid."
            " Reason: Only the queue owner is allowed to invoke this action.",
        ),
        ({"Actions": ["SendMessage"] * 8}, "OverLimit", "8 Actions were found, maximum allowed is 7."),
    ],
)
def test_add_permission_refuses_what_nobody_can_be_allowed(
    server: Server, sqs: Any, url: str, params: dict[str, Any], code: str, text: str
) -> None:
    given = {"Label": "l", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"]}
    sqs.add_permission(QueueUrl=url, **given)
    asked = {**given, "Label": "other", **params}

    with refused(code, text):
        sqs.add_permission(QueueUrl=url, **asked)
    form = {"Label": asked["Label"], "AWSAccountId__1": asked["AWSAccountIds"][0]}
    actions = {f"ActionName__{number}": action for number, action in enumerate(asked["Actions"], 1)}
    assert ask(server, "AddPermission", QueueUrl=url, **form, **actions).error[1:] == (code, text)


def test_an_action_must_be_named(sqs: Any, url: str) -> None:
    with refused("MissingParameter", "The request must contain the parameter Actions."):
        sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=[OTHER], Actions=[])
    with refused(INVALID, "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify."):
        sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=[], Actions=["SendMessage"])


def test_remove_permission_knows_its_labels(server: Server, sqs: Any, url: str) -> None:
    text = "Value l for parameter Label is invalid. Reason: can't find label on existing policy."
    with refused(INVALID, text):
        sqs.remove_permission(QueueUrl=url, Label="l")
    assert ask(server, "RemovePermission", QueueUrl=url, Label="l").error == (400, INVALID, text)


@pytest.mark.parametrize(
    "operation, params",
    [
        ("add_permission", {"Label": "l", "AWSAccountIds": [OTHER], "Actions": ["*"]}),
        ("remove_permission", {"Label": "l"}),
    ],
)
def test_a_queue_that_is_not_there_has_no_permissions(
    sqs: Any, stranger: Any, url: str, operation: str, params: dict[str, Any]
) -> None:
    with refused("AWS.SimpleQueueService.NonExistentQueue", QueryErrorCode="QueueDoesNotExist"):
        getattr(sqs, operation)(QueueUrl=url + "x", **params)
    with refused("InvalidAddress"):
        getattr(sqs, operation)(QueueUrl="x", **params)
    with refused("AccessDenied", status=403):
        getattr(stranger, operation)(QueueUrl=url, **params)


def test_another_account_does_what_the_policy_allows_and_no_more(sqs: Any, stranger: Any, url: str) -> None:
    denied = f"Access to the resource {url} is denied."
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=[OTHER], Actions=["SendMessage", "GetQueueUrl"])

    owner = url.rsplit("/", 2)[1]
    assert stranger.get_queue_url(QueueName="q", QueueOwnerAWSAccountId=owner)["QueueUrl"] == url
    stranger.send_message(QueueUrl=url, MessageBody="1")
    stranger.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "2"}])
    with refused("AccessDenied", denied, 403):
        stranger.receive_message(QueueUrl=url)
    with refused("AccessDenied", f"Access to the resource {url}x is denied.", 403):
        stranger.send_message(QueueUrl=url + "x", MessageBody="1")  # whether it is there is not told
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(one["Body"] for one in got) == ["1", "2"]
    handle = got[0]["ReceiptHandle"]
    for operation, params in (
        ("delete_message", {"ReceiptHandle": handle}),
        ("delete_message_batch", {"Entries": [{"Id": "a", "ReceiptHandle": handle}]}),
        ("change_message_visibility", {"ReceiptHandle": handle, "VisibilityTimeout": 1}),
        ("get_queue_attributes", {}),
        ("list_dead_letter_source_queues", {}),
        ("purge_queue", {}),
    ):
        with refused("AccessDenied", denied, 403):
            getattr(stranger, operation)(QueueUrl=url, **params)
    sqs.remove_permission(QueueUrl=url, Label="l")
    with refused("AccessDenied", denied, 403):
        stranger.send_message(QueueUrl=url, MessageBody="3")


def test_what_the_owner_alone_may_do_no_policy_gives_away(sqs: Any, stranger: Any, url: str) -> None:
    allow(sqs, url, "sqs:*")

    assert "Messages" not in stranger.receive_message(QueueUrl=url)
    stranger.purge_queue(QueueUrl=url)
    with refused("AccessDenied", f"Access to the resource {url} is denied.", 403):
        stranger.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    with refused("AccessDenied", f"Access to the resource {url} is denied.", 403):
        stranger.delete_queue(QueueUrl=url)


def test_a_policy_that_denies_binds_the_owner_too_who_can_take_it_back(server: Server, sqs: Any, url: str) -> None:
    allow(sqs, url, "sqs:SendMessage", Effect="Deny", Principal="*")

    with refused("AccessDenied", f"Access to the resource {url} is denied.", 403):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    assert ask(server, "SendMessage", QueueUrl=url, MessageBody="x").error[:2] == (403, "AccessDenied")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    sqs.send_message(QueueUrl=url, MessageBody="x")


def test_conditions_are_asked(sqs: Any, stranger: Any, url: str) -> None:
    allow(sqs, url, "sqs:SendMessage", Condition={"Bool": {"aws:SecureTransport": "true"}})
    with refused("AccessDenied", status=403):
        stranger.send_message(QueueUrl=url, MessageBody="x")
    allow(sqs, url, "sqs:SendMessage", Condition={"StringEquals": {"aws:PrincipalAccount": OTHER}})
    stranger.send_message(QueueUrl=url, MessageBody="x")


def test_a_policy_that_means_nothing_is_refused(sqs: Any, url: str) -> None:
    for wrong in ("x", '{"Statement": []}', '{"Statement": {"Effect": "Maybe"}}'):
        with refused("InvalidAttributeValue"):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": wrong})


def test_outside_dev_mode_a_queue_takes_a_topics_messages_by_its_policy(production: Server) -> None:
    sns, sqs = production.client("sns"), production.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    urls = {}
    for name in ("open", "closed"):
        urls[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{production.account}:{name}"
        if name == "open":
            sqs.set_queue_attributes(QueueUrl=urls[name], Attributes={"Policy": policy_for_topic(topic, arn)})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    production.settle()

    assert len(sqs.receive_message(QueueUrl=urls["open"])["Messages"]) == 1
    assert "Messages" not in sqs.receive_message(QueueUrl=urls["closed"])


def test_in_dev_mode_a_topic_needs_no_policy_and_obeys_one_that_denies(server: Server, sqs: Any, url: str) -> None:
    sns = server.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{server.account}:q")
    sns.publish(TopicArn=topic, Message="1")
    server.settle()
    allow(sqs, url, "sqs:SendMessage", Effect="Deny", Principal="*")
    sns.publish(TopicArn=topic, Message="2")
    server.settle()

    (only,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(only["Body"])["Message"] == "1"
