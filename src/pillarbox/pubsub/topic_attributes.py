"""The attributes that a topic may have: what they may be, and what they mean.

Pure. Called by pubsub/topics.py. An attribute that was never set, or was set to
nothing, has its default.
https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
"""

import re
import zlib
from collections.abc import Callable, Mapping

from pillarbox.pubsub import archive_policies, retry, topic_policies
from pillarbox.pubsub.archive_policies import ARCHIVE
from pillarbox.pubsub.refusals import InvalidParameter

FIFO = "FifoTopic"
BY_CONTENT = "ContentBasedDeduplication"
FIFO_SCOPE = "FifoThroughputScope"
LARGEST = "MaximumMessageSize"

# https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html
MOST_BYTES = 262_144
_LEAST_LARGEST, _MOST_LARGEST = 1_024, 1_048_576

_SCOPES = ("Topic", "MessageGroup")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SUFFIX = ".fifo"
_LONGEST_DISPLAY_NAME = 100
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_FEEDBACK = ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
# How attributes write the protocols whose deliveries are logged.
# https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html
_LOGGED = {"http": "HTTP", "https": "HTTP", "sqs": "SQS"}

# What is not offered is accepted at its default.
_ONLY_AT = {
    "KmsMasterKeyId": ("",),
    "TracingConfig": ("", "PassThrough"),
    **{f"{protocol}{one}": ("",) for protocol in ("Lambda", "Application", "Firehose") for one in _FEEDBACK},
}


def check_name(name: str, *, is_fifo: bool) -> None:
    """Refuse a name that no topic of this kind can have."""
    if is_fifo and not (name.endswith(_SUFFIX) and len(name) <= 256 and _NAME.fullmatch(name.removesuffix(_SUFFIX))):
        raise InvalidParameter(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII"
            " letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long."
        )
    if not is_fifo and not _NAME.fullmatch(name):
        raise InvalidParameter("Topic Name")


def is_fifo(attributes: Mapping[str, str]) -> bool:
    return attributes.get(FIFO, "").lower() == "true"


def first(given: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of a new topic."""
    kept = {FIFO: "true"} if is_fifo(given) else {}
    if given.get(FIFO, "").lower() not in ("", "true", "false"):
        raise InvalidParameter(f"{FIFO}: Invalid value [{given[FIFO]}]. Must be true or false.")
    for name, value in given.items():
        if name != FIFO:
            kept = changed(kept, name, value)
    return kept


def changed(attributes: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    """Return attributes with one of them set; an empty value brings the default back."""
    if name in _ONLY_AT:
        if value not in _ONLY_AT[name]:
            raise InvalidParameter(f"{name} Reason: {name}={value} is not offered by this server")
        return dict(attributes)
    if name not in _CHECKS:
        raise InvalidParameter("AttributeName")
    if name == ARCHIVE and value.strip() == archive_policies.NOTHING:
        value = ""
    elif name == ARCHIVE and not value:
        _check_archive(name, value)  # an empty one is no policy, and takes none away
    if name in (ARCHIVE, BY_CONTENT, FIFO_SCOPE) and value and not is_fifo(attributes):
        raise InvalidParameter(f"{name} can only be set for FIFO topics")
    if value:
        _CHECKS[name](name, value)
    kept = {key: old for key, old in attributes.items() if key != name}
    return {**kept, name: value} if value else kept


def shown(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what a topic tells of its attributes: those set, and the defaults that every topic of its kind shows."""
    defaults = {BY_CONTENT: "false", FIFO_SCOPE: "Topic"} if is_fifo(attributes) else {}
    return {"DisplayName": "", **defaults, **attributes}


def most_bytes(attributes: Mapping[str, str]) -> int:
    """Return how long a message of a topic may be."""
    return int(attributes.get(LARGEST) or MOST_BYTES)


def wants_log(attributes: Mapping[str, str], protocol: str, notification_id: str, *, delivered: bool) -> bool:
    """Say whether a topic wants the end of a delivery in the log; of successes, the share that it asks for."""
    # https://docs.aws.amazon.com/sns/latest/dg/topics-attrib.html
    prefix = _LOGGED.get(protocol)
    if prefix is None:
        return False
    if not delivered:
        return f"{prefix}FailureFeedbackRoleArn" in attributes
    if f"{prefix}SuccessFeedbackRoleArn" not in attributes:
        return False
    # By its id, so that all subscribers of a notification are in the log, or none.
    return zlib.crc32(notification_id.encode()) % 100 < int(attributes.get(f"{prefix}SuccessFeedbackSampleRate", "0"))


def _check_display_name(name: str, value: str) -> None:
    if len(value) > _LONGEST_DISPLAY_NAME or not value.isprintable():
        raise InvalidParameter(name)


def _check_version(name: str, value: str) -> None:
    if value not in ("1", "2"):
        raise InvalidParameter(name)


def _check_boolean(name: str, value: str) -> None:
    if value not in ("true", "false"):
        raise InvalidParameter(f"{name}: Invalid value [{value}]. Must be true or false.")


def _check_scope(name: str, value: str) -> None:
    if value not in _SCOPES:
        raise InvalidParameter(f"{name}: Invalid value [{value}]. Please use either MessageGroup or Topic")


def _check_role(name: str, value: str) -> None:
    if not _ROLE.fullmatch(value):
        raise InvalidParameter(f"{name} Reason: An ARN of a role is needed")


def _check_rate(name: str, value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) <= 3 and int(value) <= 100):
        raise InvalidParameter(f"{name} Reason: Sample rate must be between 0 and 100")


def _check_largest(name: str, value: str) -> None:
    if not (value.isascii() and value.isdigit() and _LEAST_LARGEST <= int(value[:9]) <= _MOST_LARGEST):
        raise InvalidParameter(f"{name} Reason: it must be from {_LEAST_LARGEST} to {_MOST_LARGEST} bytes")


def _check_archive(_name: str, value: str) -> None:
    archive_policies.days_of(value)


def _check_delivery_policy(_name: str, value: str) -> None:
    retry.check_topic_policy(value)


def _check_policy(_name: str, value: str) -> None:
    topic_policies.check(value)


_CHECKS: Mapping[str, Callable[[str, str], None]] = {
    "DisplayName": _check_display_name,
    "SignatureVersion": _check_version,
    "DeliveryPolicy": _check_delivery_policy,
    "Policy": _check_policy,
    ARCHIVE: _check_archive,
    LARGEST: _check_largest,
    BY_CONTENT: _check_boolean,
    FIFO_SCOPE: _check_scope,
    **{
        f"{protocol}{one}": _check_rate if one.endswith("Rate") else _check_role
        for protocol in ("HTTP", "SQS")
        for one in _FEEDBACK
    },
}
