"""Message move tasks, as SDKs and older clients see them."""

import base64
import json
from typing import Any

import pytest

from pillarbox.pubsub import move_tasks
from tests.support.refused import refused
from tests.support.server import Server
from tests.support.sqs_form import ask

INVALID, MISSING = "InvalidParameterValue", "ResourceNotFoundException"
NO_SOURCE = "The resource that you specified for the SourceArn parameter doesn't exist."


@pytest.fixture
def sqs(server: Server) -> Any:
    return server.client("sqs")


class Dead:
    """A queue `work`, its dead-letter queue `dead` with some letters, and a queue `other`."""

    def __init__(self, server: Server, sqs: Any, letters: int, suffix: str = "") -> None:
        self.server, self.sqs = server, sqs
        self.arn = f"arn:aws:sqs:us-east-1:{server.account}:{{}}{suffix}"
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if suffix else {}
        self.dead = sqs.create_queue(QueueName=f"dead{suffix}", Attributes=fifo)["QueueUrl"]
        self.other = sqs.create_queue(QueueName=f"other{suffix}", Attributes=fifo)["QueueUrl"]
        policy = json.dumps({"deadLetterTargetArn": self.arn.format("dead"), "maxReceiveCount": 1})
        self.work = sqs.create_queue(QueueName=f"work{suffix}", Attributes={"RedrivePolicy": policy, **fifo})[
            "QueueUrl"
        ]
        self.ids = set()
        for number in range(letters):
            group = {"MessageGroupId": str(number % 3)} if suffix else {}
            self.ids.add(sqs.send_message(QueueUrl=self.work, MessageBody=str(number), **group)["MessageId"])
        for _ in range(2 * letters):
            sqs.receive_message(QueueUrl=self.work, MaxNumberOfMessages=10, VisibilityTimeout=0)

    def start(self, **params: Any) -> str:
        handle: str = self.sqs.start_message_move_task(SourceArn=self.arn.format("dead"), **params)["TaskHandle"]
        return handle

    def tasks(self, most: int = 10) -> list[Any]:
        answer = self.sqs.list_message_move_tasks(SourceArn=self.arn.format("dead"), MaxResults=most)
        tasks: list[Any] = answer["Results"]
        return tasks

    def ended(self) -> Any:
        self.server.settle()
        return self.tasks()[0]


def bodies(sqs: Any, url: str) -> list[str]:
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_start_message_move_task_takes_letters_back_to_where_they_came_from(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 12)
    dead.start()

    task = dead.ended()
    assert isinstance(task.pop("StartedTimestamp"), int)
    assert task == {
        "Status": "COMPLETED",
        "SourceArn": dead.arn.format("dead"),
        "ApproximateNumberOfMessagesMoved": 12,
        "ApproximateNumberOfMessagesToMove": 12,
    }
    (first,) = sqs.receive_message(QueueUrl=dead.work, VisibilityTimeout=0, AttributeNames=["All"])["Messages"]
    assert first["MessageId"] not in dead.ids  # a new message
    assert "DeadLetterQueueSourceArn" not in first["Attributes"]
    assert bodies(sqs, dead.dead) == []
    got = bodies(sqs, dead.work)
    assert sorted([*got, first["Body"]], key=int)[-1] == "11"


def test_letters_go_to_the_destination_that_is_named(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 3)
    dead.start(DestinationArn=dead.arn.format("other"))

    task = dead.ended()
    assert (task["Status"], task["DestinationArn"]) == ("COMPLETED", dead.arn.format("other"))
    assert sorted(bodies(sqs, dead.other)) == ["0", "1", "2"]


def test_an_account_has_so_many_tasks_under_way(server: Server, sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move_tasks, "MOST_ACTIVE", 0)
    with refused("InvalidParameterValue", "The account has 0 active message move tasks already."):
        Dead(server, sqs, 0).start()


def test_groups_stay_in_order(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 9, ".fifo")
    dead.start()

    assert dead.ended()["ApproximateNumberOfMessagesMoved"] == 9
    got = bodies(sqs, dead.work)
    assert [[body for body in got if int(body) % 3 == group] for group in range(3)] == [
        ["0", "3", "6"],
        ["1", "4", "7"],
        ["2", "5", "8"],
    ]


def test_cancel_message_move_task_stops_a_slow_one(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 5)
    handle = dead.start(MaxNumberOfMessagesPerSecond=1, DestinationArn=dead.arn.format("other"))
    (task,) = dead.tasks()
    assert (task["Status"], task["TaskHandle"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", handle, 1)
    text = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    with refused(INVALID, text):
        dead.start()

    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]

    assert moved < 5
    task = dead.ended()
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"], "TaskHandle" in task) == (
        "CANCELLED",
        moved,
        False,
    )
    assert len(bodies(sqs, dead.other)) == moved
    with refused("AWS.SimpleQueueService.UnsupportedOperation", "Only active tasks can be cancelled."):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_a_task_fails_when_its_destination_goes_away_or_nobody_knows_the_source(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 2)
    dead.start(MaxNumberOfMessagesPerSecond=1, DestinationArn=dead.arn.format("other"))
    sqs.delete_queue(QueueUrl=dead.other)
    task = dead.ended()
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    bodies(sqs, dead.dead)
    sqs.send_message(QueueUrl=dead.dead, MessageBody="never died")

    dead.start()

    task = dead.ended()
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert bodies(sqs, dead.dead) == ["never died"]


def test_list_message_move_tasks_tells_the_newest_first_and_ten_at_most(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 0)
    for _ in range(11):
        dead.start()
        dead.ended()

    tasks = dead.tasks()
    started = [task["StartedTimestamp"] for task in tasks]
    assert len(tasks) == 10 and started == sorted(started, reverse=True)
    assert len(sqs.list_message_move_tasks(SourceArn=dead.arn.format("dead"))["Results"]) == 1
    with refused(INVALID):
        dead.tasks(11)
    with refused(MISSING, NO_SOURCE, 404):
        sqs.list_message_move_tasks(SourceArn=dead.arn.format("none"))


def test_move_tasks_in_the_query_protocol(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 1)
    source = dead.arn.format("dead")
    started = ask(server, "StartMessageMoveTask", SourceArn=source, MaxNumberOfMessagesPerSecond=1)
    handle = started.text("TaskHandle")
    dead.ended()

    told = ask(server, "ListMessageMoveTasks", SourceArn=source, MaxResults=10)
    assert told.texts("ListMessageMoveTasksResultEntry/Status") == ["COMPLETED"]
    assert ask(server, "CancelMessageMoveTask", TaskHandle=handle).error == (
        400,
        "AWS.SimpleQueueService.UnsupportedOperation",
        "Only active tasks can be cancelled.",
    )
    for action in ("StartMessageMoveTask", "ListMessageMoveTasks"):
        answer = ask(server, action, SourceArn=dead.arn.format("none"))
        assert answer.error == (404, MISSING, NO_SOURCE)


@pytest.mark.parametrize(
    "source, params, code, text",
    [
        ("work", {}, INVALID, "Source queue must be configured as a Dead Letter Queue."),
        ("none", {}, MISSING, NO_SOURCE),
        (
            "dead",
            {"DestinationArn": "none"},
            MISSING,
            "The resource that you specified for the DestinationArn parameter doesn't exist.",
        ),
        (
            "dead",
            {"DestinationArn": "dead"},
            INVALID,
            "Source queue arn and destination queue arn cannot be the same.",
        ),
        (
            "dead",
            {"MaxNumberOfMessagesPerSecond": 501},
            INVALID,
            "Value 501 for parameter MaxNumberOfMessagesPerSecond is invalid."
            " Reason: Must be between 1 and 500, if provided.",
        ),
    ],
)
def test_a_task_that_cannot_be_is_refused(
    server: Server, sqs: Any, source: str, params: dict[str, Any], code: str, text: str
) -> None:
    dead = Dead(server, sqs, 0)
    named = {name: dead.arn.format(value) if isinstance(value, str) else value for name, value in params.items()}

    with refused(code, text, 404 if code == MISSING else 400):
        sqs.start_message_move_task(SourceArn=dead.arn.format(source), **named)


def test_a_handle_of_no_task_is_refused(server: Server, sqs: Any) -> None:
    dead = Dead(server, sqs, 0)

    def handle(arn: str) -> str:
        return base64.b64encode(json.dumps({"taskId": "x", "sourceArn": arn}).encode()).decode()

    with refused(INVALID, "Value for parameter TaskHandle is invalid."):
        sqs.cancel_message_move_task(TaskHandle="foobared")
    with refused(MISSING, NO_SOURCE, 404):
        sqs.cancel_message_move_task(TaskHandle=handle(dead.arn.format("none")))
    with refused(MISSING, "Task does not exist.", 404):
        sqs.cancel_message_move_task(TaskHandle=handle(dead.arn.format("dead")))
