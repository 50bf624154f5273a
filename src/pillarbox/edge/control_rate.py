"""How often each operation that sends nothing may be called, as SES limits them.

Touches the store: a row for each account, region and operation that was called
lately, so that the limit is one for all processes. Called by the gateway.
https://docs.aws.amazon.com/ses/latest/dg/quotas.html
"""

import math

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.sending.policy import RateExceeded
from pillarbox.store import call_rates
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan
from pillarbox.store.send_rates import Allowance

_LEAST = 1.0 - 1e-9
_MOST_SHUT = 10_000
# More than a call adds, so that rows of accounts that call no more go away.
_FORGOTTEN_AT_ONCE = 4
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html ("All actions, except SendEmail, …")
_SENDS = frozenset(
    {
        "SendEmail",
        "SendRawEmail",
        "SendTemplatedEmail",
        "SendBulkEmail",
        "SendBulkTemplatedEmail",
    }
)
_SERVICES = frozenset({"ses", "sesv2"})


class ControlRate:
    """Lets `rate` calls a second in for each account, region and operation, and so many at once."""

    def __init__(self, store: Store, rate: float) -> None:
        self._store = store
        self._rate = rate
        # Until when there is nothing left: whoever calls again and again costs the store nothing.
        self._shut: dict[tuple[Scope, str], Millis] = {}

    async def check(self, scope: Scope, service: str, operation: str, now: Millis) -> None:
        """Count a call, or raise RateExceeded. What cannot be counted is let in."""
        if service not in _SERVICES or operation in _SENDS:
            return
        key = scope, operation
        if now < self._shut.get(key, 0):
            raise RateExceeded("Rate exceeded")
        try:
            until = await self._store.write(count, scope, operation, self._rate, now)
        except Unavailable:  # a full disk keeps nobody from looking; whatever writes is refused by itself
            return
        if until:
            if len(self._shut) >= _MOST_SHUT:
                self._shut.clear()
            self._shut[key] = until
            raise RateExceeded("Rate exceeded")


def count(scope: Scope, operation: str, rate: float, now: Millis) -> Plan[Millis]:
    """Count a call, or return when there will be one left."""
    most = max(1.0, rate)
    held = yield from call_rates.hold(scope, operation)
    left = min(most, held.remaining + rate * max(0, now - held.counted_at) / SECOND)
    if left < _LEAST:
        return now + math.ceil((1.0 - left) / rate * SECOND)
    yield from call_rates.put(scope, operation, Allowance(left - 1.0, max(now, held.counted_at)))
    yield from call_rates.forget(now - math.ceil(most / rate * SECOND), _FORGOTTEN_AT_ONCE)
    return 0
