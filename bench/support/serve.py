"""Serves Pillarbox for a benchmark: whole, or only as far as the parsed request.

Run as a process of its own: `python -m bench.support.serve full|parsed FOLDER`. Prints one line of JSON
when it answers: port, key and secret.
"""

import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import uvloop

import pillarbox.app
from bench.support.requests import SENDER
from pillarbox.app import Listening, serve
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.resources import credentials, identities
from pillarbox.settings import Settings

ACCOUNT = "123456789012"


class NoSender:
    """Answers without looking: no policy and no store behind the parsed request."""

    async def send(self, *_args: Any) -> str:
        return "0100018bcfe56800-529fa906-7b73-4059-812a-b701bf12ac77-000000"


async def main(kind: str, folder: Path) -> None:
    if kind == "parsed":
        whole = pillarbox.app.Services
        pillarbox.app.Services = lambda **parts: dataclasses.replace(whole(**parts), sender=NoSender())  # type: ignore[misc,assignment,arg-type]

    async def announce(listening: Listening) -> None:
        now = SystemClock().now()
        await listening.store.write(identities.vouch, Scope(ACCOUNT, "us-east-1"), SENDER.partition("@")[2], now)
        key_id, secret = await credentials.create(listening.store, listening.keyring, ACCOUNT, "bench", now)
        print(json.dumps({"port": listening.port, "key_id": key_id, "secret": secret}), flush=True)

    await serve(Settings(data=str(folder), port=0, log_level="error"), asyncio.Event(), announce)


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
