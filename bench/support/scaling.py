"""Serves Pillarbox over PostgreSQL for a benchmark: one of several processes that share a store.

Run as a process of its own: `python -m bench.support.scaling FOLDER DATABASE KEYRING SINK_PORT`. Everything is set as
it is by default, outside dev mode, but for the route to a sink and as many connections to it as the Postfix of the
other benchmarks may open. Prints one line of JSON when it answers.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.support.process import started
from bench.support.requests import SENDER
from bench.support.serve import ACCOUNT, REGION, Served
from pillarbox.app.listening import Listening, settle_memory
from pillarbox.app.server import serve
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.resources import credentials, identities
from pillarbox.settings import RouteSetting, Settings, SmarthostSetting


@contextmanager
def sharing(folder: Path, database: str, keyring: Path, sink_port: int) -> Iterator[Served]:
    """Run one server of those that share a database and a keyring until the block is left."""
    command = [sys.executable, "-m", "bench.support.scaling", str(folder), database, str(keyring), str(sink_port)]
    log_file = folder.parent / f"{folder.name}.log"
    with started(command, log_file) as (pid, lines):
        line = next(lines, "")
        assert line, f"the server did not start: {log_file.read_text()[-2000:]}"
        yield Served(pid=pid, **json.loads(line))


async def run(folder: Path, database: str, keyring: Path, sink_port: int) -> None:
    settings = Settings(
        data=str(folder),
        database=database,
        keyring=str(keyring),
        port=0,
        smtp_port=0,
        smtps_port=0,
        return_path_port=0,
        service_domain="service.example.org",
        routes=(RouteSetting("smtp"),),
        smarthost=SmarthostSetting("127.0.0.1", sink_port, tls="none", max_connections=40),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def announce(listening: Listening) -> None:
        settle_memory()
        now = SystemClock().now()
        await listening.store.write(identities.vouch, Scope(ACCOUNT, REGION), SENDER.partition("@")[2], now)
        key = await listening.store.write(credentials.create, ACCOUNT, "bench", listening.keyring, now)
        told = {"port": listening.port, "smtps_port": 0, "key_id": key.key_id, "secret": key.secret}
        print(json.dumps(told), flush=True)

    await serve(settings, stop, announce)


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
