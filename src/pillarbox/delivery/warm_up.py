"""Warm-up: how many messages an address that is new to the world sends to a provider in a day.

Pure. Providers distrust an address that nobody knows and that sends much at once. The days are counted in the
rows of paces, which all processes share; delivery/pacer.py takes some of a day's messages at a time.
"""

import math
from dataclasses import dataclass

from pillarbox.delivery.pace import held
from pillarbox.kit.clock import DAY, Millis
from pillarbox.store.pace import Limits

GROWTH = 1.5
_MOST = 1_000_000_000
# A process takes an eighth of what is left: little is lost with it, and little lies idle while others have mail.
_PARTS = 8
_MOST_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class WarmUp:
    """On the first day, which begins at `begins_at`, `messages` for each provider, each day half as many again.

    After `days` there is no ceiling; before the first day there is that of the first.
    """

    begins_at: Millis
    messages: int
    days: int

    def ceiling(self, now: Millis) -> int | None:
        """Return how many messages each provider gets today, or None for any number."""
        day = max(0, (now - self.begins_at) // DAY)
        return None if day >= self.days else min(_MOST, math.floor(self.messages * GROWTH**day))


class Allowance:
    """Messages of a day that one process may begin. What it has left when it ends is lost for that day."""

    def __init__(self, day_at: Millis, left: int) -> None:
        self.day_at = day_at
        self.left = left

    def is_spent(self, now: Millis) -> bool:
        return self.left <= 0 or now >= self.day_at + DAY

    def begin(self) -> None:
        self.left -= 1


def granted(
    limits: Limits, warm_up: WarmUp | None, before: Allowance | None, now: Millis
) -> tuple[Limits, Allowance | None]:
    """Return the limits after a process took some of the day's messages, and those; None when any number may begin.

    What is left of `before`, its last ones, is given back. When the day has none left, nothing goes out until the next.
    """
    most = warm_up.ceiling(now) if warm_up else None
    if most is None:
        return limits._replace(day_at=0, day_most=0, day_used=0), None
    day_at = now - now % DAY
    used = limits.day_used if limits.day_at == day_at else 0
    if before is not None and before.day_at == day_at:
        used -= before.left
    left = max(0, most - used)
    taken = min(left, max(1, left // _PARTS), _MOST_AT_A_TIME)
    limits = limits._replace(day_at=day_at, day_most=most, day_used=used + taken)
    if not taken:
        limits = held(limits, day_at + DAY, f"the {most} messages of this day of the warm-up have been sent")
    return limits, Allowance(day_at, taken)
