"""The rules of FIFO queues: which messages are the same, and how they are numbered.

Pure. Called by the modules that send to, take from and let go of queues.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

import hashlib
import re

from pillarbox.kit.clock import MINUTE, Millis
from pillarbox.pubsub.queue_errors import InvalidParameter, MissingParameter

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
DEDUPLICATION: Millis = 5 * MINUTE

_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_FIRST_NUMBER = 18_850_000_000_000_000_000
_ONLY_FIFO = "The request include parameter that is not valid for this queue type."


def check_ids(*, group_id: str | None, deduplication_id: str | None) -> None:
    """Refuse ids that a message cannot have."""
    for name, value in (("MessageGroupId", group_id), ("MessageDeduplicationId", deduplication_id)):
        if value and not _ID.fullmatch(value):
            raise InvalidParameter.value(
                value, name, f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            )


def check_standard(*, group_id: str | None, deduplication_id: str | None) -> None:
    """Refuse on a standard queue what only FIFO queues know; a group tells tenants apart there."""
    if deduplication_id:
        raise InvalidParameter.value(deduplication_id, "MessageDeduplicationId", _ONLY_FIFO)
    check_ids(group_id=group_id, deduplication_id=None)


def check_attempt_id(attempt_id: str, *, is_fifo: bool) -> None:
    name = "ReceiveRequestAttemptId"
    if not is_fifo:
        raise InvalidParameter.value(attempt_id, name, _ONLY_FIFO)
    if not _ID.fullmatch(attempt_id):
        raise InvalidParameter.value(
            attempt_id, name, f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )


def check_delay(delay_seconds: int | None) -> None:
    """Refuse a delay of a message's own: it would let others of its group pass by."""
    if delay_seconds:
        raise InvalidParameter.value(delay_seconds, "DelaySeconds", _ONLY_FIFO)


def group_id_of(group_id: str | None) -> str:
    if not group_id:
        raise MissingParameter("MessageGroupId")
    return group_id


def deduplication_id_of(given: str | None, body: str, *, by_content: bool) -> str:
    """Return what tells a message from others: what its sender says, or else its body where the queue goes by that."""
    if given:
        return given
    if not by_content:
        raise InvalidParameter(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
            " explicitly"
        )
    return hashlib.sha256(body.encode()).hexdigest()


def sequence_number(number: int) -> str:
    """Return a message's number as AWS shows one: twenty digits, growing."""
    return str(_FIRST_NUMBER + number)


def expired(handle: str) -> InvalidParameter:
    """Return the refusal of a receipt whose holder has lost the message again."""
    return InvalidParameter.value(handle, "ReceiptHandle", "The receipt handle has expired.")
