"""Who fails to prove who they are, again and again, and is held off for a while.

In memory, and bounded: what is not known here any more is forgiven. Called by
both doors before a secret is looked at, and with what came of it.

What is held off is a key *from one place*, for longer and longer: whoever
guesses at a key from elsewhere never keeps its owner out. A place (an address,
or the /64 of IPv6) is held off as a whole only after very many failures and for
a minute at most, and never a loopback address, behind which a proxy brings
everybody. A key that was right from a place lately is never held off there.
"""

import ipaddress
from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

from pillarbox.kit import log, metrics
from pillarbox.kit.clock import MINUTE, SECOND, Clock, Millis

_MOST_KEPT = 10_000
_QUIET: Millis = 15 * MINUTE  # after so long without a failure all are forgotten
_TRUSTED: Millis = 24 * 60 * MINUTE

REFUSED = metrics.counter(
    "credentials_refused_total",
    labels=("door", "why"),
    doc="""Credentials that were refused: `unknown` keys, `wrong` secrets, and those `held-off` after many failures.

    A steady rise is somebody guessing, or a program that was left with an old key: the log names key and address.""",
)


class _Rule(NamedTuple):
    """How many failures are free, and how long one is held off at the most."""

    free: int
    longest: Millis


_KEY_AT_PLACE = _Rule(5, 15 * MINUTE)
_PLACE = _Rule(100, MINUTE)


class _Record(NamedTuple):
    failures: int
    last_at: Millis
    held_until: Millis


class Failures:
    """What was failed lately, by place and by key at a place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = log.named("credentials")
        self._failed: OrderedDict[tuple[str, str], _Record] = OrderedDict()
        self._right: OrderedDict[tuple[str, str], Millis] = OrderedDict()

    @property
    def has_any(self) -> bool:
        """Say whether there were any failures lately: if not, nobody is held off."""
        return bool(self._failed)

    def holds_off(self, door: str, peer: str, key_id: str) -> bool:
        """Say whether a key is to be refused from there now, whatever its secret."""
        now, place = self._clock.now(), _place_of(peer)
        held = any(
            (record := self._failed.get(about)) is not None and now < record.held_until
            for about in ((place, ""), (place, key_id))
        )
        if not held or now - self._right.get((place, key_id), -_TRUSTED) < _TRUSTED:
            return False
        REFUSED.labels(door, "held-off").inc()
        return True

    def failed(self, door: str, peer: str, key_id: str, why: str) -> None:
        """Count a failure, and tell of it; `why` is unknown or wrong."""
        now, place = self._clock.now(), _place_of(peer)
        REFUSED.labels(door, why).inc()
        held_until = self._count((place, key_id), _KEY_AT_PLACE, now)
        if not _is_loopback(peer):
            held_until = max(held_until, self._count((place, ""), _PLACE, now))
        failures = self._failed[place, key_id].failures
        held_seconds = max(held_until - now, 0) // SECOND
        self._log.warning(
            "credentials refused", door=door, key=key_id[:128], peer=peer, why=why, failures=failures,
            held_off_seconds=held_seconds,
        )  # fmt: skip

    def succeeded(self, peer: str, key_id: str) -> None:
        """Remember that a key was right from there."""
        about = (_place_of(peer), key_id)
        self._right[about] = self._clock.now()
        self._right.move_to_end(about)
        if len(self._right) > _MOST_KEPT:
            self._right.popitem(last=False)

    def _count(self, about: tuple[str, str], rule: _Rule, now: Millis) -> Millis:
        """Count one more and return until when it is held off."""
        before = self._failed.get(about)
        failures = 1 if before is None or now - before.last_at > _QUIET else before.failures + 1
        over = failures - rule.free
        held_until = now + min(SECOND << min(over, 20), rule.longest) if over >= 0 else 0
        self._failed[about] = _Record(failures, now, held_until)
        self._failed.move_to_end(about)
        if len(self._failed) > _MOST_KEPT:
            self._failed.popitem(last=False)
        return held_until


@lru_cache(maxsize=4096)
def _place_of(peer: str) -> str:
    """Return what one client has as its own: an address of IPv4, or a network of IPv6.

    https://www.rfc-editor.org/rfc/rfc6177#section-2
    """
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@lru_cache(maxsize=4096)
def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return True  # no address at all: a socket of this machine
