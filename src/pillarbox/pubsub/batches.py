"""The rules of a batch: how many entries, and how they are told apart.

Pure. Called by api/sqs/ for the three batch operations.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

import re
from collections.abc import Sequence

from pillarbox.pubsub.queue_attributes import LONGEST_MESSAGE
from pillarbox.pubsub.queue_errors import BatchTooLong, EmptyBatch, EntryIdsRepeat, InvalidEntryId, TooManyEntries

MOST_ENTRIES = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check_ids(ids: Sequence[str], entry: str) -> None:
    """Refuse a whole batch by its ids; `entry` is what the service calls one of its entries."""
    if not ids:
        raise EmptyBatch(f"There should be at least one {entry} in the request.")
    if len(ids) > MOST_ENTRIES:
        raise TooManyEntries(f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(ids)}.")
    seen: set[str] = set()
    for entry_id in ids:
        if not _ID.fullmatch(entry_id):
            raise InvalidEntryId(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
                " It can be at most 80 letters long."
            )
        if entry_id in seen:
            raise EntryIdsRepeat(f"Id {entry_id} repeated.")
        seen.add(entry_id)


def check_length(sizes: Sequence[int]) -> None:
    """Refuse a batch whose messages are too long together."""
    if sum(sizes) > LONGEST_MESSAGE:
        raise BatchTooLong(
            f"Batch requests cannot be longer than {LONGEST_MESSAGE} bytes. You have sent {sum(sizes)} bytes."
        )
