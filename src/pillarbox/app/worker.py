"""One worker process: doors and attempts of a server whose store another process holds, or PostgreSQL.

Run by app/processes.py as `python -m pillarbox.app.worker`, with its orders on
standard input; it stops when that ends. Signals are for the parent, which is
told of them too.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack

import msgspec
import uvloop

from pillarbox.app.background import delivering, kept_running
from pillarbox.app.doors import open_doors
from pillarbox.app.listening import Listening, Sockets, open_folder, settle_memory
from pillarbox.app.opening import open_as_set, with_bodies
from pillarbox.app.processes import READY, Orders
from pillarbox.app.upstreams import open_upstreams
from pillarbox.kit import log
from pillarbox.kit.clock import SystemClock
from pillarbox.pubsub.signing import Signer
from pillarbox.store.engine import Store
from pillarbox.store.shared import SharedStore


async def work(orders: Orders, ended: asyncio.StreamReader) -> None:
    """Serve until `ended` says so, or a part fails."""
    settings, failed = orders.settings, asyncio.Event()
    log.configure(as_json=settings.log_json, level=settings.log_level)
    async with AsyncExitStack() as running:
        sockets = Sockets.of([socket.socket(fileno=number) if number >= 0 else None for number in orders.sockets])
        store = await _store(orders, running)
        running.push_async_callback(store.close)
        clock = SystemClock()
        listening = Listening.on(sockets, settings, store, open_folder(settings), clock)
        certificate_url = settings.sns_cert_url or listening.public_url
        signer = await Signer.load(store, listening.keyring, certificate_url, clock.now())
        running.callback(signer.close)
        if "delivery" in settings.roles:
            upstreams = await open_upstreams(settings, store, listening.keyring, running)
            attempts = await delivering(listening, upstreams, clock, running, orders.lease)
            await running.enter_async_context(kept_running(attempts.run(), failed))
        await open_doors(listening, sockets, signer, clock, running)
        settle_memory()
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()
        until = {asyncio.create_task(one) for one in (ended.read(), failed.wait())}
        _, left = await asyncio.wait(until, return_when=asyncio.FIRST_COMPLETED)
        for one in left:
            one.cancel()


async def _store(orders: Orders, running: AsyncExitStack) -> Store:
    if orders.stream < 0:
        return await open_as_set(orders.settings)
    shared = await SharedStore.open(orders.settings.folder, socket.socket(fileno=orders.stream))
    running.callback(asyncio.create_task(_end_with(shared.holder_gone)).cancel)
    return with_bodies(orders.settings, shared)


async def _end_with(holder_gone: asyncio.Event) -> None:
    """End at once when the process that holds the store is gone: how anything ended could not be written down."""
    await holder_gone.wait()
    os._exit(1)


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def main() -> None:
    told = await _standard_input()
    if orders := await told.readline():
        await work(msgspec.json.decode(orders, type=Orders), told)


if __name__ == "__main__":
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
