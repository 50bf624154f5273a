"""SQS: message move tasks."""

from typing import Any

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.pubsub import move_tasks
from pillarbox.pubsub.move_tasks import MOST_TOLD, RUNNING, Asked, MoveTask
from pillarbox.pubsub.queue_errors import InvalidParameter


@operation("sqs", "StartMessageMoveTask")
async def start_message_move_task(call: Call, params: Params) -> Result:
    asked = Asked(params["SourceArn"], params.get("DestinationArn"), params.get("MaxNumberOfMessagesPerSecond"))
    task = await call.store.write(move_tasks.start, call.scope, asked, call.now)
    return {"TaskHandle": move_tasks.handle_of(task)}


@operation("sqs", "ListMessageMoveTasks")
async def list_message_move_tasks(call: Call, params: Params) -> Result:
    limit = params.get("MaxResults")
    if limit is not None and not 1 <= limit <= MOST_TOLD:
        raise InvalidParameter.value(limit, "MaxResults", f"Must be between 1 and {MOST_TOLD}, if provided.")
    tasks = await call.store.read(move_tasks.tasks_of, call.scope, params["SourceArn"])
    return {"Results": [_told(task) for task in tasks[: limit or 1]]}


@operation("sqs", "CancelMessageMoveTask")
async def cancel_message_move_task(call: Call, params: Params) -> Result:
    task = await call.store.write(move_tasks.cancel, call.scope, params["TaskHandle"], call.now)
    return {"ApproximateNumberOfMessagesMoved": task.moved}


def _told(task: MoveTask) -> dict[str, Any]:
    """Return what is told of a task, without what it does not have."""
    told = {
        "TaskHandle": move_tasks.handle_of(task) if task.status == RUNNING else None,
        "Status": task.status,
        "SourceArn": task.source_arn,
        "DestinationArn": task.destination_arn,
        "MaxNumberOfMessagesPerSecond": task.rate,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "FailureReason": task.failure,
        "StartedTimestamp": task.started_at,
    }
    return {name: value for name, value in told.items() if value is not None}
