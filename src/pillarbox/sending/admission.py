"""How fast callers may send: the account's MaxSendRate as they feel it, one for all processes.

`admitted` is pure; `over_rate` is a plan that accept runs where it puts promises
on disk, so that a group of them costs one row. A call with many recipients is
let in while anything is left of the allowance; those that follow wait until
the debt is paid back.
https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.store import send_rates
from pillarbox.store.plan import Plan
from pillarbox.store.send_rates import Allowance

# SES lets short bursts above the rate in; how long ones it does not say.
_BURST_SECONDS = 1.0
_LEAST = 1.0 - 1e-9
_MOST_SHUT = 10_000


class Asked(NamedTuple):
    """One message: for how many recipients, at how many a second its account may send."""

    scope: Scope
    key: str
    recipients: int
    rate: float
    now: Millis


class Shut(NamedTuple):
    """A message that came too fast, and when its account may send again if nobody sends meanwhile."""

    key: str
    until: Millis


def admitted(left: Allowance, asked: Asked) -> tuple[Allowance, Millis | None]:
    """Return what is left after a message, and None when it was let in, or else when the next one will be."""
    # Clocks of other machines may be ahead of this one: time never runs backwards here.
    now = max(asked.now, left.counted_at)
    most = max(1.0, asked.rate * _BURST_SECONDS)
    remaining = min(most, left.remaining + asked.rate * (now - left.counted_at) / SECOND)
    if remaining < _LEAST:
        return left, now + round((1.0 - remaining) / asked.rate * SECOND)
    return Allowance(remaining - asked.recipients, now), None


def over_rate(messages: Sequence[Asked]) -> Plan[list[Shut]]:
    """Return those of the messages that come too fast, when those before them are let in."""
    by_scope: dict[Scope, list[Asked]] = {}
    for one in messages:
        by_scope.setdefault(one.scope, []).append(one)
    shut: list[Shut] = []
    # In one order, so that two transactions never wait for each other in a circle.
    for scope in sorted(by_scope):
        group = by_scope[scope]
        start = Allowance(max(1.0, group[0].rate * _BURST_SECONDS), group[0].now)
        shut += yield from send_rates.change(scope, start, partial(_judged, group))
    return shut


def _judged(group: Sequence[Asked], left: Allowance) -> tuple[Allowance, list[Shut]]:
    shut = []
    for one in group:
        left, until = admitted(left, one)
        if until is not None:
            shut.append(Shut(one.key, until))
    return left, shut


class ShutAccounts:
    """Remembers for a second at most who has nothing left, so that a flood of calls does not reach the store."""

    def __init__(self) -> None:
        self._until: dict[Scope, Millis] = {}

    def add(self, scope: Scope, until: Millis, now: Millis) -> None:
        if len(self._until) >= _MOST_SHUT:
            self._until.clear()
        self._until[scope] = min(until, now + SECOND)

    def is_shut(self, scope: Scope, now: Millis) -> bool:
        until = self._until.get(scope)
        if until is None:
            return False
        if now >= until:
            del self._until[scope]
            return False
        return True
