"""Serves Pillarbox for a benchmark: whole, over a long past, or only to the parsed request.

Run as a process of its own: `python -m bench.support.serve full|past|parsed FOLDER WORKERS`. Everything is set as it
is by default, outside dev mode, but that subscribers may be on this machine. Prints one line of JSON when it answers:
ports, key and secret.
"""

import asyncio
import dataclasses
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from msgspec.structs import replace

import pillarbox.app.doors
from bench.support.process import started
from bench.support.requests import SENDER
from pillarbox.app.listening import Listening, settle_memory
from pillarbox.app.server import serve
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.resources import credentials, identities
from pillarbox.settings import Settings

ACCOUNT = "123456789012"
REGION = "us-east-1"


class Served(NamedTuple):
    """A running server and a key pair that it knows."""

    pid: int
    port: int
    smtps_port: int
    key_id: str
    secret: str


class NoSender:
    """Answers without looking: no policy and no store behind the parsed request."""

    async def send(self, *_args: Any) -> str:
        return "0100018bcfe56800-529fa906-7b73-4059-812a-b701bf12ac77-000000"


@contextmanager
def serving(kind: str, folder: Path, workers: int = 0) -> Iterator[Served]:
    """Run a server of this kind on the data folder until the block is left."""
    command = [sys.executable, "-m", "bench.support.serve", kind, str(folder), str(workers)]
    log_file = folder.parent / f"{folder.name}.log"
    with started(command, log_file) as (pid, lines):
        line = next(lines, "")
        assert line, f"the server did not start: {log_file.read_text()[-2000:]}"
        yield Served(pid=pid, **json.loads(line))


async def run(kind: str, folder: Path, workers: int) -> None:
    settings = Settings(
        data=str(folder),
        port=0,
        smtp_port=0,
        smtps_port=-1,
        return_path_port=0,
        sns_private_addresses=True,
        workers=workers,
    )
    if kind == "past":
        settings = replace(settings, bodies_days=0)  # what all days share is as old as the first
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if kind == "parsed":
        _leave_out_the_sender()
    await serve(settings, stop, _announce)


def _leave_out_the_sender() -> None:
    whole = pillarbox.app.doors.services_of
    pillarbox.app.doors.services_of = lambda *args: dataclasses.replace(whole(*args), sender=NoSender())  # type: ignore[arg-type]


async def _announce(listening: Listening) -> None:
    settle_memory()
    now = SystemClock().now()
    await listening.store.write(identities.vouch, Scope(ACCOUNT, REGION), SENDER.partition("@")[2], now)
    key = await listening.store.write(credentials.create, ACCOUNT, "bench", listening.keyring, now)
    told = {"port": listening.port, "smtps_port": listening.smtps_port, "key_id": key.key_id, "secret": key.secret}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
