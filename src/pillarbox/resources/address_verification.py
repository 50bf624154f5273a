"""Addresses that wait for their owners to confirm them: the link that asks, and what it does.

Plans. A link is sealed under the server's keyring, so it can be neither read
nor made by anybody else, and needs no row of its own. Called by
sending/verification_mail.py (asks), edge/verification.py (answers) and
upkeep/unconfirmed.py (gives up).
https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
"""

import base64
import binascii
from enum import Enum

import msgspec

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import identities
from pillarbox.resources.identities import Identity
from pillarbox.resources.verification import PENDING
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

LINK_LASTS: Millis = DAY
BY_MAIL = "confirmation mail"
# Entries are named after the time until which they wait, so that the first is the next to be given up.
_WAITING = (Scope("", ""), "address-verification")
_SEALED_FOR = "address-verification"


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link says; `template` is empty for the service's mail."""

    account: str
    region: str
    address: str
    made_at: Millis
    template: str = ""

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class LinkState(Enum):
    """What following a link would do."""

    OPEN = "it confirms the address"
    CONFIRMED = "nothing: the address is confirmed already"
    EXPIRED = "nothing: its time is over"
    VOID = "nothing: the address is no identity any more, or a new one"


_read_link = msgspec.msgpack.Decoder(Link).decode
_write_link = msgspec.msgpack.Encoder().encode


def seal(link: Link, keyring: Keyring) -> str:
    """Return the link as it stands in a URL."""
    return base64.urlsafe_b64encode(keyring.seal(_write_link(link), _SEALED_FOR)).decode().rstrip("=")


def open_link(text: str, keyring: Keyring) -> Link | None:
    """Return the link that was sealed, or None for anything else."""
    try:
        sealed = base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True)
        return _read_link(keyring.open(sealed, _SEALED_FOR))
    except (binascii.Error, ValueError, IndexError, Unavailable, msgspec.DecodeError):
        return None


def look(link: Link, now: Millis) -> Plan[LinkState]:
    """Say what following the link would do; nothing is changed."""
    identity = yield from identities.get(link.scope, link.address)
    made_at = yield from identities.created_at(link.scope, link.address)
    # An identity that was made after the link is another one of the same name.
    if identity is None or made_at is None or made_at > link.made_at:
        return LinkState.VOID
    if identity.verified:
        return LinkState.CONFIRMED
    return LinkState.OPEN if now < link.made_at + LINK_LASTS else LinkState.EXPIRED


def confirm(link: Link, now: Millis) -> Plan[LinkState]:
    """Verify the address if the link is open, and say what it was before."""
    state = yield from look(link, now)
    if state is LinkState.OPEN:
        yield from identities.mark_verified(link.scope, link.address, BY_MAIL, now)
    return state


def wait(scope: Scope, identity: Identity, now: Millis) -> Plan[None]:
    """Give the owner of an address 24 hours from now, in which its verification began or began again."""
    entry = msgspec.json.encode((*scope, identity.name)).decode()
    yield from nouns.create(*_WAITING, f"{now + LINK_LASTS:014d}/{'/'.join(scope)}/{identity.name}", entry, now)


def give_up(now: Millis, at_once: int) -> Plan[bool]:
    """Fail addresses that nobody has confirmed in time, and say whether there may be more of them."""
    first = yield from nouns.list_by_name(*_WAITING, "", at_once)
    over = [entry for entry in first if int(entry.name.partition("/")[0]) <= now]
    for entry in over:
        account, region, address = msgspec.json.decode(entry.document, type=tuple[str, str, str])
        yield from _fail(Scope(account, region), address, now)
        yield from nouns.delete(*_WAITING, entry.name)
    return len(over) == at_once


def _fail(scope: Scope, address: str, now: Millis) -> Plan[None]:
    """Fail one address, unless it was confirmed, deleted or asked about again."""
    identity = yield from identities.get(scope, address)
    if identity is not None and identity.status == PENDING and identity.verification.since + LINK_LASTS <= now:
        yield from identities.mark_failed(scope, address, now)
