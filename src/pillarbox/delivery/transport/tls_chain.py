"""The certificates that the far side of a TLS connection showed.

Reads the connection that it is given. Called by smtp_connection.py for
next hops whose certificates are judged by other rules than the web's.
"""

import asyncio
import ssl
from typing import Any


def shown_chain(transport: asyncio.BaseTransport | None) -> list[bytes]:
    """Return the certificates as they were shown, in DER, the far side's own first; verified or not."""
    secured = transport.get_extra_info("ssl_object") if transport is not None else None
    if secured is None:
        return []
    if hasattr(secured, "get_unverified_chain"):  # public since Python 3.13
        return list(secured.get_unverified_chain())
    inner: Any = secured._sslobj
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner.get_unverified_chain()]
