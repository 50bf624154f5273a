"""Looks at the DNS of identities when they are due, and turns their DKIM keys over.

Touches the store and the network. A duty of runner.py. What a look means is
said by resources/identity_dns.py and dkim_rotation.py; here it is looked up
and written down.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from pillarbox.kit import log
from pillarbox.kit.clock import Millis
from pillarbox.kit.dns import Names
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import dkim_keys, dkim_rotation, identities, identity_dns, identity_queue
from pillarbox.resources.dkim_keys import ACTIVE, NEXT, SealedKey, StoredKey
from pillarbox.resources.identities import Identity
from pillarbox.resources.identity_dkim import BITS, LENGTHS
from pillarbox.resources.identity_dns import Answer, Site, Wanted
from pillarbox.resources.identity_lookup import look_up
from pillarbox.resources.identity_queue import Entry
from pillarbox.store.engine import Store
from pillarbox.store.plan import Plan

_AT_ONCE = 20


class _Known(NamedTuple):
    identity: Identity
    keys: list[StoredKey]


class IdentityChecks:
    """The duty: each piece looks at some identities, those first that have been due the longest."""

    name = "identities"
    topic = identity_queue.TOPIC

    def __init__(self, store: Store, names: Names, keyring: Keyring, service_domain: str) -> None:
        self._store = store
        self._names = names
        self._keyring = keyring
        self._service_domain = service_domain
        self._log = log.named("upkeep.identities")

    async def due_at(self) -> Millis | None:
        first = await self._store.read(identity_queue.first, 1)
        return first[0].at if first else None

    async def work(self, now: Millis) -> None:
        due = [entry for entry in await self._store.read(identity_queue.first, _AT_ONCE) if entry.at <= now]
        looks = await asyncio.gather(*(self._look(entry, now) for entry in due), return_exceptions=True)
        for look in looks:  # one that fails does not keep the others from being done
            if look is not None:
                raise look

    async def _look(self, entry: Entry, now: Millis) -> None:
        known = await self._store.read(_known, entry)
        if known is None:  # it has gone, or has another time
            await self._store.write(identity_queue.move, entry.scope, entry.name, entry.at, None, now)
            return
        wanted = identity_dns.wanted_by(known.identity, known.keys, Site(self._service_domain, entry.scope.region))
        wanted += [identity_dns.record_of(key) for key in known.keys if key.state == NEXT]
        answers = await look_up(self._names, dict.fromkeys(wanted))
        noted = await self._store.write(note, entry, answers, now)
        if noted is None:
            return
        self._tell(entry, known.identity, noted.identity)
        if dkim_rotation.wants_next(noted.identity.dkim, noted.keys, now):
            await self._make_next(entry, noted.identity, now)

    async def _make_next(self, entry: Entry, identity: Identity, now: Millis) -> None:
        made = await asyncio.to_thread(dkim_keys.make_rsa, BITS[identity.dkim.next_length])
        key = dkim_keys.seal(entry.scope, entry.name, made, self._keyring)
        await self._store.write(add_next, entry.scope, entry.name, key, now)

    def _tell(self, entry: Entry, before: Identity, after: Identity) -> None:
        """Log what has changed, for operators who are asked why mail is refused."""
        statuses = _statuses(before)
        for what, status in _statuses(after).items():
            if status != statuses.get(what):
                account, region = entry.scope
                self._log.info("identity", name=entry.name, account=account, region=region, what=what, status=status)


def note(entry: Entry, answers: Mapping[Wanted, Answer], now: Millis) -> Plan[_Known | None]:
    """Write down what a look has found; None when somebody else did, or the identity has changed meanwhile."""
    known = yield from _known(entry)
    if known is None:
        return None
    seen = {wanted: identity_dns.verdict_on(wanted, answer).seen for wanted, answer in answers.items()}
    shown = {
        key.selector: seen[identity_dns.record_of(key)] for key in known.keys if identity_dns.record_of(key) in seen
    }
    keys = dkim_rotation.turned(known.keys, shown, now)
    yield from _keep(entry.scope, known.keys, keys, now)
    active = next((key for key in keys if key.state == ACTIVE and key.algorithm == dkim_keys.RSA), None)

    def edit(identity: Identity) -> Identity:
        if active is not None and active not in known.keys:  # it signs from now on
            dkim = replace(identity.dkim, current_length=LENGTHS.get(active.bits), key_made_at=active.made_at)
            identity = replace(identity, dkim=dkim)
        return identity_dns.after_look(identity, answers, now)

    return _Known((yield from identities.change(entry.scope, entry.name, edit, now)), keys)


def add_next(scope: Scope, name: str, key: SealedKey, now: Millis) -> Plan[None]:
    """Keep a key that will sign once its record is published."""
    identity = yield from identities.get(scope, name)
    if identity is None:
        return
    keys = yield from dkim_keys.of_domain(scope, identity.name)
    if dkim_rotation.wants_next(identity.dkim, keys, now):
        selector = dkim_rotation.next_selector(identity.dkim, keys)
        yield from dkim_keys.put(scope, dkim_keys.stored(identity.name, selector, key, now, NEXT), now)


def _known(entry: Entry) -> Plan[_Known | None]:
    identity = yield from identities.get(entry.scope, entry.name)
    if identity is None or identity.look_at != entry.at:
        return None
    return _Known(identity, (yield from dkim_keys.of_domain(entry.scope, identity.name)))


def _statuses(identity: Identity) -> dict[str, str]:
    lives = {identity_dns.OWNERSHIP: identity.verification, identity_dns.DKIM: identity.dkim.verification}
    if identity.mail_from is not None:
        lives[identity_dns.MAIL_FROM] = identity.mail_from.verification
    return {what: life.status for what, life in lives.items()}


def _keep(scope: Scope, before: list[StoredKey], after: list[StoredKey], now: Millis) -> Plan[None]:
    selectors = {key.selector for key in after}
    for key in before:
        if key.selector not in selectors:
            yield from dkim_keys.drop(scope, key)
    for key in after:
        if key not in before:
            yield from dkim_keys.put(scope, key, now)
