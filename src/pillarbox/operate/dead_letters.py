"""Notifications that could not be delivered: what they are, and another try.

Touches the store. Called through operate/requests.py.
"""

from collections.abc import Iterable

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import NotFound
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.pubsub import dead_letters as letters
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

_BATCH = 500


class DeadLetter(msgspec.Struct, frozen=True):
    """A notification that was given up for one subscription, and why."""

    notification_id: str
    account: str
    region: str
    topic: str
    endpoint: str
    published_at: Millis
    attempts: int
    why: str


async def list_all(desk: Desk, account: str = "", topic: str = "", most: int = 100) -> list[DeadLetter]:
    """Return the newest dead letters of an account or of all, newest first; `topic` is a name."""
    found = await desk.store.read(_dead, account, topic, most)
    return [
        DeadLetter(one.notification_id, *scope, one.topic, one.endpoint, one.published_at, one.attempts, one.why)
        for scope, one in found
    ]


async def replay(desk: Desk, notification_id: str = "", account: str = "", topic: str = "") -> int:
    """Deliver one dead letter again, or all that fit; return how many. NotFound when there is none."""
    asked = (notification_id, account, topic)
    subject = " ".join(filter(None, (notification_id, topic)))
    return await audit.write(
        desk, "dead-letters.replay", subject, Scope(account, ""), _replay, *asked, desk.clock.now()
    )


def _replay(notification_id: str, account: str, topic: str, now: Millis) -> Plan[int]:
    count = 0
    for scope in (yield from _scopes(account)):
        fitting = [one for one in (yield from _dead_of(scope, topic)) if notification_id in ("", one.notification_id)]
        for start in range(0, len(fitting), _BATCH):
            count += yield from letters.replay(scope, fitting[start : start + _BATCH], now)
    if not count:
        raise NotFound(f"there is no dead letter {notification_id}" if notification_id else "no dead letter fits")
    return count


def _dead(account: str, topic: str, most: int) -> Plan[list[tuple[Scope, letters.DeadLetter]]]:
    found: list[tuple[Scope, letters.DeadLetter]] = []
    for scope in (yield from _scopes(account)):
        found += [(scope, one) for one in (yield from _dead_of(scope, topic, most))]
    return sorted(found, key=lambda pair: pair[1].published_at, reverse=True)[:most]


def _dead_of(scope: Scope, topic: str, most: int | None = None) -> Plan[list[letters.DeadLetter]]:
    found: list[letters.DeadLetter] = []
    last: letters.DeadLetter | None = None
    while True:
        batch = yield from letters.list_dead(scope, last, _BATCH)
        found += (one for one in batch if topic in ("", one.topic))
        if len(batch) < _BATCH or (most is not None and len(found) >= most):
            return found
        last = batch[-1]


def _scopes(account: str) -> Plan[Iterable[Scope]]:
    return [scope for scope in (yield from nouns.scopes()) if account in ("", scope.account)]
