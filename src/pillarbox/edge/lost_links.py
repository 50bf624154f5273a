"""Where a link leads that has lost its signature: only the mail itself can say.

Touches the store (reads). Called by edge/tracking.py for the few links that
arrive cut off. A target is believed when the HTML of that message links to
it, so that nobody can make our host lead to a place of their own choice.
"""

import asyncio
import email
import email.policy
import html
import re
from collections.abc import Iterator, Sequence
from email.message import EmailMessage

from pillarbox.kit import log
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.tracking_links import SignatureLost
from pillarbox.store import messages
from pillarbox.store.engine import Store

_AT_ONCE = 4
_LARGEST_BYTES = 10 * 1024 * 1024
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


class LostLinks:
    """Looks links up, a few at a time; says nothing when the store cannot be asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def target(self, lost: SignatureLost) -> str | None:
        """Return the first of the likely targets that the message links to."""
        async with self._turn:
            try:
                message = await self._store.read(messages.get, lost.message_id)
                if message is None or message.size > _LARGEST_BYTES:
                    return None
                raw = await self._store.body(message.body)
            except (Unavailable, LookupError, OSError) as error:
                log.named("tracking").error("a link without its signature cannot be looked up", why=str(error))
                return None
            return await asyncio.to_thread(among, lost.urls, raw)


def among(urls: Sequence[str], raw: bytes) -> str | None:
    """Return the first of `urls` that a message links to."""
    there = set(_links(raw))
    return next((url for url in urls if url in there), None)


def _links(raw: bytes) -> Iterator[str]:
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    for part in parsed.walk():
        if isinstance(part, EmailMessage) and part.get_content_type() == "text/html":
            content = part.get_payload(decode=True)
            text = content.decode("latin-1") if isinstance(content, bytes) else ""
            for found in _HREF.finditer(text):
                yield html.unescape(next(filter(None, found.groups()), "")).strip()
