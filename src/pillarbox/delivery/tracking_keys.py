"""The keys that sign tracking links, a new one each year.

Touches the store, once, at the start. Called by app.py for those who make
links (delivery/transform/tracking.py) and those who read them
(edge/tracking.py).
"""

import os

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.secrets import Keyring
from pillarbox.kit.tracking_links import TrackingLinks
from pillarbox.store import secrets
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

_KEY_LIFE: Millis = 365 * DAY
_KEY_BYTES = 32
# People click on old mail: its links are read for as long as mail is likely to be kept.
_YEARS_READ = 10


async def load(store: Store, keyring: Keyring, now: Millis) -> TrackingLinks:
    """Open the keys of the last years, and make this year's and the next one's where they are missing.

    A key is made a year before it signs, so that every process has it by then, however long it runs. Unavailable when
    the keyring is not the one that sealed them.
    """
    year = now // _KEY_LIFE
    older = await store.read(_kept, range(year - _YEARS_READ, year))
    sealed = {**older, **{number: await _made(store, keyring, number, now) for number in (year + 1, year)}}
    return TrackingLinks({number: keyring.open(secret, _row(number)) for number, secret in sealed.items()})


def _kept(numbers: range) -> Plan[dict[int, bytes]]:
    found = {}
    for number in numbers:
        if (secret := (yield from secrets.get(_row(number)))) is not None:
            found[number] = secret
    return found


async def _made(store: Store, keyring: Keyring, number: int, now: Millis) -> bytes:
    row = _row(number)
    kept = await store.read(secrets.get, row)
    if kept is None:
        kept = await store.write(secrets.put_if_absent, row, keyring.seal(os.urandom(_KEY_BYTES), row), now)
    return kept


def _row(number: int) -> str:
    return f"tracking/{number}"
