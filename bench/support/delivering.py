"""Serves Pillarbox for a benchmark of delivery: everything that is accepted is signed and handed to a sink.

Mail for the configuration set TRACKED has its links and a pixel tracked.

Run as a process of its own: `python -m bench.support.delivering FOLDER SINK_PORT rsa|ed25519 WORKERS`. Everything
is set as it is by default, outside dev mode, but for the route, the workers, and as many connections as the Postfix
beside it may open, which the workers share. Prints one line of JSON when it answers.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvloop

from bench.support.process import started
from bench.support.requests import SENDER
from bench.support.serve import ACCOUNT, REGION, Served
from pillarbox.app.listening import Listening, settle_memory
from pillarbox.app.server import serve
from pillarbox.events.types import Kind
from pillarbox.kit import metrics
from pillarbox.kit.clock import Millis, SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import topics
from pillarbox.resources import (
    account,
    configuration_sets,
    credentials,
    dkim_keys,
    event_destinations,
    identities,
    verification,
)
from pillarbox.settings import RouteSetting, Settings, SmarthostSetting
from pillarbox.store.plan import Plan

SCOPE = Scope(ACCOUNT, REGION)
DOMAIN = SENDER.partition("@")[2]
TRACKED = "tracked"


@contextmanager
def delivering(folder: Path, sink_port: int, algorithm: str, workers: int) -> Iterator[Served]:
    """Run a server that delivers to a port of this machine until the block is left."""
    arguments = (str(folder), str(sink_port), algorithm, str(workers))
    command = [sys.executable, "-m", "bench.support.delivering", *arguments]
    log_file = folder.parent / f"{folder.name}.log"
    counted = folder.parent / f"{folder.name}.metrics"
    counted.mkdir()
    with started(command, log_file, {metrics.FOLDER: str(counted)} if workers else {}) as (pid, lines):
        line = next(lines, "")
        assert line, f"the server did not start: {log_file.read_text()[-2000:]}"
        yield Served(pid=pid, **json.loads(line))


async def run(folder: Path, sink_port: int, algorithm: str, workers: int) -> None:
    settings = Settings(
        data=str(folder),
        port=0,
        smtp_port=0,
        smtps_port=-1,
        return_path_port=0,
        service_domain="service.example.org",
        routes=(RouteSetting("smtp"),),
        smarthost=SmarthostSetting("127.0.0.1", sink_port, tls="none", max_connections=40),
        workers=workers,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def announce(listening: Listening) -> None:
        settle_memory()
        now = SystemClock().now()
        made = dkim_keys.make_rsa(2048) if algorithm == dkim_keys.RSA else dkim_keys.make_ed25519()
        sealed = dkim_keys.seal(SCOPE, DOMAIN, made, listening.keyring)
        await listening.store.write(_set_up, dkim_keys.stored(DOMAIN, "bench", sealed, now), now)
        key = await listening.store.write(credentials.create, ACCOUNT, "bench", listening.keyring, now)
        told = {"port": listening.port, "smtps_port": listening.smtps_port, "key_id": key.key_id, "secret": key.secret}
        print(json.dumps(told), flush=True)

    await serve(settings, stop, announce)


def _set_up(key: dkim_keys.StoredKey, now: Millis) -> Plan[None]:
    """Vouch for a sender whose mail is signed with one key, and let its bounces suppress nobody: they come again."""
    yield from identities.vouch(SCOPE, DOMAIN, now)
    yield from identities.change(SCOPE, DOMAIN, _signing, now)
    yield from dkim_keys.put(SCOPE, key, now)
    yield from account.set_suppressed_reasons(SCOPE, (), now)
    yield from topics.create(SCOPE, TRACKED, {}, {}, now)
    yield from configuration_sets.create(SCOPE, TRACKED, now)
    kinds = [Kind.OPEN.value, Kind.CLICK.value]
    asked = event_destinations.Wanted(TRACKED, True, kinds, ["SNS"], topics.arn_of(SCOPE, TRACKED))
    yield from event_destinations.create(SCOPE, TRACKED, asked, now)


def _signing(identity: identities.Identity) -> identities.Identity:
    found = verification.succeeded(SystemClock().now())
    dkim = msgspec.structs.replace(identity.dkim, origin=identities.EXTERNAL, selector="bench", verification=found)
    return msgspec.structs.replace(identity, dkim=dkim)


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
