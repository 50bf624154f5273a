"""The admin socket: how commands speak to a running server.

Touches a Unix socket in the data folder that only the user who runs the server
can open (mode 0600), which is all the authentication there is. Requests are
JSON over HTTP, `POST /` with one of operate/requests.py; `GET /tail` streams
events as lines of JSON until the client leaves. Built by app/.
"""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
from aiohttp import web

from pillarbox.kit import log
from pillarbox.kit.errors import NotFound, Refusal, Unavailable
from pillarbox.operate.client import reachable
from pillarbox.operate.desk import Desk
from pillarbox.operate.requests import answer, decode, encode
from pillarbox.operate.tail import Tail

_JSON = "application/json"


class AdminSocket:
    """Answers operators on `path`. The store's lock is held, so a socket left there is a dead server's."""

    def __init__(self, path: Path, desk: Desk) -> None:
        self._path = path
        self._desk = desk
        self._tail = Tail(desk.store)
        self._log = log.named("admin")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer until left; watchers are sent away."""
        routes = web.Application(client_max_size=1024 * 1024)
        routes.add_routes([web.post("/", self._answer), web.get("/tail", self._follow)])
        runner = web.AppRunner(routes, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.SockSite(runner, bind(self._path)).start()
            yield
        finally:
            await runner.cleanup()
            self._path.unlink(missing_ok=True)

    async def _answer(self, http: web.Request) -> web.Response:
        try:
            result = await answer(self._desk, decode(await http.read()))
        except msgspec.ValidationError as error:
            return _refused(400, f"not a request: {error}")
        except msgspec.DecodeError as error:
            return _refused(400, f"not JSON: {error}")
        except NotFound as error:
            return _refused(404, str(error))
        except Refusal as error:
            return _refused(400, str(error))
        except Unavailable as error:
            self._log.error("request not answered", why=str(error))
            return _refused(503, str(error))
        return web.Response(body=encode(result), content_type=_JSON)

    async def _follow(self, http: web.Request) -> web.StreamResponse:
        lines = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await lines.prepare(http)
        with suppress(ConnectionResetError):
            following = await self._tail.follow(http.query.get("account", ""))
            await lines.write(b"\n")  # says that watching has begun
            async for told in following:
                await lines.write(encode(told) + b"\n")
        return lines


def bind(path: Path) -> socket.socket:
    """Return a socket that listens on `path` and that nobody else could ever open."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    before = os.umask(0o177)
    try:
        with reachable(path) as address:
            listener.bind(address)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _refused(status: int, reason: str) -> web.Response:
    return web.Response(status=status, body=encode({"error": reason}), content_type=_JSON)
