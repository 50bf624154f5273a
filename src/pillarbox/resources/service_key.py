"""The DKIM keys of the service itself, which sign what no key of a sender's own signs.

Touches the store; the first one is made when it is first asked for, the next
ones by upkeep/service_keys.py. Called by delivery/prepare.py, and by whoever
prints what is to be published under the service domain.
https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim.html
"""

import asyncio
import hashlib
from collections.abc import Callable

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import SERVICE_ACCOUNT, Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys
from pillarbox.resources.dkim_keys import ACTIVE, StoredKey
from pillarbox.store import secrets
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

SCOPE = Scope(SERVICE_ACCOUNT, "")
# Before keys were turned over there was one, and it stood alone.
_read = msgspec.json.Decoder(list[StoredKey] | StoredKey).decode


async def load(store: Store, keyring: Keyring, domain: str, now: Millis) -> list[StoredKey]:
    """Return every key of a service domain, the first one made now if there is none."""
    kept = await store.read(of, domain)
    if kept:
        return kept
    first = await make(keyring, domain, now)
    return await store.write(_keep_first, domain, first, now)


async def make(keyring: Keyring, domain: str, now: Millis, state: str = ACTIVE) -> StoredKey:
    """Make a key; `dkim_keys.open_private` opens it in SCOPE."""
    made = await asyncio.to_thread(dkim_keys.make_rsa, 2048)
    # Two services under one domain never have the same selector.
    selector = f"pillarbox-{hashlib.sha256(made.public.encode()).hexdigest()[:8]}"
    return dkim_keys.stored(domain, selector, dkim_keys.seal(SCOPE, domain, made, keyring), now, state)


def of(domain: str) -> Plan[list[StoredKey]]:
    """Return every key of a service domain: what signs, what will, and what did."""
    kept = yield from secrets.get(_row(domain))
    if kept is None:
        return []
    found = _read(kept)
    return found if isinstance(found, list) else [found]


def signing(domain: str) -> Plan[list[StoredKey]]:
    return [key for key in (yield from of(domain)) if key.state == ACTIVE]


def change(domain: str, edit: Callable[[list[StoredKey]], list[StoredKey]], now: Millis) -> Plan[list[StoredKey]]:
    """Replace the keys by `edit(keys)` and return those."""
    before = yield from of(domain)
    after = edit(before)
    if after != before:
        yield from secrets.put(_row(domain), msgspec.json.encode(after), now)
    return after


def _keep_first(domain: str, first: StoredKey, now: Millis) -> Plan[list[StoredKey]]:
    return (yield from change(domain, lambda keys: keys or [first], now))


def _row(domain: str) -> str:
    return f"dkim/{domain}"
