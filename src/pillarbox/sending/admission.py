"""How much and how fast callers may send: Max24HourSend and MaxSendRate, one of each for all processes.

`refused` is the plan that accept runs where it puts promises on disk, so that a
group of them costs one row for each account; `admitted` is pure. A call with
many recipients is let in while anything is left of the allowance; those that
follow wait until the debt is paid back.
https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

from collections.abc import Sequence
from typing import NamedTuple

from pillarbox.kit.clock import DAY, SECOND, Millis
from pillarbox.kit.errors import Refusal
from pillarbox.kit.ids import Scope
from pillarbox.sending.policy import DailyQuotaExceeded, RateExceeded
from pillarbox.store import messages, send_rates
from pillarbox.store.plan import Plan
from pillarbox.store.send_rates import Allowance

# SES lets short bursts above the rate in; how long ones it does not say.
_BURST_SECONDS = 1.0
_LEAST = 1.0 - 1e-9
_MOST_SHUT = 10_000


class Asked(NamedTuple):
    """One message: how many recipients it has for the rate and for the quota, and what its account may do.

    `daily_limit` is in recipients in 24 hours, `rate` in recipients a second; None for any number.
    """

    scope: Scope
    key: str
    recipients: int
    quota_recipients: int
    daily_limit: int | None
    rate: float | None
    now: Millis


def refused(asked: Sequence[Asked]) -> Plan[dict[str, Refusal]]:
    """Return why messages are refused whose account may not send so much or so fast, when those before are let in."""
    limited = [one for one in asked if one.daily_limit is not None or one.rate is not None]
    if not limited:
        return {}
    held = yield from send_rates.hold({one.scope for one in limited})
    refusals: dict[str, Refusal] = {}
    for one in (yield from _over_quota(limited)):
        refusals[one.key] = DailyQuotaExceeded("Daily message quota exceeded.")
    left = dict(held)
    for one in limited:
        if one.rate is None or one.key in refusals:
            continue
        left[one.scope], until = admitted(left[one.scope], one.rate, one.recipients, one.now)
        if until is not None:
            refusals[one.key] = RateExceeded(until=until)
    for scope in sorted(left):
        if left[scope] != held[scope]:
            yield from send_rates.put(scope, left[scope])
    return refusals


def admitted(left: Allowance, rate: float, recipients: int, now: Millis) -> tuple[Allowance, Millis | None]:
    """Return what is left after a message, and None when it was let in, or else when the next one will be."""
    # Clocks of other machines may be ahead of this one: time never runs backwards here.
    now = max(now, left.counted_at)
    most = max(1.0, rate * _BURST_SECONDS)
    remaining = min(most, left.remaining + rate * (now - left.counted_at) / SECOND)
    if remaining < _LEAST:
        return left, now + round((1.0 - remaining) / rate * SECOND)
    return Allowance(remaining - recipients, now), None


def _over_quota(asked: Sequence[Asked]) -> Plan[list[Asked]]:
    """Return those for which nothing is left of their account's daily limit."""
    left: dict[Scope, int] = {}
    over = []
    for one in asked:
        if one.daily_limit is None:
            continue
        if one.scope not in left:
            left[one.scope] = one.daily_limit - (yield from messages.recipients_since(one.scope, one.now - DAY))
        if one.quota_recipients and left[one.scope] < one.quota_recipients:
            over.append(one)
        else:
            left[one.scope] -= one.quota_recipients
    return over


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
