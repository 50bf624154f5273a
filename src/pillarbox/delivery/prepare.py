"""Makes what an attempt hands over: the message as it leaves, and the sender of its envelope.

Touches the store, with a memory of a second, for what senders have set up: DKIM
keys, MAIL FROM domain and tracking. Long messages and slow signatures are made in
threads. Called by the worker for each attempt.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from pillarbox.delivery import tracking, tracking_keys
from pillarbox.delivery.lanes import KEPT_HERE, OTHER_SES, Hop
from pillarbox.delivery.tracking import Marks, Tracker, Tracking
from pillarbox.delivery.transform.dkim import SigningKey
from pillarbox.delivery.transform.headers import TransformFacts
from pillarbox.delivery.transform.pipeline import begin, finish, transform
from pillarbox.delivery.unsubscribe_links import UnsubscribeLinks
from pillarbox.delivery.verp import EVERYONE, ReturnPaths
from pillarbox.events.types import MailFacts
from pillarbox.kit.clock import Clock
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring, NotOpened
from pillarbox.resources import dkim_keys, identity_dns, identity_mail_from, service_key, verification
from pillarbox.resources.dkim_keys import StoredKey
from pillarbox.resources.identities import MailFrom
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan
from pillarbox.store.remember import Remembering

_LARGE = 128 * 1024
# A document that was not seen lately can hold so many links that each kilobyte takes half a millisecond.
_LARGE_UNKNOWN = 3 * 1024
_MOST_OPEN_KEYS = 10_000

_read_mail = msgspec.json.Decoder(MailFacts).decode


@dataclass(frozen=True, slots=True)
class Site:
    """What the server is called in what it delivers; `tracking_url` is where tracked links lead, `public_url` others.

    Mail to a hop of `tracked_there` is tracked by the far side, not by us.
    """

    service_domain: str
    reporting_mta: str
    tracking_url: str = ""
    tracked_there: frozenset[Hop] = frozenset()
    public_url: str = ""


class KeyNotOpened(NotOpened):
    """A message cannot be signed as it should be, and does not leave unsigned."""


# Another SES signs itself, and its Message-ID and Date would break what we sign.
_UNSIGNED = KEPT_HERE | {OTHER_SES}


class Prepared(NamedTuple):
    """`sender` is empty for mail that must never bring mail back; `marks` is what `data` is tracked by."""

    sender: str
    data: bytes
    mail: MailFacts
    marks: Marks


class Preparer:
    """Prepares attempts; the same message and recipients give the same bytes for as long as their sender's keys stay.

    Raises Undeliverable for a message that no next hop should get, and KeyNotOpened for one that nobody can sign now.
    """

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        clock: Clock,
        site: Site,
        return_paths: ReturnPaths,
        *,
        service_zone: str | None = None,
        signs_twice: bool = False,
        tracker: Tracker | None = None,
        unsubscribe: UnsubscribeLinks | None = None,
    ) -> None:
        """The keys of `service_zone` sign where the sender has none, and with `signs_twice` after theirs.

        Without a `tracker` nothing is tracked, and without `unsubscribe` nobody is offered to leave a list.
        """
        self._known = Remembering(store, clock, "nouns")
        self._keyring = keyring
        self.site = site
        self._return_paths = return_paths
        self._service_zone = service_zone
        self._signs_twice = signs_twice
        self._tracker = tracker
        self._unsubscribe = unsubscribe
        self._opened: dict[bytes, asyncio.Task[SigningKey]] = {}

    @classmethod
    async def load(cls, store: Store, keyring: Keyring, clock: Clock, site: Site, *, signs_twice: bool) -> "Preparer":
        """Open the server's own keys, which are made at the first start."""
        now = clock.now()
        paths = await ReturnPaths.load(store, keyring, now)
        zone = identity_dns.zone_of(site.service_domain)  # without one no key of ours can be found
        if zone:
            await service_key.load(store, keyring, zone, now)
        tracker = Tracker(await tracking_keys.load(store, keyring, now), site.tracking_url)
        leaving = await UnsubscribeLinks.load(store, keyring, now)
        return cls(
            store,
            keyring,
            clock,
            site,
            paths,
            service_zone=zone,
            signs_twice=signs_twice,
            tracker=tracker,
            unsubscribe=leaving,
        )

    async def prepare(
        self, message: MessageRow, given: bytes, recipients: Sequence[str], hop: Hop = Hop("", "")
    ) -> Prepared:
        """Return what leaves by `hop` for these recipients of a message whose bytes are `given`."""
        mail = _read_mail(message.mail)
        stored, mail_from = await self._known.read(_set_up, message.scope, mail.sender_address)
        facts = TransformFacts(
            message_id=message.message_id,
            region=message.region,
            service_domain=self.site.service_domain,
            host=self.site.reporting_mta,
            accepted_at=message.accepted_at,
            tags=mail.tags,
            keys=() if hop.egress in _UNSIGNED else await self._keys(message.scope, stored),
            only_to=mail.only_to,
            unsubscribe_url=self._unsubscribe_url(message.message_id, mail),
            tracking=None if hop in self.site.tracked_there else await self._tracking(message, mail, recipients),
        )
        if len(given) > _LARGE or any(key.is_slow for key in facts.keys):
            left = await asyncio.to_thread(transform, given, facts)
        elif (begun := begin(given, facts)).is_known or len(given) <= _LARGE_UNKNOWN:
            left = finish(begun, facts)
        else:
            left = await asyncio.to_thread(finish, begun, facts)
        return Prepared(self._sender(message.message_id, mail, recipients, mail_from), left.data, mail, left.marks)

    def _unsubscribe_url(self, message_id: str, mail: MailFacts) -> str:
        """Whoever else reads a message that several get could unsubscribe them all: then nobody is offered to.

        https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html
        """
        if self._unsubscribe is None or not mail.contact_list or len(mail.recipients) != 1:
            return ""
        return self.site.public_url + self._unsubscribe.path(message_id)

    def _sender(self, message_id: str, mail: MailFacts, recipients: Sequence[str], mail_from: MailFrom | None) -> str:
        if not mail.return_path:
            return ""
        local_part = self._return_paths.make(message_id, _only(recipients, mail))
        if mail_from is not None and mail_from.verification.status == verification.SUCCESS:
            return f"{local_part}@{mail_from.domain}"
        return f"{local_part}@{self.site.service_domain}"

    async def _tracking(self, message: MessageRow, mail: MailFacts, recipients: Sequence[str]) -> Tracking | None:
        """Mail of the service itself, which has no return path, is never tracked."""
        if self._tracker is None or not mail.return_path:
            return None
        if not message.configuration_set and mail.opens is None and mail.clicks is None:
            return None
        asked = (message.scope, message.configuration_set, mail.opens, mail.clicks)
        wanted = await self._known.read(tracking.wanted, *asked)
        return self._tracker.tracking(wanted, _only(recipients, mail)) if wanted else None

    async def _keys(self, scope: Scope, stored: Sequence[StoredKey]) -> tuple[SigningKey, ...]:
        keys = [await self._open(scope, key) for key in stored]
        if self._service_zone and (self._signs_twice or not keys):
            own = await self._known.read(service_key.signing, self._service_zone)
            keys += [await self._open(service_key.SCOPE, key) for key in own]
        return tuple(keys)

    async def _open(self, scope: Scope, key: StoredKey) -> SigningKey:
        """Open a key once, however many wait for it: the check of an RSA key takes longer than many signatures."""
        opening = self._opened.get(key.sealed)
        if opening is None:
            if len(self._opened) >= _MOST_OPEN_KEYS:
                self._opened.clear()
            opening = asyncio.create_task(asyncio.to_thread(_opened, scope, key, self._keyring))
            self._opened[key.sealed] = opening
        try:
            return await asyncio.shield(opening)
        except NotOpened as error:  # until the keyring is put right
            self._opened.pop(key.sealed, None)
            raise KeyNotOpened(f"the DKIM key {key.record_name} cannot be opened") from error


def _only(recipients: Sequence[str], mail: MailFacts) -> int:
    """Return the place of the one who alone gets a copy, or EVERYONE."""
    alone = len(recipients) == 1 and recipients[0] in mail.recipients
    return mail.recipients.index(recipients[0]) if alone else EVERYONE


def _opened(scope: Scope, key: StoredKey, keyring: Keyring) -> SigningKey:
    return SigningKey(key.domain, key.selector, dkim_keys.open_private(scope, key, keyring))


def _set_up(scope: Scope, sender: str) -> Plan[tuple[list[StoredKey], MailFrom | None]]:
    """Return what signs mail from an address, and the domain that its bounces go to."""
    keys = yield from dkim_keys.signing_keys(scope, sender)
    return keys, (yield from identity_mail_from.of_sender(scope, sender))
