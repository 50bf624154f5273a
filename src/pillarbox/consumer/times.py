"""The times in events, in the ways in which SES is known to write them.

Pure. A time that cannot be read, or that names no offset, is an error and
never *now*.
"""

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pillarbox.consumer.errors import Unreadable

# `2016-10-14T05:02:16.645Z`, `2017-08-05T00:41:02-05:00`, and in older notifications `2018-10-08T14:05:45 +0000`.
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ?(?:(Z)|([+-])(\d\d):?(\d\d))", re.ASCII
)

_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def read_time(value: Any, name: str) -> datetime:
    """Return the moment, in UTC and to milliseconds; `name` is the member it stands in."""
    if isinstance(value, str) and _USUAL.fullmatch(value):
        with contextlib.suppress(ValueError):  # told below, as for every other form
            return datetime.fromisoformat(value)
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise Unreadable(f"{name} is no time that names its offset: {value!r}"[:200])
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    microseconds = int((found[7] or "0").ljust(3, "0")[:3]) * 1_000
    offset = timedelta()
    if found[9]:
        offset = timedelta(hours=int(found[10]), minutes=int(found[11])) * (-1 if found[9] == "-" else 1)
    try:
        moment = datetime(year, month, day, hour, minute, second, microseconds, timezone(offset))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{name} is no time that there was: {value!r}"[:200]) from None
