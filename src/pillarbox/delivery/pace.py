"""How fast a provider is sent to: slower when it asks for that, faster again while it takes what it gets.

Pure: clock readings are arguments. Limits live in rows (store/pace.py) that all
processes share; delivery/pacer.py reads and writes them. A pace is additive
increase, multiplicative decrease: halved once for each time the provider is
pushed too hard, then raised by a twentieth of what was too fast, and forgotten
when twice of that has been fine, or all that the provider itself allows.
"""

import math
from typing import NamedTuple

from pillarbox.kit.clock import DAY, MINUTE, SECOND, Millis
from pillarbox.store.pace import Limits

AHEAD: Millis = SECOND // 4  # so long before it begins, time can be leased
RAISE_EVERY: Millis = 10 * SECOND
_MOMENT: Millis = SECOND
_FIRST_REST: Millis = 30 * SECOND
_LONGEST_REST: Millis = 15 * MINUTE
_REMEMBERED_FOR: Millis = DAY
_SLOWEST = 0.05
_LEAST_KNOWN_RATE = 2.0  # what is slowed for the first time was not slower than this
_STEPS_BACK = 20
_LONGEST_WHY = 500
_TINY = 1e-6


class Use(NamedTuple):
    """What one process saw of a hop when it was throttled: its rate, and its connections then."""

    rate: float
    connections: int
    began_at: Millis


def rate_of(limits: Limits) -> float:
    """Return the messages a second that may begin; 0 when nothing limits them."""
    return _lower(_lower(limits.rate, limits.most_rate), limits.far_rate)


def connections_of(limits: Limits) -> int:
    """Return how many connections may be open; 0 when nothing limits them."""
    return int(_lower(limits.connections, limits.most_connections))


def opens_at(limits: Limits) -> Millis:
    return max(limits.not_before, limits.held_until)


def slowed(limits: Limits, use: Use, reply: str, now: Millis) -> Limits:
    """Return the limits after the far side said that this was too fast.

    One that tells its rate beforehand says with that only that others use their part of it now: a moment's rest is
    enough, and the pace neither falls to nothing nor takes long to come back.
    Attempts that began before the last slowing were answered to the old pace: they say nothing of the new one.
    """
    if use.began_at <= limits.slowed_at:
        return limits
    rate = rate_of(limits) or max(use.rate, _LEAST_KNOWN_RATE)
    connections = connections_of(limits) or use.connections
    rest = _MOMENT if limits.far_rate else min(_FIRST_REST * 2**limits.throttles, _LONGEST_REST)
    return limits._replace(
        rate=max(rate / 2, _SLOWEST, limits.far_rate / _STEPS_BACK),
        connections=max(connections // 2, 1),
        step=max(rate, limits.far_rate) / _STEPS_BACK,
        not_before=now + rest,
        throttles=min(limits.throttles + 1, 10),
        slowed_at=now,
        raised_at=now + rest,
        good=0,
        why=reply[:_LONGEST_WHY],
    )


def raised(limits: Limits, good: int, now: Millis) -> Limits:
    """Return the limits after `good` more messages were taken.

    They rise when at least half of what they allow was used: an idle pace proves nothing. What was learned a day
    ago says nothing of today.
    """
    if not limits.rate:
        return limits
    if now - limits.slowed_at >= _REMEMBERED_FOR:
        return forgotten(limits)
    good += limits.good
    since = now - limits.raised_at
    if since < RAISE_EVERY:
        return limits._replace(good=good)
    limits = limits._replace(good=0, raised_at=now)
    if not good or good < rate_of(limits) * since / SECOND / 2:
        return limits
    rate = limits.rate + limits.step
    if rate >= (limits.far_rate or 2 * _STEPS_BACK * limits.step):
        return forgotten(limits)
    return limits._replace(rate=rate, connections=limits.connections + 1, throttles=0)


def set_by_hand(limits: Limits, rate: float | None, connections: int | None) -> Limits:
    """Return the limits under a ceiling that an operator set (0 takes it away, None leaves it)."""
    return limits._replace(
        most_rate=limits.most_rate if rate is None else rate,
        most_connections=limits.most_connections if connections is None else connections,
    )


def set_by_far_side(limits: Limits, rate: float) -> Limits:
    """Return the limits under what the far side says that it allows (0: anything), which lifts what held them."""
    return limits._replace(far_rate=rate, held_until=0, held_why="")


def held(limits: Limits, until: Millis, why: str) -> Limits:
    """Return the limits while the far side takes nothing; who finds out first says until when."""
    return limits._replace(held_until=max(until, limits.held_until), held_why=why[:_LONGEST_WHY])


def forgotten(limits: Limits) -> Limits:
    """Return the limits as if the far side had never complained of the pace; all else stays."""
    return Limits(limits.egress, limits.provider)._replace(
        most_rate=limits.most_rate,
        most_connections=limits.most_connections,
        next_at=limits.next_at,
        far_rate=limits.far_rate,
        held_until=limits.held_until,
        held_why=limits.held_why,
        day_at=limits.day_at,
        day_most=limits.day_most,
        day_used=limits.day_used,
    )


def is_idle(limits: Limits) -> bool:
    """Whether a row says nothing, so that it need not be kept."""
    return not (rate_of(limits) or connections_of(limits) or opens_at(limits) or limits.day_most)


class Budget:
    """A second of one hop's time: beginnings in it are at least `interval_ms` apart, and so are the last one in it
    and the first one of whoever has the time after `end`. What is not used when it ends is lost, also when its
    process dies.

    In any window of T seconds of the clock, no more than rate·T + 1 messages begin. One that counts as several, for
    its recipients, takes the time of as many after it has begun.
    """

    def __init__(self, start: float, end: float, interval_ms: float) -> None:
        self.next = start
        self.end = end
        self._interval = interval_ms

    def left(self, now: Millis) -> int:
        """Return how many may begin from now on."""
        return max(0, math.floor((self.end - max(self.next, now)) / self._interval + _TINY))

    def begin(self, now: Millis, count: int = 1) -> bool:
        """Use one now (or as many as `count`), if it may begin now."""
        if now < self.next or self.left(now) < count:
            return False
        self.next = now + count * self._interval
        return True

    def is_over(self, now: Millis, count: int = 1) -> bool:
        """Whether the time has come for another lease."""
        return now >= self.next and self.left(now) < count


def leased(limits: Limits, before: Budget | None, now: Millis, least: int = 1) -> tuple[Limits, Budget | None]:
    """Return the limits after a process took a second of time, or as long as one message needs, and the budget.

    `least` is what the message counts as that needs most. `before` is what the process had last: the end of that is
    given back where nobody else has time yet. None when other processes have taken the coming time.
    """
    taken_until = limits.next_at
    if before is not None and before.end == taken_until:
        taken_until = min(before.next, taken_until)
    start = max(taken_until, float(now))
    if start > now + AHEAD:
        return limits, None
    interval = SECOND / rate_of(limits)
    # The single message of a slow pace begins a little late, always: it must not miss its time.
    end = start + max(least, math.floor(SECOND / interval + _TINY)) * interval + min(least * interval, SECOND) / 4
    return limits._replace(next_at=end), Budget(start, end, interval)


def _lower(learned: float, most: float) -> float:
    return min(learned, most) if learned and most else learned or most
