"""What FIFO topics know: their last number, and what they were told in the last minutes.

Plans only. Called by pubsub/publish_in_order.py. Whoever publishes locks the
topic first, so that of two who publish one comes behind the other.
"""

from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Plan, Rows, first

_FORGOTTEN_AT_ONCE = 20


class Published(NamedTuple):
    """A notification that was told: its id, and its number in the topic."""

    notification_id: str
    place: int


class PublishKey(NamedTuple):
    """By what a repeated notification is known. `message_group` is empty where the whole topic counts."""

    account: str
    region: str
    topic: str
    message_group: str
    deduplication_id: str


def lock(scope: Scope, topic: str) -> Plan[None]:
    """Keep others from publishing to a topic until the transaction ends."""
    yield Rows(
        "INSERT INTO topic_numbers (account, region, topic, last) VALUES (?, ?, ?, 0)"
        " ON CONFLICT (account, region, topic) DO UPDATE SET last = topic_numbers.last",
        (*scope, topic),
    )


def next_place(scope: Scope, topic: str) -> Plan[int]:
    """Return the next number of a topic that is locked."""
    rows = yield Rows(
        "UPDATE topic_numbers SET last = last + 1 WHERE account = ? AND region = ? AND topic = ? RETURNING last",
        (*scope, topic),
    )
    return int(rows[0][0])


def published(key: PublishKey, now: Millis) -> Plan[Published | None]:
    """Return what was published under a key and still counts."""
    found = first(
        (
            yield Rows(
                "SELECT notification_id, place FROM topic_published WHERE account = ? AND region = ? AND topic = ?"
                " AND message_group = ? AND deduplication_id = ? AND ends_at > ?",
                (*key, now),
            )
        )
    )
    return Published(*found) if found else None


def keep(key: PublishKey, told: Published, now: Millis, ends_at: Millis) -> Plan[None]:
    """Remember what was published until then, and forget some of what no longer counts."""
    yield Rows(
        "INSERT INTO topic_published (account, region, topic, message_group, deduplication_id, notification_id, place,"
        " ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, topic, message_group, deduplication_id) DO UPDATE SET"
        " notification_id = excluded.notification_id, place = excluded.place, ends_at = excluded.ends_at",
        (*key, *told, ends_at),
    )
    columns = "account, region, topic, message_group, deduplication_id"
    yield Rows(
        f"DELETE FROM topic_published WHERE ({columns}) IN (SELECT {columns} FROM topic_published WHERE ends_at <= ?"
        f" ORDER BY ends_at LIMIT {_FORGOTTEN_AT_ONCE} /*pg: FOR UPDATE SKIP LOCKED */)",
        (now,),
    )
