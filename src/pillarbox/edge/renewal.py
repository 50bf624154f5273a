"""A certificate that is renewed while the server runs: new connections get the new one, and nothing is restarted.

Touches the certificate's files, which it looks at now and then. Built by
app/doors.py for the context that every port with TLS shares.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pillarbox.kit import log

_LOOK_SECONDS = 15.0

# What tells that a file is another one: nothing where there is none.
_Mark = tuple[int, int, int] | None


class Renewal:
    """Follows a certificate and its key; files that do not fit each other are told of, and the old ones stay."""

    def __init__(self, context: ssl.SSLContext, certificate: str, key: str) -> None:
        self._context = context
        self._files = (certificate, key or None)
        self._seen = self._marks()
        self._log = log.named("tls")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at the files until the block is left."""
        looking = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    def look(self) -> None:
        """Take the files up if they have changed."""
        if (marks := self._marks()) == self._seen:
            return
        self._seen = marks
        certificate, key = self._files
        try:
            # First elsewhere: a certificate whose key is not there yet would be of no use to anybody. With a password
            # OpenSSL asks nobody for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, "")
            self._context.load_cert_chain(certificate, key, "")
        except OSError as error:
            self._log.error("the certificate was replaced and cannot be used; the old one stays", why=str(error))
        else:
            self._log.info("the certificate was renewed", file=certificate)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look()

    def _marks(self) -> tuple[_Mark, ...]:
        return tuple(_mark(Path(name)) for name in self._files if name)


def _mark(path: Path) -> _Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
