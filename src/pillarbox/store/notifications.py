"""What topics were told, and the deliveries that this makes.

Plans only. Filled by pubsub/publish.py and subscriptions.py; claimed and ended
by pubsub/deliver.py. A claim pushes `due_at` to the end of the lease and leaves
a token: rows of a dead worker come due by themselves, and a worker that lost
its lease cannot end them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.store.plan import Many, Plan, Rows, Touch

_TOPIC = "notifications"
_COLUMNS = "notification_id, account, region, topic, kind, subject, message, attributes, token, published_at"
_DELIVERY_COLUMNS = (
    "notification_id, subscription, account, region, topic, protocol, endpoint, state,"
    " published_at, due_at, attempts, lease, why, ended_at, place, replay"
)


class NotificationRow(NamedTuple):
    """One notification. `attributes` is a JSON document of pubsub/publish.py; `token` is for confirmations."""

    notification_id: str
    account: str
    region: str
    topic: str
    kind: str
    subject: str | None
    message: str
    attributes: str
    token: str | None
    published_at: Millis


class DeliveryRow(NamedTuple):
    """A notification on its way to one subscription. `state` is due, done, dead or removed.

    `place` is its number in a FIFO topic; `replay` says by which replay it is told again.
    """

    notification_id: str
    subscription: str
    account: str
    region: str
    topic: str
    protocol: str
    endpoint: str
    state: str
    published_at: Millis
    due_at: Millis
    attempts: int
    lease: str
    why: str
    ended_at: Millis | None
    place: int | None = None
    replay: str = ""

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class Ending(NamedTuple):
    """How an attempt ended: with `ended_at` for good, without it the row is tried again at `due_at`."""

    notification_id: str
    subscription: str
    state: str
    due_at: Millis
    attempts: int
    why: str
    ended_at: Millis | None


def add(notifications: Sequence[NotificationRow], deliveries: Sequence[DeliveryRow]) -> Plan[None]:
    """Insert what is not there yet, so that telling the same notification again changes nothing."""
    yield from _add(notifications, deliveries, "NOTHING")


def add_again(notifications: Sequence[NotificationRow], deliveries: Sequence[DeliveryRow]) -> Plan[None]:
    """Do the same, but what was delivered before is to be delivered once more."""
    anew = ("state", "due_at", "attempts", "lease", "why", "ended_at", "place", "replay")
    yield from _add(notifications, deliveries, f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in anew)}")


def _add(notifications: Sequence[NotificationRow], deliveries: Sequence[DeliveryRow], present: str) -> Plan[None]:
    if not deliveries:
        return
    marks = ", ".join("?" * len(NotificationRow._fields))
    yield Many(
        f"INSERT INTO notifications ({_COLUMNS}) VALUES ({marks}) ON CONFLICT (notification_id) DO NOTHING",
        notifications,
    )
    marks = ", ".join("?" * len(DeliveryRow._fields))
    yield Many(
        f"INSERT INTO notification_deliveries ({_DELIVERY_COLUMNS}) VALUES ({marks})"
        f" ON CONFLICT (notification_id, subscription) DO {present}",
        deliveries,
    )
    yield Touch(_TOPIC)


def endpoints() -> Plan[list[tuple[str, str, Millis]]]:
    """Return every endpoint that has rows to deliver, its protocol and when its next row comes due.

    Steps from one endpoint to the next, so that a long backlog of one costs nothing.
    """
    rows = yield Rows(
        "WITH RECURSIVE step (endpoint) AS ("
        " SELECT min(endpoint) FROM notification_deliveries WHERE state = 'due' UNION ALL"
        " SELECT (SELECT min(endpoint) FROM notification_deliveries WHERE state = 'due' AND endpoint > step.endpoint)"
        " FROM step WHERE step.endpoint IS NOT NULL)"
        " SELECT endpoint,"
        " (SELECT min(due_at) FROM notification_deliveries AS d WHERE d.state = 'due' AND d.endpoint = step.endpoint),"
        " (SELECT protocol FROM notification_deliveries AS d WHERE d.state = 'due' AND d.endpoint = step.endpoint"
        " LIMIT 1)"
        " FROM step WHERE endpoint IS NOT NULL"
    )
    return [(endpoint, protocol, due_at) for endpoint, due_at, protocol in rows]


def claim(endpoint: str, lease: str, now: Millis, until: Millis, most: int) -> Plan[list[DeliveryRow]]:
    """Lease at most so many due rows of one endpoint, oldest first."""
    rows = yield Rows(
        "UPDATE notification_deliveries SET due_at = ?, lease = ? WHERE (notification_id, subscription) IN"
        " (SELECT notification_id, subscription FROM notification_deliveries"
        " WHERE state = 'due' AND endpoint = ? AND due_at <= ? ORDER BY due_at LIMIT ?"
        f" /*pg: FOR UPDATE SKIP LOCKED */) RETURNING {_DELIVERY_COLUMNS}",
        (until, lease, endpoint, now, most),
    )
    return sorted((DeliveryRow(*row) for row in rows), key=lambda row: row.published_at)


def next_in_order(endpoint: str, most: int) -> Plan[list[DeliveryRow]]:
    """Return the first rows of a FIFO queue by their places; nobody is kept from ending them."""
    rows = yield Rows(
        f"SELECT {_DELIVERY_COLUMNS} FROM notification_deliveries"
        " WHERE state = 'due' AND endpoint = ? AND place IS NOT NULL ORDER BY place, notification_id LIMIT ?",
        (endpoint, most),
    )
    return [DeliveryRow(*row) for row in rows]


def told(notification_ids: Sequence[str]) -> Plan[dict[str, NotificationRow]]:
    """Return notifications (at most some hundred) by their ids."""
    if not notification_ids:
        return {}
    marks = ", ".join("?" * len(notification_ids))
    rows = yield Rows(f"SELECT {_COLUMNS} FROM notifications WHERE notification_id IN ({marks})", notification_ids)
    return {row[0]: NotificationRow(*row) for row in rows}


def deliveries_of(notification_ids: Sequence[str]) -> Plan[list[DeliveryRow]]:
    """Return on their way to whom notifications (at most some hundred) are."""
    if not notification_ids:
        return []
    marks = ", ".join("?" * len(notification_ids))
    rows = yield Rows(
        f"SELECT {_DELIVERY_COLUMNS} FROM notification_deliveries WHERE notification_id IN ({marks})", notification_ids
    )
    return [DeliveryRow(*row) for row in rows]


def last_told(scope: Scope, most: int) -> Plan[dict[str, Millis]]:
    """Return by topic when somebody was told something last, as far as the newest deliveries know."""
    rows = yield Rows(
        "SELECT topic, max(ended_at) FROM (SELECT topic, ended_at FROM notification_deliveries"
        " WHERE account = ? AND region = ? AND state = 'done' ORDER BY published_at DESC LIMIT ?) AS newest"
        " GROUP BY topic",
        (*scope, most),
    )
    return {topic: int(at) for topic, at in rows}


def held(rows: Sequence[DeliveryRow]) -> Plan[list[bool]]:
    """Say for each claimed row whether its lease still holds; nobody takes it until the transaction ends."""
    verdicts = []
    for row in rows:
        found = yield Rows(
            "SELECT 1 FROM notification_deliveries WHERE notification_id = ? AND subscription = ? AND lease = ?"
            " AND state = 'due' /*pg: FOR UPDATE */",
            (row.notification_id, row.subscription, row.lease),
        )
        verdicts.append(bool(found))
    return verdicts


def end(endings: Sequence[Ending]) -> Plan[None]:
    """Write how attempts ended, of rows that are held."""
    yield Many(
        "UPDATE notification_deliveries SET state = ?, due_at = ?, attempts = ?, why = ?, ended_at = ?, lease = ''"
        " WHERE notification_id = ? AND subscription = ?",
        [
            (one.state, one.due_at, one.attempts, one.why, one.ended_at, one.notification_id, one.subscription)
            for one in endings
        ],
    )


def list_dead(scope: Scope, before: tuple[Millis, str, str], most: int) -> Plan[list[DeliveryRow]]:
    """Return dead deliveries, newest first, that come after `before` (published_at, notification, subscription)."""
    rows = yield Rows(
        f"SELECT {_DELIVERY_COLUMNS} FROM notification_deliveries"
        " WHERE account = ? AND region = ? AND state = 'dead'"
        " AND (published_at, notification_id, subscription) < (?, ?, ?)"
        " ORDER BY published_at DESC, notification_id DESC, subscription DESC LIMIT ?",
        (*scope, *before, most),
    )
    return [DeliveryRow(*row) for row in rows]


def revive(scope: Scope, keys: Sequence[tuple[str, str]], now: Millis) -> Plan[int]:
    """Make dead deliveries due again, as if they had never been tried; return how many there were."""
    revived = 0
    for notification_id, subscription in keys:
        rows = yield Rows(
            "UPDATE notification_deliveries SET state = 'due', due_at = ?, attempts = 0, lease = '',"
            " why = 'replayed', ended_at = NULL WHERE account = ? AND region = ? AND state = 'dead'"
            " AND notification_id = ? AND subscription = ? RETURNING subscription",
            (now, *scope, notification_id, subscription),
        )
        revived += len(rows)
    yield Touch(_TOPIC)
    return revived
