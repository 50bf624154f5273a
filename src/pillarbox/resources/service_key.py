"""The DKIM key of the service itself, which signs what no key of a sender's own signs.

Touches the store; made once, when it is first asked for. Called by app.py, and
by whoever prints what is to be published under the service domain.
https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim.html
"""

import asyncio
import hashlib

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys
from pillarbox.resources.dkim_keys import StoredKey
from pillarbox.store import secrets
from pillarbox.store.engine import Store

SCOPE = Scope(SERVICE_ACCOUNT, "")
_read = msgspec.json.Decoder(StoredKey).decode


async def load(store: Store, keyring: Keyring, domain: str, now: Millis) -> StoredKey:
    """Return the key that signs for a service domain; `dkim_keys.open_private` opens it in SCOPE."""
    row = f"dkim/{domain}"
    kept = await store.read(secrets.get, row)
    if kept is None:
        made = await asyncio.to_thread(dkim_keys.make_rsa, 2048)
        # Two services under one domain never have the same selector.
        selector = f"pillarbox-{hashlib.sha256(made.public.encode()).hexdigest()[:8]}"
        key = dkim_keys.stored(domain, selector, dkim_keys.seal(SCOPE, domain, made, keyring), now)
        kept = await store.write(secrets.put_if_absent, row, msgspec.json.encode(key), now)
    return _read(kept)
