"""A way to a PostgreSQL that can be cut: what is sent arrives nowhere, and nobody is told."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Way:
    """Passes on what comes to its own socket, for as long as it is `whole`; new connections wait meanwhile."""

    def __init__(self, beyond: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pillarbox-way-"))
        self._beyond = beyond
        self._loop = loop
        self._whole = asyncio.Event()
        self._whole.set()

    def url(self, database: str) -> str:
        """Return a database's URL by this way."""
        return f"{database.partition('?')[0]}?host={self.folder}"

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._whole.wait()
            their_reader, their_writer = await asyncio.open_unix_connection(self._beyond)
            try:
                await asyncio.gather(self._pass(reader, their_writer), self._pass(their_reader, writer))
            finally:
                their_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            return  # it is broken off, or nobody is there
        finally:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def end(self) -> None:
        """Break every connection off."""
        mine = asyncio.all_tasks() - {asyncio.current_task()}
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
        for _ in range(2):  # until the loop has let the connections go
            await asyncio.sleep(0)

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._connected, self.folder / self._beyond.name)


@contextmanager
def way_to(beyond: Path) -> Iterator[Way]:
    """Open a way to a PostgreSQL's socket."""
    loop = asyncio.new_event_loop()
    way = Way(beyond, loop)
    server = loop.run_until_complete(way.serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(way.end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        shutil.rmtree(way.folder, ignore_errors=True)
