"""The server: binds, opens the store, starts every part in order of need, and stops them in reverse.

Called by the command line and by tests.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from pillarbox.app import settings_log
from pillarbox.app.background import background, kept_running
from pillarbox.app.doors import open_doors, services_of
from pillarbox.app.egress import hosts
from pillarbox.app.listening import Listening, Sockets, open_folder
from pillarbox.app.opening import open_as_set
from pillarbox.app.premises import premises
from pillarbox.app.processes import Workers
from pillarbox.app.upstreams import open_upstreams
from pillarbox.kit import log
from pillarbox.kit.clock import Clock, SystemClock
from pillarbox.operate.desk import Desk
from pillarbox.operate.doctor import Examinations
from pillarbox.operate.socket import AdminSocket
from pillarbox.pubsub.signing import Signer
from pillarbox.settings import Settings
from pillarbox.store import leases
from pillarbox.upkeep.runner import Runner


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    announce: Callable[[Listening], Any],
    clock: Clock | None = None,
) -> None:
    """Run until `stop`; `announce` is told when the server answers."""
    clock = clock or SystemClock()
    log.configure(as_json=settings.log_json, level=settings.log_level)
    async with AsyncExitStack() as running:
        sockets = Sockets.bound(settings)
        running.callback(sockets.close)
        keyring = open_folder(settings)
        store = await open_as_set(settings)
        running.push_async_callback(store.close)
        listening = Listening.on(sockets, settings, store, keyring, clock)
        await store.write(settings_log.note, settings_log.told(settings), clock.now())
        if store.is_ours_alone:
            await store.write(leases.end_all, clock.now())
        signer = await Signer.load(store, keyring, settings.sns_cert_url or listening.public_url, clock.now())
        running.callback(signer.close)
        upstreams = await open_upstreams(settings, store, keyring, running)
        desk = Desk(
            store,
            keyring,
            clock,
            listening.public_url,
            settings.dev,
            settings.service_domain,
            listening.names,
            upstreams,
            sender=services_of(listening, clock).sender,
            hosts=hosts(settings),
            premises=premises(settings, listening),
        )
        works = await background(listening, signer, upstreams, clock, running)
        for work in (*works, Runner(store, Examinations(desk), clock).run()):
            await running.enter_async_context(kept_running(work, stop))
        if settings.workers:
            await running.enter_async_context(Workers(settings, sockets, store, listening.courtesy).running())
        else:
            await open_doors(listening, sockets, signer, clock, running)
        await running.enter_async_context(AdminSocket(settings.socket_path, desk).running())
        announced = announce(listening)
        if asyncio.iscoroutine(announced):
            await announced
        await stop.wait()
