"""What prepares attempts in tests that build a worker of their own."""

from pillarbox.delivery.prepare import Preparer, Site
from pillarbox.delivery.verp import ReturnPaths
from pillarbox.kit.clock import Clock
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys
from pillarbox.resources.dkim_keys import StoredKey
from pillarbox.store.engine import Store
from tests.support.clock import NOON

KEYRING = Keyring({"1": b"k" * 32})
RETURN_PATHS = ReturnPaths({1: b"r" * 32})
SITE = Site("mail.example.org", "mta.mail.example.org")


def preparer_of(store: Store, clock: Clock, *, signs_twice: bool = False) -> Preparer:
    """Return the preparer of the server `mail.example.org`, which signs where the store has a key of the service."""
    return Preparer(
        store, KEYRING, clock, SITE, RETURN_PATHS, service_zone=SITE.service_domain, signs_twice=signs_twice
    )


def key_of(scope: Scope, domain: str, selector: str) -> StoredKey:
    """Return a new key that this server can open."""
    return dkim_keys.stored(domain, selector, dkim_keys.seal(scope, domain, dkim_keys.make_ed25519(), KEYRING), NOON)
