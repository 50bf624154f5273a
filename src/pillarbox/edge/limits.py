"""How much of requests is held in memory: the head of each, the body of each, and all bodies together.

Touches a metric. Built by app/doors.py; asked by edge/http.py and
edge/short_road.py, which share what is left.
"""

from collections.abc import Iterable

from pillarbox.kit import metrics
from pillarbox.wire.faults import Fault

_MOST_HEAD_BYTES = 64 * 1024
_TOLD_BITS = 20

BODIES = metrics.gauge(
    "http_bodies_in_flight_bytes", doc="Bytes of request bodies held in memory now, to a megabyte: less counts as none."
)


def is_long(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Say whether a request's headers are more than is taken."""
    return sum([len(name) + len(value) for name, value in headers]) > _MOST_HEAD_BYTES


class Bodies:
    """Counts the bytes of bodies that are `held`; each may have `longest`, and all at a time `in_flight`."""

    def __init__(self, *, longest: int, in_flight: int) -> None:
        self.longest = longest
        self._in_flight = in_flight
        self.held = 0
        self._told = 0

    def hold(self, count: int) -> None:
        """Count bytes of a body, or refuse them when all bodies together are too many."""
        if self.held + count > self._in_flight:
            raise Fault("ServiceUnavailable", "Too many requests are being read; try again.", 503, sender=False)
        self.held += count
        if self.held >> _TOLD_BITS != self._told:
            self._tell()

    def release(self, count: int) -> None:
        """Count bytes no longer that `hold` has counted."""
        if count:
            self.held -= count
            if self.held >> _TOLD_BITS != self._told:
                self._tell()

    def _tell(self) -> None:
        self._told = self.held >> _TOLD_BITS
        BODIES.set(self._told << _TOLD_BITS)
