"""The keys that sign tracking links, a new one each year.

Touches the store, once, at the start. Called by app/ for those who make
links (delivery/transform/tracking.py) and those who read them
(edge/tracking.py).
"""

from pillarbox.delivery import yearly_keys
from pillarbox.kit.clock import Millis
from pillarbox.kit.secrets import Keyring
from pillarbox.kit.tracking_links import TrackingLinks
from pillarbox.store.engine import Store

# People click on old mail: its links are read for as long as mail is likely to be kept.
_YEARS_READ = 10


async def load(store: Store, keyring: Keyring, now: Millis) -> TrackingLinks:
    """Open the keys of the last years; Unavailable when the keyring is not the one that sealed them."""
    return TrackingLinks(await opened(store, keyring, now))


async def opened(store: Store, keyring: Keyring, now: Millis) -> dict[int, bytes]:
    """Return the keys themselves, by their numbers, the one that signs last."""
    return await yearly_keys.load(store, keyring, "tracking", _YEARS_READ, now)
