"""The only place that builds objects: starts them in order of need, stops them in reverse.

Called by the command line and by tests. Everything that lives as long as the
server is built here from the settings and given to whoever needs it.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from pillarbox.api import registry
from pillarbox.api.call import Services
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport.base import Transport
from pillarbox.delivery.transport.capture import CaptureTransport
from pillarbox.delivery.transport.simulator import SimulatorTransport
from pillarbox.delivery.worker import Site, Worker
from pillarbox.edge.authenticate import AnySecret, Authenticator, SignedOnly
from pillarbox.edge.gateway import Gateway
from pillarbox.edge.http import HttpEdge
from pillarbox.events.follow import Follower
from pillarbox.kit import log
from pillarbox.kit.clock import Clock, SystemClock
from pillarbox.kit.secrets import Keyring
from pillarbox.resources.account import Quota
from pillarbox.sending.accept import Sender
from pillarbox.sending.admission import RateAdmission
from pillarbox.sending.standing import Standings
from pillarbox.settings import Settings
from pillarbox.store.engine import Store, open_store

_STOPPING_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that is ready: where it listens, and its parts for those who look inside."""

    settings: Settings
    port: int
    public_url: str
    store: Store
    keyring: Keyring


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    announce: Callable[[Listening], Any],
    clock: Clock | None = None,
) -> None:
    """Run until `stop`; `announce` is told when the server answers."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as running:
        listener = _listen(settings.host, settings.port)
        running.callback(listener.close)
        port: int = listener.getsockname()[1]
        public_url = settings.public_url.rstrip("/") or f"http://localhost:{port}"
        keyring = Keyring.open_file(settings.keyring_path)
        store = await open_store(settings.database, settings.folder)
        running.push_async_callback(store.close)
        listening = Listening(settings, port, public_url, store, keyring)
        for part in await _parts(listening, clock, running):
            await running.enter_async_context(_running(part))
        edge = await _edge(listening, clock, running)
        await running.enter_async_context(_http(edge, listener))
        announced = announce(listening)
        if asyncio.iscoroutine(announced):
            await announced
        await stop.wait()
