"""Time, as every part of Pillarbox counts it: milliseconds since the epoch, UTC.

Pure but for `SystemClock.now`. Decisions take a reading as an argument; only
the edges, the worker loops and the store hold a `Clock` and read it.
"""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

Millis = int

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)",
    re.ASCII,
)


class Clock(Protocol):
    """Tells what time it is; tests bring their own."""

    def now(self) -> Millis: ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000


def iso(at: Millis) -> str:
    """Return the time as AWS writes it: `2016-10-14T05:02:16.645Z`."""
    seconds, millis = divmod(at, 1_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{millis:03d}Z"


def parse_iso(text: str) -> Millis:
    """Read an ISO 8601 time that names its offset, or raise ValueError.

    A time without an offset is refused: it would have to be guessed.
    """
    found = _ISO.fullmatch(text.strip())
    if not found:
        raise ValueError(f"not an ISO 8601 time with an offset: {text!r}")
    *fields, fraction, offset = found.groups()
    year, month, day, hour, minute, second = (int(field) for field in fields)
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    millis = int((fraction or "0").ljust(3, "0")[:3])
    return (moment - _offset(offset) - _EPOCH) // timedelta(milliseconds=1) + millis


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta()
    sign = -1 if text[0] == "-" else 1
    return sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
