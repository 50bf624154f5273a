"""How fast callers may ask: the account's MaxSendRate as they feel it.

Keeps a debt for each account in memory. A call with many recipients is let in
while anything is left of the allowance; those that follow wait until the debt
is paid back. https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

from collections.abc import Callable
from typing import Protocol

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.ids import Scope

_BURST_SECONDS = 1.0
_MOST_ACCOUNTS = 10_000


class Admission(Protocol):
    """Says whether the account may address so many recipients more in this second."""

    def admits(self, scope: Scope, recipients: int, now: Millis) -> bool: ...


class RateAdmission:
    """Lets `rate(scope)` recipients a second in (None: no limit), with a burst of one second."""

    def __init__(self, rate: Callable[[Scope], float | None]) -> None:
        self._rate = rate
        self._allowance: dict[Scope, tuple[float, Millis]] = {}

    def admits(self, scope: Scope, recipients: int, now: Millis) -> bool:
        rate = self._rate(scope)
        if rate is None:
            return True
        most = max(1.0, rate * _BURST_SECONDS)
        left, at = self._allowance.get(scope, (most, now))
        left = min(most, left + rate * (now - at) / SECOND)
        if left < 1.0 - 1e-9:
            self._allowance[scope] = (left, now)
            return False
        if len(self._allowance) >= _MOST_ACCOUNTS:
            self._allowance.clear()
        self._allowance[scope] = (left - recipients, now)
        return True
