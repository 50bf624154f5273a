"""The transport `smtp`, built from settings as the server builds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pillarbox.app.transports import smarthost_of
from pillarbox.delivery.transport.smtp import SmtpTransport
from pillarbox.settings import SmarthostSetting

OUR_NAME = "mta.mail.example.org"


@asynccontextmanager
async def handing_to(
    port: int, *, host: str = "127.0.0.1", tls: Any = "none", **settings: Any
) -> AsyncIterator[SmtpTransport]:
    """Hand mail to a port of this machine until the block is left."""
    setting = SmarthostSetting(host=host, port=port, tls=tls, **settings)
    transport = SmtpTransport(smarthost_of(setting, OUR_NAME))
    try:
        yield transport
    finally:
        await transport.close()
