"""The attributes of a queue: their defaults, what they may be, and what they mean.

Pure. Called by pubsub/queues.py. Attributes are text, as SQS gives and takes
them; an attribute that was never set, or was set to nothing, has its default.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from pillarbox.kit import policy
from pillarbox.pubsub.queue_errors import InvalidAttributeValue, InvalidParameter, UnknownAttribute, Unsupported
from pillarbox.pubsub.queue_names import place_of_arn

LONGEST_MESSAGE = 1_048_576
LONGEST_VISIBILITY_SECONDS = 43_200
LONGEST_DELAY_SECONDS = 900
LONGEST_WAIT_SECONDS = 20
LONGEST_RETENTION_SECONDS = 1_209_600

DEFAULTS: Mapping[str, str] = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": str(LONGEST_MESSAGE),
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
FIFO_DEFAULTS: Mapping[str, str] = {
    **DEFAULTS,
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}

_RANGES: Mapping[str, tuple[int, int]] = {
    "VisibilityTimeout": (0, LONGEST_VISIBILITY_SECONDS),
    "MaximumMessageSize": (1_024, LONGEST_MESSAGE),
    "MessageRetentionPeriod": (60, LONGEST_RETENTION_SECONDS),
    "DelaySeconds": (0, LONGEST_DELAY_SECONDS),
    "ReceiveMessageWaitTimeSeconds": (0, LONGEST_WAIT_SECONDS),
}
_MOST_SOURCE_QUEUES = 10


class Redrive(NamedTuple):
    """Where a message goes that was received `max_receive_count` times and came back each time."""

    target_arn: str
    max_receive_count: int


def changed(present: Mapping[str, str], given: Mapping[str, str], *, is_new: bool = False) -> dict[str, str]:
    """Return the attributes after a change; raises the first reason not to make it."""
    after = dict(present)
    fifo = is_fifo(given if is_new else present)
    for name, value in given.items():
        if name == "FifoQueue":
            _check_kind(present, value, is_new)
            after[name] = value
            continue
        check = _check_of(name, fifo)
        if value or name in _RANGES:
            check(name, value)
        if value and name not in _NOT_KEPT:
            after[name] = value
        else:
            after.pop(name, None)
    if value_of(after, "FifoThroughputLimit") == _PER_GROUP and value_of(after, "DeduplicationScope") != "messageGroup":
        raise InvalidAttributeValue(
            "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId is allowed only when the"
            " value of DeduplicationScope is messageGroup."
        )
    return after


def is_fifo(attributes: Mapping[str, str]) -> bool:
    return attributes.get("FifoQueue") == "true"


def _check_kind(present: Mapping[str, str], value: str, is_new: bool) -> None:
    """Refuse to make another kind of queue of one that is there; a standard queue has no word for its kind."""
    if value != "true" if is_new else not is_fifo(present):
        raise UnknownAttribute("FifoQueue")
    if value != "true":
        raise InvalidAttributeValue(
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
        )


def _check_of(name: str, fifo: bool) -> Callable[[str, str], None]:
    if name in _FIFO_ONLY and not fifo:
        raise _FIFO_ONLY[name]
    if name not in _CHECKS:
        raise UnknownAttribute(name)
    return _CHECKS[name]


def check_names(names: Sequence[str]) -> None:
    """Refuse to tell an attribute that no queue has."""
    for name in names:
        if name not in _CHECKS and name not in _TOLD:
            raise UnknownAttribute(name)


def value_of(attributes: Mapping[str, str], name: str) -> str:
    return attributes.get(name) or defaults_of(attributes).get(name, "")


def defaults_of(attributes: Mapping[str, str]) -> Mapping[str, str]:
    return FIFO_DEFAULTS if is_fifo(attributes) else DEFAULTS


def first_difference(present: Mapping[str, str], given: Mapping[str, str]) -> str | None:
    """Return the name of the first given attribute (all of them checked) that the queue has another value for."""
    for name, value in given.items():
        otherwise = defaults_of(present).get(name, "")
        if name not in _NOT_KEPT and not _same(name, value or otherwise, value_of(present, name)):
            return name
    return None


def redrive_of(text: str) -> Redrive:
    """Read a RedrivePolicy; raises what is wrong with it."""

    def wrong(reason: str) -> InvalidParameter:
        return InvalidParameter.value(text, "RedrivePolicy", reason)

    redrive = _object(text)
    if redrive is None:
        raise wrong("Redrive policy is not a valid JSON map.")
    for name in ("deadLetterTargetArn", "maxReceiveCount"):
        if name not in redrive:
            raise wrong(f"Redrive policy does not contain mandatory attribute: {name}.")
    target, count = str(redrive["deadLetterTargetArn"]), str(redrive["maxReceiveCount"])
    if place_of_arn(target) is None:
        raise wrong("Invalid value for deadLetterTargetArn.")
    if not _is_number(count) or not 1 <= int(count) <= 1_000:
        raise wrong(f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive.")
    return Redrive(target, int(count))


def may_be_dead_letter_queue_of(attributes: Mapping[str, str], source_arn: str) -> bool:
    """Say whether a queue's RedriveAllowPolicy lets that queue send its dead letters there."""
    allowed = _object(attributes.get("RedriveAllowPolicy", "")) or {}
    match allowed.get("redrivePermission", "allowAll"):
        case "denyAll":
            return False
        case "byQueue":
            return source_arn in allowed["sourceQueueArns"]
        case _:
            return True


def _check_number(name: str, value: str) -> None:
    least, most = _RANGES[name]
    if not _is_number(value) or not least <= int(value) <= most:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")


def _check_policy(name: str, value: str) -> None:
    try:
        policy.read(value)
    except policy.Malformed as error:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}. Reason: {error}") from None


def _check_scope(name: str, value: str) -> None:
    if value not in ("messageGroup", "queue"):
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")


def _check_limit(name: str, value: str) -> None:
    if value not in ("perQueue", _PER_GROUP):
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")


def _check_redrive(_name: str, value: str) -> None:
    redrive_of(value)


def _check_allow(name: str, value: str) -> None:
    allowed = _object(value)
    if allowed is None:
        raise InvalidParameter.value(value, name, "Redrive allow policy is not a valid JSON map.")
    permission, sources = allowed.get("redrivePermission"), allowed.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise InvalidParameter.value(
            value, name, "Invalid value for redrivePermission, valid values are allowAll, denyAll and byQueue."
        )
    if (permission == "byQueue") != (sources is not None):
        raise InvalidParameter.value(value, name, "sourceQueueArns is for redrivePermission byQueue, and needed there.")
    if sources is not None and not _are_queue_arns(sources):
        raise InvalidParameter.value(
            value, name, f"sourceQueueArns must be a list of 1 to {_MOST_SOURCE_QUEUES} ARNs of queues."
        )


def _are_queue_arns(sources: Any) -> bool:
    return (
        isinstance(sources, list)
        and 1 <= len(sources) <= _MOST_SOURCE_QUEUES
        and all(isinstance(arn, str) and place_of_arn(arn) for arn in sources)
    )


def _check_switch(name: str, value: str) -> None:
    if value not in ("true", "false"):
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")


def _refuse_key(name: str, _value: str) -> None:
    raise Unsupported(f"{name} is not supported by this server: it keeps no KMS keys.")


def _check_reuse(name: str, value: str) -> None:
    if value != "300":
        _refuse_key(name, value)


_CHECKS: Mapping[str, Callable[[str, str], None]] = {
    **dict.fromkeys(_RANGES, _check_number),
    "Policy": _check_policy,
    "RedrivePolicy": _check_redrive,
    "RedriveAllowPolicy": _check_allow,
    "SqsManagedSseEnabled": _check_switch,
    "ContentBasedDeduplication": _check_switch,
    "DeduplicationScope": _check_scope,
    "FifoThroughputLimit": _check_limit,
    "KmsMasterKeyId": _refuse_key,
    "KmsDataKeyReusePeriodSeconds": _check_reuse,
}
_PER_GROUP = "perMessageGroupId"
_FIFO_ONLY: Mapping[str, UnknownAttribute] = {
    "ContentBasedDeduplication": UnknownAttribute("ContentBasedDeduplication"),
    **{
        name: UnknownAttribute(name, f"You can specify the {name} only when FifoQueue is set to true.")
        for name in ("DeduplicationScope", "FifoThroughputLimit")
    },
}
# Those that a queue tells, and the one that only its creator may set.
_TOLD = frozenset(
    {
        "All",
        "QueueArn",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
        "FifoQueue",
    }
)
_JSON = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")
_NOT_KEPT = ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds")


def _same(name: str, one: str, other: str) -> bool:
    return one == other or (name in _JSON and _object(one) is not None and _object(one) == _object(other))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None
