"""The tags of a queue."""

from typing import Any

import pytest

from tests.support.refused import refused
from tests.support.server import Server
from tests.support.sqs_form import ask


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    created: str = sqs.create_queue(QueueName="q")["QueueUrl"]
    return created


def test_tag_queue_list_queue_tags_and_untag_queue(sqs: Any, url: str) -> None:
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)
    sqs.tag_queue(QueueUrl=url, Tags={"tag1": "value1", "tag2": "value2", "tag3": ""})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"tag1": "value1", "tag2": "value2", "tag3": ""}
    sqs.untag_queue(QueueUrl=url, TagKeys=["tag1", "tag3", "never there"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"tag2": "value2"}


def test_tags_in_the_query_protocol(server: Server, sqs: Any, url: str) -> None:
    assert ask(server, "TagQueue", QueueUrl=url, Tag__1__Key="a", Tag__1__Value="1").status == 200
    told = ask(server, "ListQueueTags", QueueUrl=url)
    assert (told.texts("Tag/Key"), told.texts("Tag/Value")) == (["a"], ["1"])
    assert ask(server, "UntagQueue", QueueUrl=url, TagKey__1="a").status == 200
    assert ask(server, "ListQueueTags", QueueUrl=url).texts("Tag") == []


def test_too_many_or_malformed_tags_are_refused(sqs: Any, url: str) -> None:
    with refused("InvalidParameterValue", "Too many tags added for queue q."):
        sqs.tag_queue(QueueUrl=url, Tags={str(number): "" for number in range(51)})
    with refused("InvalidParameterValue"):
        sqs.tag_queue(QueueUrl=url, Tags={"aws:mine": ""})


def test_a_queue_that_is_not_there_has_no_tags(sqs: Any, url: str) -> None:
    asked: dict[str, Any] = {"tag_queue": {"Tags": {"a": ""}}, "untag_queue": {"TagKeys": ["a"]}, "list_queue_tags": {}}
    for operation, params in asked.items():
        with refused("AWS.SimpleQueueService.NonExistentQueue", QueryErrorCode="QueueDoesNotExist"):
            getattr(sqs, operation)(QueueUrl=url + "x", **params)
