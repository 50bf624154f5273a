"""How often each operation that sends nothing may be called, as SES limits them.

Keeps the last calls of each account in memory, so each process counts for
itself: the limit spares this machine, it is no promise to anybody. Called by
the gateway.
https://docs.aws.amazon.com/ses/latest/dg/quotas.html
"""

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope
from pillarbox.sending.policy import RateExceeded

_MOST_KEPT = 50_000
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

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left: dict[tuple[Scope, str], tuple[float, Millis]] = {}

    def check(self, scope: Scope, service: str, operation: str, now: Millis) -> None:
        """Count a call, or raise RateExceeded."""
        if service not in _SERVICES or operation in _SENDS:
            return
        key, most = (scope, operation), max(1.0, self._rate)
        left, at = self._left.get(key, (most, now))
        left = min(most, left + self._rate * max(0, now - at) / SECOND)
        if left < 1.0 - 1e-9:
            raise RateExceeded("Rate exceeded")
        if len(self._left) >= _MOST_KEPT:
            self._left.clear()
        self._left[key] = (left - 1.0, max(now, at))
