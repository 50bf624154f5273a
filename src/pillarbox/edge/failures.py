"""Who fails to prove who they are, again and again, and is held off for a while.

Called by both doors before a secret is looked at, and with what came of it. Who
is held off is known in memory, so that asking costs nothing; what is new goes to
rows of the store at once and from there to the memories of all processes. Both
are bounded: what is not known any more is forgiven.

What is held off is a key *from one place*, for longer and longer: whoever
guesses at a key from elsewhere never keeps its owner out. A place (an address,
or the /64 of IPv6) is held off as a whole only after very many failures and for
a minute at most, and never a loopback address, behind which a proxy brings
everybody. A key that was right from a place lately is never held off there.
"""

import asyncio
import contextlib
import ipaddress
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, TypeVar

from pillarbox.kit import log, metrics
from pillarbox.kit.clock import HOUR, MINUTE, SECOND, Clock, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.store import credential_failures
from pillarbox.store.credential_failures import FailureRow
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

T = TypeVar("T")

_MOST_KEPT = 10_000
# Whoever else writes waits for so many, some milliseconds; those who guess make no more writing than this.
_TOLD_AT_ONCE = 200
_BETWEEN_SECONDS = 0.1
_AFTER_FAULT_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 5.0
# By so much clocks of several machines may differ, and rows become visible later than they were written.
_OVERLAP: Millis = 5 * SECOND
_QUIET: Millis = 15 * MINUTE  # after so long without a failure all are forgotten
_LONGEST_NAME = 128
_TRUSTED: Millis = 24 * HOUR
_TOLD_AGAIN: Millis = HOUR  # that a key is right

_About = tuple[str, str]  # a place, and a key or nothing

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


class _News(NamedTuple):
    """What other processes do not know yet."""

    failures: int = 0
    failed_at: Millis = 0
    right_at: Millis = 0

    def and_then(self, later: "_News") -> "_News":
        return _News(
            self.failures + later.failures,
            max(self.failed_at, later.failed_at),
            max(self.right_at, later.right_at),
        )


class Failures:
    """What was failed lately, by place and by key at a place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = log.named("credentials")
        self._failed: OrderedDict[_About, _Record] = OrderedDict()
        self._right: OrderedDict[_About, Millis] = OrderedDict()
        self._news: dict[_About, _News] = {}
        self._woken = asyncio.Event()
        self._heard_at: Millis = 0

    @asynccontextmanager
    async def shared_over(self, store: Store) -> AsyncIterator[None]:
        """Tell other processes, and hear from them, until the block is left."""
        store.listen(credential_failures.TOPIC, self._woken.set)
        sharing = asyncio.create_task(self._keep_sharing(store))
        try:
            yield
        finally:
            sharing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sharing

    async def share(self, store: Store) -> None:
        """Tell what is new here, and learn what is new elsewhere."""
        now = self._clock.now()
        while some := dict(islice(self._news.items(), _TOLD_AT_ONCE)):
            for about in some:
                del self._news[about]
            try:
                self._learn(await store.write(tell, some, now))
            except Unavailable:
                for about, news in some.items():
                    self._add_news(about, news)
                raise
        self._learn(await store.read(credential_failures.changed_since, self._heard_at - _OVERLAP, _MOST_KEPT))
        self._heard_at = now

    @property
    def has_any(self) -> bool:
        """Say whether there were any failures lately: if not, nobody is held off."""
        return bool(self._failed)

    def holds_off(self, door: str, peer: str, key_id: str) -> bool:
        """Say whether a key is to be refused from there now, whatever its secret."""
        now, place = self._clock.now(), _place_of(peer)
        held = any(
            (record := self._failed.get(about)) is not None and now < record.held_until
            for about in ((place, ""), (place, _name_of(key_id)))
        )
        if not held or now - self._right.get((place, _name_of(key_id)), -_TRUSTED) < _TRUSTED:
            return False
        REFUSED.labels(door, "held-off").inc()
        return True

    def failed(self, door: str, peer: str, key_id: str, why: str) -> None:
        """Count a failure, and tell of it; `why` is unknown or wrong."""
        now, place = self._clock.now(), _place_of(peer)
        REFUSED.labels(door, why).inc()
        about = place, _name_of(key_id)
        held_until = self._count(about, now)
        if not _is_loopback(peer):
            held_until = max(held_until, self._count((place, ""), now))
        failures = self._failed[about].failures
        held_seconds = max(held_until - now, 0) // SECOND
        self._log.warning(
            "credentials refused", door=door, key=key_id[:128], peer=peer, why=why, failures=failures,
            held_off_seconds=held_seconds,
        )  # fmt: skip

    def succeeded(self, peer: str, key_id: str) -> None:
        """Remember that a key was right from there."""
        now, about = self._clock.now(), (_place_of(peer), _name_of(key_id))
        if now - self._right.get(about, -_TRUSTED) >= _TOLD_AGAIN:
            _put(self._right, about, now)
            self._add_news(about, _News(right_at=now))

    def _count(self, about: _About, now: Millis) -> Millis:
        """Count one more and return until when it is held off."""
        record = _after(self._failed.get(about), 1, about, now)
        _put(self._failed, about, record)
        self._add_news(about, _News(1, now))
        return record.held_until

    def _add_news(self, about: _About, news: _News) -> None:
        if about in self._news or len(self._news) < _MOST_KEPT:
            self._news[about] = self._news.get(about, _News()).and_then(news)
            self._woken.set()

    def _learn(self, rows: list[FailureRow]) -> None:
        """Take over what all know, but where there is something new that they do not."""
        quiet_since = self._clock.now() - _QUIET
        for row in rows:
            about = row.place, row.key_id
            if row.right_at > self._right.get(about, 0):
                _put(self._right, about, row.right_at)
            if row.failed_at > quiet_since and about not in self._news:
                _put(self._failed, about, _Record(row.failures, row.failed_at, row.held_until))

    async def _keep_sharing(self, store: Store) -> None:
        while True:
            self._woken.clear()
            pause = _BETWEEN_SECONDS
            try:
                await self.share(store)
            except Exception as error:  # what is known here holds all the same
                self._log.error("cannot share who is held off", why=repr(error))
                pause = _AFTER_FAULT_SECONDS
            await asyncio.sleep(pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await self._woken.wait()


def tell(news: Mapping[_About, _News], now: Millis) -> Plan[list[FailureRow]]:
    """Add what one process has seen to what all know, and return that."""
    known = []
    for about in sorted(news):  # in one order, so that two processes never wait for each other in a circle
        failures, failed_at, right_at = news[about]
        row = (yield from credential_failures.hold(*about))._replace(changed_at=now)
        if failures:
            before = _Record(row.failures, row.failed_at, row.held_until)
            count, at, until = _after(before, failures, about, failed_at)
            row = row._replace(failures=count, failed_at=at, held_until=until)
        row = row._replace(right_at=max(row.right_at, right_at))
        yield from credential_failures.put(row)
        known.append(row)
    yield from credential_failures.forget(now - _TRUSTED, _MOST_KEPT)
    return known


def _after(before: _Record | None, count: int, about: _About, now: Millis) -> _Record:
    """Return what is known after some failures more."""
    rule = _KEY_AT_PLACE if about[1] else _PLACE
    if before is None or now - before.last_at > _QUIET:
        before = _Record(0, now, 0)
    failures, at = before.failures + count, max(now, before.last_at)
    over = failures - rule.free
    return _Record(failures, at, at + min(SECOND << min(over, 20), rule.longest) if over >= 0 else 0)


def _put(known: OrderedDict[_About, T], about: _About, value: T) -> None:
    known[about] = value
    known.move_to_end(about)
    if len(known) > _MOST_KEPT:
        known.popitem(last=False)


def _name_of(key_id: str) -> str:
    """Return a key as it can be kept, whatever a stranger calls one."""
    if key_id.isalnum() and len(key_id) <= _LONGEST_NAME:
        return key_id
    return ascii(key_id[:_LONGEST_NAME])


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
