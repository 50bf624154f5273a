"""The order of FIFO topics: groups, and by what a repeated message is known.

Pure. Called by api/sns/ for what is published, and by publish_in_order.py.
https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html
"""

import hashlib
import re
from collections.abc import Mapping

import msgspec

from pillarbox.kit.clock import MINUTE, Millis
from pillarbox.pubsub.refusals import InvalidParameter
from pillarbox.pubsub.topic_attributes import BY_CONTENT, FIFO_SCOPE, shown

# https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
DEDUPLICATION: Millis = 5 * MINUTE

_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_FIRST_NUMBER = 10_000_000_000_000_000_000


class Order(msgspec.Struct, frozen=True):
    """Where a message belongs. `key_group` is the group that its id is unique in, empty for the whole topic."""

    group_id: str
    deduplication_id: str
    key_group: str = ""
    place: int = 0

    @property
    def sequence_number(self) -> str:
        return sequence_number(self.place)


def order_of(
    attributes: Mapping[str, str], group_id: str | None, deduplication_id: str | None, message: str
) -> Order | None:
    """Return where a message belongs in a topic with these attributes; None in a standard one, which has no order.

    A group tells there to which tenant of a fair queue a message belongs.
    """
    settings = shown(attributes)
    if FIFO_SCOPE not in settings:
        if deduplication_id:
            raise InvalidParameter(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid"
                " for this topic type"
            )
        if group_id:
            _check_id("MessageGroupId", group_id)
        return None
    if not group_id:
        raise InvalidParameter("The MessageGroupId parameter is required for FIFO topics")
    _check_id("MessageGroupId", group_id)
    if deduplication_id:
        _check_id("MessageDeduplicationId", deduplication_id)
    elif settings[BY_CONTENT] != "true":
        raise InvalidParameter(
            "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
            " explicitly"
        )
    known_by = deduplication_id or hashlib.sha256(message.encode()).hexdigest()
    return Order(group_id, known_by, group_id if settings[FIFO_SCOPE] == "MessageGroup" else "")


def sequence_number(place: int) -> str:
    """Return a place as AWS shows it: twenty digits, growing."""
    return str(_FIRST_NUMBER + place)


def _check_id(name: str, value: str) -> None:
    if not _ID.fullmatch(value):
        raise InvalidParameter(
            f"{name} Reason: {name} can only include alphanumeric and punctuation characters. 1 to 128 in length"
        )
