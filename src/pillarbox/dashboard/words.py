"""How the pages write times, sizes and addresses.

Pure. The filters of the templates.
"""

import time
from collections.abc import Sequence

from pillarbox.kit.clock import DAY, HOUR, MINUTE, Millis, iso
from pillarbox.operate.messages import Recipient
from pillarbox.operate.story import span


def ago(at: Millis, now: Millis) -> str:
    """Return how long ago a time is, or its date when that is clearer."""
    passed = now - at
    if passed < MINUTE:
        return "just now" if passed < 5_000 else f"{passed // 1000} s ago"
    if passed < HOUR:
        return f"{passed // MINUTE} min ago"
    if passed < DAY:
        return f"{passed // HOUR} h ago"
    return time.strftime("%d %b %H:%M", time.gmtime(at // 1000))


def full_time(at: Millis) -> str:
    """Return `2026-01-31 12:00:00.000 UTC`."""
    return f"{iso(at)[:-1].replace('T', ' ')} UTC"


def minute(at: Millis) -> str:
    """Return `2026-01-31 12:00`."""
    return iso(at)[:16].replace("T", " ")


def clock_time(at: Millis) -> str:
    """Return the time of day to the millisecond."""
    return iso(at)[11:-1]


def after(at: Millis, start: Millis) -> str:
    """Return how long after the start a time is: `+420 ms`."""
    return f"+{span(at - start)}" if at >= start else ""


def size(count: int) -> str:
    """Return a number of bytes as people say it."""
    if count < 1024:
        return f"{count} bytes"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KB"
    return f"{count / 1024 / 1024:.1f} MB"


def person(sender: str) -> str:
    """Return the name of a sender, or the address of one without a name."""
    name, bracket, _ = sender.partition("<")
    return name.strip().strip('"') or sender if bracket else sender


def tally(recipients: Sequence[Recipient]) -> dict[str, int]:
    """Return how many recipients are in each status, in the order in which they come."""
    counts: dict[str, int] = {}
    for one in recipients:
        counts[one.status] = counts.get(one.status, 0) + 1
    return counts


def number(count: int) -> str:
    """Return a number with its thousands set apart."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(rate: float | None) -> str:
    """Return a share in percent, to as many places as small rates need; a dash where nothing counts."""
    if rate is None:
        return "\N{EN DASH}"
    places = 1 if rate >= 0.1 else 2 if rate >= 0.001 else 3
    digits = f"{rate * 100:.{places}f}".rstrip("0").rstrip(".")
    return f"{digits}\N{NARROW NO-BREAK SPACE}%"
