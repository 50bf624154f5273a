"""Keys of which there is a new one each year: the newest signs, older ones are read for years.

Touches the store, once, at the start. Called by those who sign what leaves and
is to be known when it comes back, each under a kind of its own.
"""

import os

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.secrets import Keyring
from pillarbox.store import secrets
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

_KEY_LIFE: Millis = 365 * DAY
_KEY_BYTES = 32


async def load(store: Store, keyring: Keyring, kind: str, years_read: int, now: Millis) -> dict[int, bytes]:
    """Open the keys of the last years, and make this year's and the next one's where they are missing.

    They are by their numbers, the one that signs last. A key is made a year before it signs, so that every process has
    it by then, however long it runs. Unavailable when the keyring is not the one that sealed them.
    """
    year = now // _KEY_LIFE
    older = await store.read(_kept, kind, range(year - years_read, year))
    made = {number: await _made(store, keyring, _row(kind, number), now) for number in (year + 1, year)}
    return {number: keyring.open(sealed, _row(kind, number)) for number, sealed in {**older, **made}.items()}


def _kept(kind: str, numbers: range) -> Plan[dict[int, bytes]]:
    found = {}
    for number in numbers:
        if (sealed := (yield from secrets.get(_row(kind, number)))) is not None:
            found[number] = sealed
    return found


async def _made(store: Store, keyring: Keyring, row: str, now: Millis) -> bytes:
    kept = await store.read(secrets.get, row)
    if kept is None:
        kept = await store.write(secrets.put_if_absent, row, keyring.seal(os.urandom(_KEY_BYTES), row), now)
    return kept


def _row(kind: str, number: int) -> str:
    return f"{kind}/{number}"
