"""Times the stages of the road in a burst one by one, in this process, on requests as they come over the wire.

All times are processor time, so that neighbours on the machine count little: that of the event loop's thread for
what happens there, one request after the other; that of the process for what threads take part in (commits,
deliveries, followers), in groups as under load.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from bench.support.requests import SENDER, signed_requests
from pillarbox.api import registry
from pillarbox.api.call import Call
from pillarbox.delivery.prepare import Preparer, Site
from pillarbox.delivery.route import RouteTable
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport.capture import CaptureTransport
from pillarbox.delivery.worker import Worker
from pillarbox.edge.authenticate import SignedOnly, Window
from pillarbox.events.follow import Follower
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import Scope, new_message_id, new_uuid
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import credentials, identities
from pillarbox.sending.accept import accept_unmade, keep_promises
from pillarbox.sending.draft import Draft
from pillarbox.sending.expand import Expander
from pillarbox.sending.standing import Standings
from pillarbox.sending.unmade import Unmade, read_unmade
from pillarbox.stats.follow import count
from pillarbox.store.engine import Store, open_store
from pillarbox.wire.check import check
from pillarbox.wire.parse import parse
from pillarbox.wire.request import Request
from pillarbox.wire.route import route
from pillarbox.wire.serialize import serialize

_SCOPE = Scope("123456789012", "us-east-1")
_REQUESTS = 256
_ROUNDS = 3
_AT_ONCE = 64


class Stage(NamedTuple):
    """What one stage costs a message; `of_parsed` when the benchmark's `parsed` goes through it too."""

    name: str
    us: float
    of_parsed: bool = False


class _DraftTaken:
    """Stands where the way to a promise begins, and keeps what arrives there."""

    async def send(self, draft: Draft, _now: int) -> str:
        self.draft = draft
        return "0100018bcfe56800-529fa906-7b73-4059-812a-b701bf12ac77-000000"


class _Watch:
    """Adds up the processor time of this thread between marks."""

    def __init__(self) -> None:
        self.totals: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        self._at = time.thread_time()

    def mark(self, name: str) -> None:
        now = time.thread_time()
        self.totals[name] = self.totals.get(name, 0.0) + now - self._at
        self._at = time.thread_time()


async def measure(folder: Path, html: str) -> list[Stage]:
    """Return the stages in the order of the road, the best of three times each."""
    clock, keyring = SystemClock(), Keyring.open_file(folder / "keyring.json")
    store = await open_store("sqlite:", folder)
    try:
        key = await store.write(credentials.create, _SCOPE.account, "bench", keyring, clock.now())
        await store.write(identities.vouch, _SCOPE, SENDER.partition("@")[2], clock.now())
        raw = signed_requests("http://127.0.0.1:8025", key.key_id, key.secret, html, _REQUESTS)
        site = Site("bench.example.com", "mta.bench.example.com")
        preparer = await Preparer.load(store, keyring, clock, site, signs_twice=False)
        worker = Worker(store, {"capture": CaptureTransport(store)}, EicarScanner(), preparer, clock)
        stats = Follower("stats", store, count, clock)
        expander = Expander(store, RouteTable([]), clock)
        authenticator = SignedOnly(store, keyring, clock, Window(900, sigv3=False))
        best: dict[str, float] = {}
        for _ in range(_ROUNDS):
            watch, promises = await _on_the_loop(store, authenticator, raw)
            totals = watch.totals | await _in_threads(store, promises, expander, worker, stats)
            best = {name: min(best.get(name, seconds), seconds) for name, seconds in totals.items()}
        return [Stage(name, seconds / _REQUESTS * 1e6, name in _OF_PARSED) for name, seconds in best.items()]
    finally:
        await store.close()


_OF_PARSED = ("read the claim, find the key", "check the signature", "route, decode the form", "parse by the model")
_OF_PARSED += ("check against the model", "draft", "serialize")


async def _on_the_loop(store: Store, authenticator: SignedOnly, raw: list[bytes]) -> tuple[_Watch, list[Unmade]]:
    clock, watch, taken = SystemClock(), _Watch(), _DraftTaken()
    services: Any = SimpleNamespace(store=store, sender=taken)
    handler = registry.load()["ses", "SendEmail"]
    standings = Standings(store, clock, any_sender=False, sandbox=False)
    promises = []
    for request in map(_read, raw):
        now = clock.now()
        watch.start()
        presented = await authenticator.present(request, "query", now)
        assert presented is not None
        watch.mark("read the claim, find the key")
        authenticator.prove(presented, request)
        watch.mark("check the signature")
        routed = route(request, "ses")
        watch.mark("route, decode the form")
        params = parse(routed, request)
        watch.mark("parse by the model")
        check(routed, params)
        watch.mark("check against the model")
        call = Call(_SCOPE, "bench", "127.0.0.1", new_uuid(), "http://127.0.0.1:8025", now, services)
        result = await handler(call, params)
        watch.mark("draft")
        serialize(routed, result, call.request_id)
        watch.mark("serialize")
        envelope = read_unmade(taken.draft)
        assert envelope is not None
        watch.mark("read the envelope")
        envelope, standing = await standings.of(_SCOPE, envelope)
        watch.mark("standing")
        promises.append(accept_unmade(taken.draft, envelope, standing, new_message_id(_SCOPE, now), now))
        watch.mark("checks and promise")
    return watch, promises


async def _in_threads(
    store: Store, promises: list[Unmade], expander: Expander, worker: Worker, stats: Follower
) -> dict[str, float]:
    async def commit() -> None:
        for start in range(0, len(promises), _AT_ONCE):
            await asyncio.gather(*(store.commit(keep_promises, one) for one in promises[start : start + _AT_ONCE]))

    async def all_of(step: Callable[[], Awaitable[Any]]) -> None:
        while await step():
            pass

    return {
        f"commit, {_AT_ONCE} together": await _processor_time(commit()),
        "make the message and write it, afterwards": await _processor_time(all_of(expander.step)),
        "deliver (capture), afterwards": await _processor_time(all_of(worker.step)),
        "count in the statistics, afterwards": await _processor_time(all_of(stats.step)),
    }


async def _processor_time(work: Awaitable[None]) -> float:
    before = time.process_time()
    await work
    return time.process_time() - before


def _read(raw: bytes) -> Request:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    pairs = (line.partition(": ") for line in lines[1:])
    return Request(method, target, {name.lower(): value for name, _, value in pairs}, body)
