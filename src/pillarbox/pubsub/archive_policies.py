"""What a FIFO topic keeps and what a subscription is told again: their policies, read and checked.

Pure. Called by topic_attributes.py and subscription_attributes.py when one is
set, and by whoever goes by it.
https://docs.aws.amazon.com/sns/latest/dg/fifo-message-archiving-replay.html
"""

import json
from typing import Any

import msgspec

from pillarbox.kit.clock import DAY, Millis, iso, parse_iso
from pillarbox.kit.ids import new_token
from pillarbox.pubsub.refusals import InvalidParameter

ARCHIVE, REPLAY = "ArchivePolicy", "ReplayPolicy"
# What takes a policy away again.
NOTHING = "{}"
_LONGEST_DAYS = 365

PENDING, IN_PROGRESS, COMPLETED, FAILED = "Pending", "In progress", "Completed", "Failed"


class Archive(msgspec.Struct, frozen=True):
    """One life of a topic's archive: all that was published since then is kept for so many days."""

    archive_id: str
    since: Millis
    days: int

    def begins_at(self, now: Millis) -> Millis:
        """Return from when on everything is there."""
        return max(self.since, now - self.days * DAY)


class Replay(msgspec.Struct, frozen=True):
    """A subscription is told again what was published from `starts_at` to `ends_at`; `after` is the last place done.

    Without `ends_at` what is published from now on follows.
    """

    replay_id: str
    starts_at: Millis
    ends_at: Millis | None
    status: str = PENDING
    after: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.status in (PENDING, IN_PROGRESS)

    def lets_through(self, published_at: Millis) -> bool:
        """Say whether the subscription is told what is published now: not before all of the past, nor after the end."""
        if self.is_under_way:
            return False
        return self.status == FAILED or self.ends_at is None or published_at <= self.ends_at


def days_of(policy: str) -> int:
    """Return for how many days an ArchivePolicy keeps what is published; refuse one that says nothing of the kind."""
    given = _read(ARCHIVE, policy)
    days = given.pop("MessageRetentionPeriod", None)
    if given or not isinstance(days, str | int) or isinstance(days, bool):
        raise InvalidParameter(f"{ARCHIVE} Reason: MessageRetentionPeriod is all that it has")
    text = str(days)
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= _LONGEST_DAYS):
        raise InvalidParameter(f"{ARCHIVE} Reason: MessageRetentionPeriod must be from 1 to {_LONGEST_DAYS} days")
    return int(text)


def archive_after(present: Archive | None, policy: str | None, now: Millis) -> Archive | None:
    """Return a topic's archive when its policy is this one; what was kept for a shorter time is not longer there."""
    if not policy:
        return None
    if present is None:
        return Archive(new_token(), now, days_of(policy))
    return msgspec.structs.replace(present, since=present.begins_at(now), days=days_of(policy))


def replay_of(policy: str) -> Replay:
    """Read a ReplayPolicy; refuse one that does not say from when on."""
    given = _read(REPLAY, policy)
    kind, start, end = (given.pop(name, None) for name in ("PointType", "StartingPoint", "EndingPoint"))
    if kind != "Timestamp":
        raise InvalidParameter(f"{REPLAY} Reason: PointType must be Timestamp")
    if given:
        raise InvalidParameter(f"{REPLAY} Reason: {min(given)} is not known")
    starts_at = _time("StartingPoint", start)
    ends_at = None if end is None else _time("EndingPoint", end)
    if ends_at is not None and ends_at <= starts_at:
        raise InvalidParameter(f"{REPLAY} Reason: EndingPoint must be later than StartingPoint")
    return Replay(new_token(), starts_at, ends_at)


def check_start(replay: Replay, archive: Archive | None, now: Millis) -> None:
    """Refuse a replay from a time at which a topic kept nothing yet, or no longer, or that is still to come."""
    if archive is None:
        raise InvalidParameter(f"{REPLAY} Reason: the topic has no ArchivePolicy")
    begins_at = archive.begins_at(now)
    if not begins_at <= replay.starts_at <= now:
        raise InvalidParameter(f"{REPLAY} Reason: StartingPoint must be from {iso(begins_at)} to the present")


def _read(name: str, policy: str) -> dict[str, Any]:
    try:
        given = json.loads(policy)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidParameter(f"{name}: failed to parse JSON.")
    return given


def _time(name: str, value: Any) -> Millis:
    try:
        return parse_iso(value if isinstance(value, str) else "")
    except ValueError:
        raise InvalidParameter(f"{REPLAY} Reason: {name} must be a time like 2024-05-01T12:00:00.000Z") from None
