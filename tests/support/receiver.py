"""An HTTP receiver in this loop that answers as it is told, for tests that turn the clock themselves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Received:
    """One post as it arrived."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told

    @property
    def kind(self) -> str:
        return self.headers["x-amz-sns-message-type"]


@dataclass
class Receiver:
    """Keeps every post. `answers` are given by path, one after the other, the last one for good; else 200.

    A path in `hanging` gets no answer until its event is set.
    """

    url: str = ""
    posts: list[Received] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # of answers that are not 200
    hanging: dict[str, asyncio.Event] = field(default_factory=dict)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def at(self, path: str) -> list[Received]:
        return [post for post in self.posts if post.path == path]

    async def wait_for_posts(self, path: str, number: int) -> None:
        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: len(self.at(path)) >= number), 20)

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = (await request.read()).decode()
        async with self.arrived:
            self.posts.append(Received(request.path, headers, body))
            self.arrived.notify_all()
        if request.path in self.hanging:
            await self.hanging[request.path].wait()
        planned = self.answers.get(request.path, [200])
        status = planned.pop(0) if len(planned) > 1 else planned[0]
        return web.Response(status=status, headers={} if status == 200 else self.headers)

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator["Receiver"]:
        receiver = cls()
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", receiver._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        receiver.url = f"http://127.0.0.1:{port}"
        try:
            yield receiver
        finally:
            for event in receiver.hanging.values():
                event.set()
            await runner.cleanup()
