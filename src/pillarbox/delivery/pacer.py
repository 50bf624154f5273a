"""Keeps this process to the pace that all share, and tells it what was learned here.

Touches the store: limits and holds are read again twice a second, time and
connections are leased for a second at a time, so that no row is written for each
message. Used by one worker. The decisions are those of delivery/pace.py.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pillarbox.delivery.classify import asks_for_less
from pillarbox.delivery.lanes import OTHER_SES, UNSORTED, Hop, Lane
from pillarbox.delivery.outcome import Deferred, Outcome, Postponed
from pillarbox.delivery.pace import (
    AHEAD,
    Budget,
    Use,
    connections_of,
    held,
    is_idle,
    leased,
    opens_at,
    raised,
    rate_of,
    slowed,
)
from pillarbox.delivery.warm_up import Allowance, WarmUp, granted
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.store import holds, pace
from pillarbox.store.engine import Store
from pillarbox.store.holds import Hold
from pillarbox.store.pace import Limits
from pillarbox.store.plan import Plan

_STALE_AFTER: Millis = SECOND // 2
_LOOK_SECONDS = 0.25
_SEEN_FOR: Millis = 10 * SECOND
_HELD_FOR: Millis = 10 * SECOND  # a worker with nothing else to do looks every five
_TYPICAL = 0.1  # how much the next attempt says of what attempts at a hop count as

THROTTLED = metrics.counter(
    "delivery_throttled_total",
    labels=("egress", "provider"),
    doc="""Replies that asked for a slower pace.

    Each slows the provider's lanes for everybody (see `pillarbox pace`). A steady rise means that the pace
    found is still too fast, or that the provider has stopped trusting the egress source.""",
)


class _Lease(NamedTuple):
    """What this process may do: None where nothing limits it, or others have the time that comes.

    It ends with its budget; without one, at `until`.
    """

    budget: Budget | None
    connections: int | None
    until: Millis

    def is_over(self, now: Millis, wanted: int) -> bool:
        return self.budget.is_over(now, wanted) if self.budget else now >= self.until

    def ends_at(self) -> float:
        return self.budget.next if self.budget else self.until


class Pacer:
    """Says which lanes are open and how much each hop takes; an attempt waits here for its turn."""

    def __init__(self, store: Store, clock: Clock, holder: str, warm_ups: Mapping[str, WarmUp] | None = None) -> None:
        """`warm_ups` are those of egress sources by name."""
        self._store = store
        self._clock = clock
        self._holder = holder
        self._warm_ups = warm_ups or {}
        self._limits: dict[Hop, Limits] = {}
        self._holds: list[Hold] = []
        self._read_at: Millis | None = None
        self._leases: dict[Hop, _Lease] = {}
        self._allowances: dict[Hop, Allowance] = {}
        self._gates: defaultdict[Hop, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._in_hand: Counter[Hop] = Counter()
        self._waiting: Counter[Hop] = Counter()
        self._good: Counter[Hop] = Counter()
        self._costs: dict[Hop, float] = {}
        self._wanted: dict[Hop, int] = {}
        self._seen: dict[Hop, tuple[Millis, int]] = {}
        self._stopped = False
        self._log = log.named("pace")
        store.listen("pace", self._stale)

    async def refresh(self) -> None:
        """Read what operators and other processes have changed, unless that was done just now."""
        now = self._clock.now()
        if self._read_at is not None and 0 <= now - self._read_at < _STALE_AFTER:
            return
        self._read_at = now
        limits, self._holds = await self._store.read(_limits_and_holds)
        self._limits = {Hop(one.egress, one.provider): one for one in limits}
        self._seen = {hop: seen for hop, seen in self._seen.items() if now - seen[0] <= _SEEN_FOR}
        for hop in list(self._in_hand):  # what is open must stay ours
            await self._lease_of(hop, now)

    def held(self, lane: Lane) -> Hold | None:
        """Return by which hold of an operator the whole lane is closed."""
        return next((hold for hold in self._holds if closes(hold, lane)), None)

    def held_message(self, account: str, message_id: str, configuration_set: str) -> Hold | None:
        """Return by which hold of an operator a message is kept, though its lane is open."""
        return next((hold for hold in self._holds if keeps(hold, account, message_id, configuration_set)), None)

    @property
    def holds_messages(self) -> bool:
        return any(hold.kind in (holds.MESSAGE, holds.CONFIGURATION_SET) for hold in self._holds)

    def opens_at(self, lane: Lane, now: Millis) -> Millis | None:
        """Return when a lane may be claimed from: a time that has come, a later one, or None until a hold is lifted."""
        if self._stopped or lane.aside or self.held(lane):
            return None
        limits = self._limits.get(lane.hop)
        return max(opens_at(limits), now) if limits else now

    async def room(self, hops: Iterable[Hop]) -> Mapping[Hop, int]:
        """Return how many attempts more may be taken in hand at each hop whose pace is limited."""
        now = self._clock.now()
        room = {}
        for hop in set(hops):
            lease = await self._lease_of(hop, now)
            if lease is None:
                continue
            by_time = self._attempts_in(hop, lease.budget.left(now) - self._waiting[hop]) if lease.budget else None
            by_connections = lease.connections - self._in_hand[hop] if lease.connections is not None else None
            if self._has_rate(hop) and lease.budget is None:
                by_time = 0
            allowance = self._allowances.get(hop)
            by_day = allowance.left - self._waiting[hop] if allowance else None
            room[hop] = max(0, min(one for one in (by_time, by_connections, by_day) if one is not None))
        return room

    def looks_again_at(self, now: Millis) -> float:
        """Return when a hop that takes no more now may take more again."""
        return min((at for lease in self._leases.values() if (at := lease.ends_at()) > now), default=float("inf"))

    def taken(self, hop: Hop) -> None:
        """Tell that an attempt was taken in hand; `left` tells of its end."""
        self._in_hand[hop] += 1

    def left(self, hop: Hop) -> None:
        self._in_hand[hop] -= 1
        if not self._in_hand[hop]:
            del self._in_hand[hop]

    async def turn(self, lane: Lane, recipients: int = 1) -> bool:
        """Wait until an attempt may begin; False when it no longer may, and its row is to be given back."""
        hop = lane.hop
        cost = max(1, recipients) if hop.egress == OTHER_SES else 1
        if hop in self._limits:
            self._costs[hop] = (1 - _TYPICAL) * self._costs.get(hop, cost) + _TYPICAL * cost
            self._waiting[hop] += cost
            try:
                async with self._gates[hop]:
                    allowed = await self._wait_for_turn(lane, cost)
            finally:
                self._waiting[hop] -= cost
                if not self._waiting[hop]:
                    del self._waiting[hop], self._gates[hop]
        else:
            allowed = self.opens_at(lane, 0) is not None
        if allowed:
            self._see(hop, cost)
        return allowed

    async def learn(self, hop: Hop, outcomes: Mapping[str, Outcome], began_at: Millis) -> None:
        """Take to heart how an attempt ended. Whatever becomes of that, the attempt did end so."""
        reply = next((one for one in map(_throttling_reply, outcomes.values()) if one), None)
        closed = next((one for one in outcomes.values() if isinstance(one, Postponed) and one.closed), None)
        if reply is None and closed is None:
            if hop in self._limits:
                self._good[hop] += len(outcomes) if hop.egress == OTHER_SES else 1
            return
        try:
            if reply is not None:
                await self._slow(hop, reply, began_at)
            if closed is not None:
                await self._hold(hop, closed)
        except Unavailable as error:
            self._log.error("pace not slowed", egress=hop.egress, provider=hop.provider, why=str(error))

    def stop(self) -> None:
        """Let nothing begin any more; who waits for a turn is told so."""
        self._stopped = True

    def _stale(self) -> None:
        self._read_at = None

    def _has_rate(self, hop: Hop) -> bool:
        return hop in self._limits and rate_of(self._limits[hop]) > 0

    def _attempts_in(self, hop: Hop, left: int) -> int:
        """Return how many attempts like the last ones a budget is enough for; one that is large may try its luck."""
        return -int(-left // self._costs.get(hop, 1.0)) if left > 0 else 0

    async def _wait_for_turn(self, lane: Lane, cost: int) -> bool:
        while True:
            now = self._clock.now()
            opens_at = self.opens_at(lane, now)
            if opens_at is None or opens_at > now:
                return False
            allowance = self._allowances.get(lane.hop)
            if allowance is not None and allowance.is_spent(now):
                return False
            if not self._has_rate(lane.hop):
                return self._begins(allowance)
            lease = self._leases.get(lane.hop)
            budget = lease.budget if lease else None
            if budget is None or budget.left(now) < cost:
                self._wanted[lane.hop] = max(cost, self._wanted.get(lane.hop, 1))
                return False
            if budget.begin(now, cost):
                return self._begins(allowance)
            await asyncio.sleep(min((budget.next - now) / SECOND, _LOOK_SECONDS))

    @staticmethod
    def _begins(allowance: Allowance | None) -> bool:
        if allowance is not None:
            allowance.begin()
        return True

    async def _lease_of(self, hop: Hop, now: Millis) -> _Lease | None:
        """Return what this process may do at a hop, leased anew when the last lease has ended; None: anything."""
        lease = self._leases.get(hop)
        if self._is_limited(hop, now) and (lease is None or self._is_over(hop, lease, now)):
            lease = self._leases[hop] = await self._lease(hop, now)
        if not self._is_limited(hop, now):  # never was, or was forgotten just now
            self._leases.pop(hop, None)
            return None
        return lease

    def _is_limited(self, hop: Hop, now: Millis) -> bool:
        warm_up = self._warm_up(hop)
        if warm_up is not None and warm_up.ceiling(now) is not None:
            return True
        limits = self._limits.get(hop)
        return limits is not None and bool(rate_of(limits) or connections_of(limits) or limits.day_most)

    def _is_over(self, hop: Hop, lease: _Lease, now: Millis) -> bool:
        allowance = self._allowances.get(hop)
        return lease.is_over(now, self._wanted.get(hop, 1)) or (allowance is not None and allowance.is_spent(now))

    def _warm_up(self, hop: Hop) -> WarmUp | None:
        return None if hop.provider == UNSORTED else self._warm_ups.get(hop.egress)

    async def _lease(self, hop: Hop, now: Millis) -> _Lease:
        good, least = self._good.pop(hop, 0), self._wanted.pop(hop, 1)
        before = self._limits.get(hop) or Limits(*hop)
        ended = self._leases.pop(hop, None)  # who begins meanwhile would use the time that is given back
        last = ended.budget if ended else None
        spared = self._allowances.pop(hop, None)  # lost, when the store fails: never used twice
        limits, (budget, allowance, connections) = await self._store.write(
            _lease, hop, good, last, least, self._warm_up(hop), spared, self._holder, self._in_hand[hop], now
        )
        self._limits[hop] = limits
        if allowance is not None:
            self._allowances[hop] = allowance
        if rate_of(before) and not rate_of(limits):
            self._log.info("pace is free again", egress=hop.egress, provider=hop.provider)
        return _Lease(budget, connections, now + (AHEAD if rate_of(limits) else SECOND))

    async def _slow(self, hop: Hop, reply: str, began_at: Millis) -> None:
        now = self._clock.now()
        THROTTLED.labels(*hop).inc()
        since, count = self._seen.get(hop, (now, 0))
        use = Use(count * SECOND / max(now - since, SECOND), self._in_hand[hop], began_at)
        after = self._limits[hop] = await self._store.write(_slow, hop, use, reply, now)
        self._leases.pop(hop, None)
        self._log.info(
            "pace is slower",
            egress=hop.egress,
            provider=hop.provider,
            rate=round(rate_of(after), 2),
            connections=connections_of(after),
            not_before=after.not_before,
            why=reply,
        )

    async def _hold(self, hop: Hop, closed: Postponed) -> None:
        until = self._clock.now() + round(closed.seconds * SECOND)
        self._limits[hop] = await self._store.write(_hold, hop, until, closed.why)
        self._log.info("held", egress=hop.egress, provider=hop.provider, until=until, why=closed.why)

    def _see(self, hop: Hop, cost: int) -> None:
        now = self._clock.now()
        since, count = self._seen.get(hop, (now, 0))
        self._seen[hop] = (now, cost) if now - since > _SEEN_FOR else (since, count + cost)


def closes(hold: Hold, lane: Lane) -> bool:
    """Whether a hold keeps a whole lane."""
    if hold.account not in ("", lane.account):
        return False
    return hold.kind == holds.ACCOUNT or (hold.kind == holds.PROVIDER and lane.hop.is_called(hold.name))


def keeps(hold: Hold, account: str, message_id: str, configuration_set: str) -> bool:
    if hold.kind == holds.MESSAGE:
        return hold.name == message_id
    return hold.kind == holds.CONFIGURATION_SET and hold.account in ("", account) and hold.name == configuration_set


def _throttling_reply(outcome: Outcome) -> str | None:
    """Return the reply by which a deferral asks for a slower pace."""
    if isinstance(outcome, Postponed) and outcome.throttled:
        return outcome.why
    if isinstance(outcome, Deferred) and not outcome.ours and asks_for_less(outcome.reply):
        return outcome.reply
    return None


def _limits_and_holds() -> Plan[tuple[list[Limits], list[Hold]]]:
    limits = yield from pace.every()
    return limits, (yield from holds.every())


def _slow(hop: Hop, use: Use, reply: str, now: Millis) -> Plan[Limits]:
    after, _ = yield from pace.change(*hop, lambda limits: (slowed(limits, use, reply, now), None))
    return after


def _hold(hop: Hop, until: Millis, why: str) -> Plan[Limits]:
    after, _ = yield from pace.change(*hop, lambda limits: (held(limits, until, why), None))
    return after


def _lease(
    hop: Hop,
    good: int,
    last: Budget | None,
    least: int,
    warm_up: WarmUp | None,
    spared: Allowance | None,
    holder: str,
    open_now: int,
    now: Millis,
) -> Plan[tuple[Limits, tuple[Budget | None, Allowance | None, int | None]]]:
    """Report what went well, and take time, messages of a warm-up's day and connections for the coming second."""

    def decide(limits: Limits) -> tuple[Limits, tuple[Budget | None, Allowance | None]]:
        limits, allowance = granted(raised(limits, good, now), warm_up, spared, now)
        limits, budget = leased(limits, last, now, least) if rate_of(limits) else (limits, None)
        return limits, (budget, allowance)

    limits, (budget, allowance) = yield from pace.change(*hop, decide)
    if is_idle(limits):
        yield from pace.forget(*hop)
    most = connections_of(limits)
    if not most:
        return limits, (budget, allowance, None)
    until = round(max(budget.end if budget else 0.0, now)) + _HELD_FOR
    shared = yield from pace.share_connections(*hop, holder, open_now, most, until, now)
    return limits, (budget, allowance, shared)
