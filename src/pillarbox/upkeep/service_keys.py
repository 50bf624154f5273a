"""Turns over the DKIM keys of the service itself, as those of Easy DKIM are.

Touches the store and the network. A duty of runner.py. What becomes of keys is
said by resources/dkim_rotation.py: the next one is made and printed for the
operator to publish, and signs once the DNS has shown it for long enough.
"""

from pillarbox.kit import log
from pillarbox.kit.clock import HOUR, Millis
from pillarbox.kit.dns import Names
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_rotation, identity_dns, service_key
from pillarbox.resources.dkim_keys import NEXT, StoredKey
from pillarbox.resources.identity_lookup import look_up
from pillarbox.store.engine import Store

_LOOK_EVERY: Millis = HOUR


class ServiceKeys:
    """The duty for one service domain; nothing is due before its first key is made."""

    name = "service-keys"
    topic = "service-keys"

    def __init__(self, store: Store, names: Names, keyring: Keyring, domain: str) -> None:
        self._store = store
        self._names = names
        self._keyring = keyring
        self._domain = domain
        self._looked_at: Millis = 0
        self._log = log.named("upkeep.service-keys")

    async def due_at(self) -> Millis | None:
        at = dkim_rotation.due_at(await self._store.read(service_key.of, self._domain))
        return None if at is None else max(at, self._looked_at + _LOOK_EVERY)

    async def work(self, now: Millis) -> None:
        self._looked_at = now
        before = await self._store.read(service_key.of, self._domain)
        following = [key for key in before if key.state == NEXT]
        wanted = {identity_dns.record_of(key): key.selector for key in following}
        answers = await look_up(self._names, wanted)
        seen = {wanted[one]: identity_dns.verdict_on(one, answer).seen for one, answer in answers.items()}
        made = None
        if dkim_rotation.is_old(before, now):
            made = await service_key.make(self._keyring, self._domain, now, NEXT)

        def edit(keys: list[StoredKey]) -> list[StoredKey]:
            keys = dkim_rotation.turned(keys, seen, now)
            return [*keys, made] if made is not None and dkim_rotation.is_old(keys, now) else keys

        self._tell(before, await self._store.write(service_key.change, self._domain, edit, now))

    def _tell(self, before: list[StoredKey], after: list[StoredKey]) -> None:
        states = {key.selector: key.state for key in before}
        for key in after:
            if states.get(key.selector) != key.state:
                self._log.info("the key of the service", record=key.record_name, state=key.state)
