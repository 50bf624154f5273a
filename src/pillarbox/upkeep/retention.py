"""Keeps the store from growing for ever: what is older than it is kept goes, in small pieces.

Touches the store. A duty of upkeep/runner.py: a round every hour, in one
process at a time; a round that is interrupted begins again and finds less.
"""

from dataclasses import dataclass
from typing import Any

from pillarbox.kit import log, metrics
from pillarbox.kit.clock import DAY, HOUR, Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import account_times, message_terms, messages, nouns, retention, subscription_turns
from pillarbox.store.account_times import Days
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

_AT_ONCE = 500  # few enough that others who write wait only some milliseconds
_PIECES = 50  # in one turn, which is renewed between two
_HERE = (Scope("", ""), "upkeep-due", "retention")
_QUOTA_WINDOW: Millis = DAY + HOUR

DROPPED = metrics.counter(
    "retention_dropped_total", labels=("kind",), doc="What was dropped because it was kept for long enough, by kind."
)


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days things are kept after they were accepted, recorded or published; 0 is for ever.

    `history` is for messages and events, `bodies` for what was in mail and in notifications.
    """

    bodies_days: int
    history_days: int


class Retention:
    """See upkeep/runner.py for what a duty promises."""

    name = "retention"
    topic = "retention"

    def __init__(self, store: Store, kept: Kept, clock: Clock) -> None:
        self._store = store
        self._kept = kept
        self._clock = clock
        self._log = log.named("retention")

    async def due_at(self) -> Millis:
        return await self._store.read(_next_round)

    async def work(self, now: Millis) -> None:
        """Drop some of what is too old; when nothing is left, the next round is in an hour."""
        left = _PIECES
        for kind, planner, *args in await self._kinds(now):
            while left and (dropped := await self._store.write(planner, *args, _AT_ONCE)):
                DROPPED.labels(kind).inc(dropped)
                self._log.info("dropped what was kept for long enough", kind=kind, count=dropped)
                left -= 1
        if left:
            await self._store.write(_set_next_round, self._clock.now() + HOUR)

    async def _kinds(self, now: Millis) -> list[tuple[Any, ...]]:
        """Return how each kind is dropped: its name, the plan and what the plan is given before the number."""
        scopes = await self._store.read(messages.scopes)
        kinds: list[tuple[Any, ...]] = [
            ("quota use", retention.drop_quota_use, one, now - _QUOTA_WINDOW) for one in scopes
        ]
        common = Days(self._kept.bodies_days, self._kept.history_days)
        bodies, history = await self._store.read(account_times.befores, common, now)
        kinds += [("bodies", retention.drop_bodies, account, before) for account, before in bodies.own.items()]
        kinds += [
            ("bodies", retention.drop_bodies, "", bodies.common),
            ("notifications", retention.drop_notifications, bodies),
        ]
        oldest = history.longest()
        kinds += [("upstream ids", retention.drop_upstream_ids, oldest), ("parts", retention.drop_parts, oldest)]
        for one in scopes:
            before = history.of(one.account)
            kinds.append(("messages", retention.drop_messages, one, before, before != oldest))
        kinds += [
            ("events", retention.drop_events, oldest),
            ("fact keys", retention.drop_seen, history.common),
            ("search terms", message_terms.drop, oldest),
            ("quarantine", retention.drop_quarantine, history.common),
            ("turns of subscriptions", subscription_turns.forget, now - HOUR),
        ]
        if history.shortest() != oldest:
            kinds.append(("search terms", message_terms.drop_where_others_keep_theirs, history))
        return kinds


def _next_round() -> Plan[Millis]:
    noun = yield from nouns.get(*_HERE)
    return int(noun.document) if noun else 0


def _set_next_round(at: Millis) -> Plan[None]:
    if not (yield from nouns.create(*_HERE, str(at), at)):
        yield from nouns.change(*_HERE, lambda _: str(at), at)
