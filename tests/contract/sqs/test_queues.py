"""Queues, their attributes and their lists, as SDKs and older clients see them."""

import json
from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server
from tests.support.sqs_form import ask

NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    """A queue named `q`."""
    created: str = sqs.create_queue(QueueName="q")["QueueUrl"]
    return created


def redrive_to(sqs: Any, url: str, most: int = 3) -> str:
    (arn,) = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"].values()
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": most})


def test_create_queue_gives_a_url_that_the_client_can_reach(server: Server, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="mail-events", Attributes={"DelaySeconds": "5"}, tags={"team": "a"})["QueueUrl"]

    assert url == f"{server.endpoint}/{server.account}/mail-events"
    assert sqs.create_queue(QueueName="mail-events", Attributes={"DelaySeconds": "5"})["QueueUrl"] == url
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "a"}


def test_create_queue_in_the_query_protocol(server: Server, sqs: Any) -> None:
    made = ask(server, "CreateQueue", QueueName="old", Attribute__1__Name="DelaySeconds", Attribute__1__Value="7")

    assert (made.status, made.text("QueueUrl")) == (200, f"{server.endpoint}/{server.account}/old")
    assert sqs.create_queue(QueueName="old", Attributes={"DelaySeconds": "7"})["QueueUrl"] == made.text("QueueUrl")
    other = ask(server, "CreateQueue", QueueName="old", Attribute__1__Name="DelaySeconds", Attribute__1__Value="8")
    assert other.error == (
        400,
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    )


def test_create_queue_refuses_another_value(sqs: Any, url: str) -> None:
    text = "A queue already exists with the same name and a different value for attribute DelaySeconds"
    with refused("QueueAlreadyExists", text, QueryErrorCode="QueueNameExists"):
        sqs.create_queue(QueueName="q", Attributes={"DelaySeconds": "9"})


def test_create_queue_refuses_what_no_standard_queue_can_be(sqs: Any) -> None:
    name_text = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    with refused("InvalidParameterValue", name_text, QueryErrorCode="InvalidParameterValueException"):
        sqs.create_queue(QueueName="a b")
    with refused("InvalidAttributeName", "Unknown Attribute Colour."):
        sqs.create_queue(QueueName="a", Attributes={"Colour": "red"})
    with refused("InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."):
        sqs.create_queue(QueueName="a", Attributes={"DelaySeconds": "901"})
    with refused("InvalidParameterValue", name_text):
        sqs.create_queue(QueueName="a.fifo")


def test_create_queue_waits_a_minute_after_a_deletion(server: Server, sqs: Any, url: str) -> None:
    sqs.delete_queue(QueueUrl=url)
    text = "You must wait 60 seconds after deleting a queue before you can create another with the same name."

    with refused("AWS.SimpleQueueService.QueueDeletedRecently", text, QueryErrorCode="QueueDeletedRecently"):
        sqs.create_queue(QueueName="q")
    assert ask(server, "CreateQueue", QueueName="q").error == (
        400,
        "AWS.SimpleQueueService.QueueDeletedRecently",
        text,
    )


def test_get_queue_url_finds_a_queue_by_name(server: Server, sqs: Any, url: str) -> None:
    assert sqs.get_queue_url(QueueName="q", QueueOwnerAWSAccountId=server.account)["QueueUrl"] == url
    assert ask(server, "GetQueueUrl", QueueName="q").text("QueueUrl") == url
    with refused(*NO_QUEUE, QueryErrorCode="QueueDoesNotExist"):
        sqs.get_queue_url(QueueName="none")
    with refused(*NO_QUEUE):
        sqs.get_queue_url(QueueName="q", QueueOwnerAWSAccountId="999999999999")


def test_a_queue_is_seen_by_its_account_and_region_alone(server: Server, sqs: Any, url: str) -> None:
    stranger = server.client("sqs", account="999999999987")

    for client in (stranger, server.client("sqs", region="eu-west-1")):
        assert "QueueUrls" not in client.list_queues()
        with refused(*NO_QUEUE):
            client.get_queue_url(QueueName="q")
    with refused("AccessDenied", f"Access to the resource {url} is denied.", 403):
        stranger.send_message(QueueUrl=url, MessageBody="x")
    with refused(*NO_QUEUE):
        server.client("sqs", region="eu-west-1").send_message(QueueUrl=url, MessageBody="x")


def test_any_host_in_a_queue_url_will_do(server: Server, sqs: Any, url: str) -> None:
    other = f"https://sqs.us-east-1.amazonaws.com/{server.account}/q"

    sqs.send_message(QueueUrl=other, MessageBody="x")

    assert sqs.receive_message(QueueUrl=f"http://elsewhere/queue/{server.account}/q")["Messages"][0]["Body"] == "x"
    for wrong in ("q", "http://[", f"http://x/{server.account}", "http://x/123/q"):
        with refused("InvalidAddress", f"The address {wrong} is not valid for this endpoint."):
            sqs.send_message(QueueUrl=wrong, MessageBody="x")


def test_get_queue_attributes_tells_what_was_asked_for(server: Server, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")

    everything = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert everything.pop("CreatedTimestamp") == everything.pop("LastModifiedTimestamp")
    assert everything == {
        "QueueArn": f"arn:aws:sqs:us-east-1:{server.account}:q",
        "ApproximateNumberOfMessages": "1",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
    }
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    told = ask(server, "GetQueueAttributes", QueueUrl=url, AttributeName__1="QueueArn", AttributeName__2="DelaySeconds")
    assert told.texts("Attribute/Name") == ["QueueArn", "DelaySeconds"]
    assert told.texts("Attribute/Value") == [everything["QueueArn"], "0"]


def test_get_queue_attributes_refuses_unknown_names_and_queues(sqs: Any, url: str) -> None:
    with refused("InvalidAttributeName", "Unknown Attribute Colour."):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Colour"])
    with refused(*NO_QUEUE):
        sqs.get_queue_attributes(QueueUrl=url + "x", AttributeNames=["All"])


def test_set_queue_attributes(server: Server, sqs: Any, url: str) -> None:
    policy = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "69", "Policy": policy})
    delay = {"Attribute__Name": "DelaySeconds", "Attribute__Value": "3"}
    done = ask(server, "SetQueueAttributes", target=f"/{server.account}/q", **delay)

    assert done.status == 200
    names = ["VisibilityTimeout", "Policy", "DelaySeconds"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == {
        "VisibilityTimeout": "69",
        "Policy": policy,
        "DelaySeconds": "3",
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def test_set_queue_attributes_refuses_what_cannot_be(sqs: Any, url: str) -> None:
    with refused("InvalidAttributeName", "Unknown Attribute QueueArn."):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"QueueArn": "x"})
    with refused("InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "43201"})
    with refused("AWS.SimpleQueueService.UnsupportedOperation"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/x"})
    policy = '{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}'
    text = f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn."
    with refused("InvalidParameterValue", text):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
    with refused(*NO_QUEUE):
        sqs.set_queue_attributes(QueueUrl=url + "x", Attributes={"DelaySeconds": "1"})


def test_list_queues_by_prefix_and_in_pages(server: Server, sqs: Any) -> None:
    assert "QueueUrls" not in sqs.list_queues()
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("mail-1", "mail-2", "mail-3", "other")]

    assert sqs.list_queues()["QueueUrls"] == urls
    assert sqs.list_queues(QueueNamePrefix="mail")["QueueUrls"] == urls[:3]
    assert ask(server, "ListQueues", QueueNamePrefix="mail").texts("QueueUrl") == urls[:3]
    first = sqs.list_queues(QueueNamePrefix="mail", MaxResults=2)
    assert first["QueueUrls"] == urls[:2]
    rest = sqs.list_queues(QueueNamePrefix="mail", MaxResults=2, NextToken=first["NextToken"])
    assert (rest["QueueUrls"], "NextToken" in rest) == (urls[2:3], False)
    with refused("InvalidParameterValue"):
        sqs.list_queues(MaxResults=1001)
    with refused("InvalidParameterValue", "Invalid or expired next token."):
        sqs.list_queues(MaxResults=2, NextToken="???")


def test_list_dead_letter_source_queues(server: Server, sqs: Any, url: str) -> None:
    policy = redrive_to(sqs, url)
    sources = [
        sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"] for name in ("s1", "s2")
    ]

    assert sqs.list_dead_letter_source_queues(QueueUrl=url)["queueUrls"] == sources
    assert ask(server, "ListDeadLetterSourceQueues", QueueUrl=url).texts("QueueUrl") == sources
    assert sqs.list_dead_letter_source_queues(QueueUrl=sources[0]).get("queueUrls", []) == []
    with refused(*NO_QUEUE):
        sqs.list_dead_letter_source_queues(QueueUrl=url + "x")


def test_delete_queue(server: Server, sqs: Any, url: str) -> None:
    other = sqs.create_queue(QueueName="other")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)

    assert ask(server, "DeleteQueue", QueueUrl=other).status == 200
    assert "QueueUrls" not in sqs.list_queues()
    with refused(*NO_QUEUE):
        sqs.delete_queue(QueueUrl=url)
    assert ask(server, "DeleteQueue", QueueUrl=url).error[:2] == (400, NO_QUEUE[0])


def test_purge_queue_once_a_minute(server: Server, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)

    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    text = "Only one PurgeQueue operation on q is allowed every 60 seconds."
    assert ask(server, "PurgeQueue", QueueUrl=url).error == (
        403,
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        text,
    )
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress, match=text):
        sqs.purge_queue(QueueUrl=url)
    with refused(*NO_QUEUE):
        sqs.purge_queue(QueueUrl=url + "x")


@pytest.mark.parametrize("operation", ["create_queue", "get_queue_url"])
def test_a_name_that_is_not_given_is_missed(sqs: Any, operation: str) -> None:
    with refused("MissingParameter", "The request must contain the parameter QueueName."):
        getattr(sqs, operation)(QueueName="")
