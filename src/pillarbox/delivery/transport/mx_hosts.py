"""Which hosts take the mail of a domain, and which of their addresses may be connected to.

`look_up` asks the domain name system; `choose` is pure and decides from what it
said. Called by mx.py.
https://www.rfc-editor.org/rfc/rfc5321#section-5.1
"""

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain, zip_longest
from typing import NamedTuple

from pillarbox.kit.dns import LookupFailed, MailExchanger, Names, NotThere

Address = IPv4Address | IPv6Address

# A domain may name as many as it likes; nobody means more than a few.
_MOST_HOSTS = 10
_MOST_ADDRESSES = 10
_UNWELL_SECONDS = 600.0
_MOST_REMEMBERED = 10_000


class NoWay(Exception):
    """The domain takes no mail, or none from here: the text is the status, code first, that everyone is given."""


class Exchanger(NamedTuple):
    """A host of the domain, and its addresses or why they are not known."""

    preference: int
    host: str
    found: tuple[Address, ...] | LookupFailed | NotThere


class Target(NamedTuple):
    """A host to connect to, at these addresses in this order."""

    host: str
    addresses: tuple[Address, ...]


class Unwell:
    """Remembers for some minutes which addresses did not hold a conversation, so that they are tried last.

    Without it a preferred host that takes connections and then says nothing would use up the time of every attempt.
    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.4.1
    """

    def __init__(self) -> None:
        self._until: dict[Address, float] = {}

    def add(self, address: Address, now_seconds: float) -> None:
        if len(self._until) >= _MOST_REMEMBERED:
            self._until.clear()
        self._until[address] = now_seconds + _UNWELL_SECONDS

    def remove(self, address: Address) -> None:
        self._until.pop(address, None)

    def in_turn(self, targets: Sequence[Target], now_seconds: float) -> list[tuple[str, Address]]:
        """Return hosts and addresses in their order, those that are unwell after all others."""
        ways = [(target.host, address) for target in targets for address in target.addresses]
        return sorted(ways, key=lambda way: self._until.get(way[1], 0.0) > now_seconds)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where this server does not send mail: to itself, and where `reason_to_refuse` gives a reason.

    `own` are names and addresses.
    """

    own: frozenset[str]
    reason_to_refuse: Callable[[Address], str | None]
    families: Collection[int] = (4, 6)


async def look_up(names: Names, domain: str) -> list[Exchanger]:
    """Return the domain's exchangers, the preferred ones first; NoWay when it has none, LookupFailed."""
    if domain.startswith("["):
        return [_literal(domain)]
    try:
        records = await names.mail_exchangers(domain)
    except NotThere as missing:
        if not missing.name_exists:
            raise NoWay(f"550 5.1.2 the domain {domain} does not exist") from None
        records = [MailExchanger(0, domain)]
    # https://www.rfc-editor.org/rfc/rfc7505#section-4.2
    if all(not record.host for record in records):
        raise NoWay(f"556 5.1.10 the domain {domain} takes no mail (null MX)")
    wanted = [record for record in records if record.host][:_MOST_HOSTS]
    found = await asyncio.gather(*(_addresses(names, record.host) for record in wanted))
    return [Exchanger(*record, addresses) for record, addresses in zip(wanted, found, strict=True)]


def choose(domain: str, exchangers: Sequence[Exchanger], bounds: Bounds, chance: random.Random) -> list[Target]:
    """Return the hosts in the order in which they are tried; NoWay when none ever will do, LookupFailed when none now.

    Hosts of one preference share the load by chance. Those that are not preferred to this server itself are left
    out, since they would hand the mail back.
    """
    own = min((one.preference for one in exchangers if _is_own(one, bounds.own)), default=None)
    better = [one for one in exchangers if own is None or one.preference < own]
    if not better:
        raise NoWay(f"554 5.4.6 mail for {domain} would loop back to this server")
    targets, failures, refusals = [], list[LookupFailed](), list[str]()
    for one in sorted(better, key=lambda one: (one.preference, chance.random())):
        if isinstance(one.found, LookupFailed):
            failures.append(one.found)
        elif not isinstance(one.found, NotThere):
            allowed, refused = _checked(one.found, bounds)
            refusals += [f"{one.host} leads to {address} ({why})" for address, why in refused]
            if allowed:
                targets.append(Target(one.host, _in_order(allowed, chance)))
    if targets:
        return targets
    if failures:
        raise failures[0]
    if refusals:
        raise NoWay(f"550 5.4.4 {'; '.join(refusals)}, where this server does not go")
    raise NoWay(f"550 5.4.4 no mail server of {domain} has an address that can be used from here")


async def _addresses(names: Names, host: str) -> tuple[Address, ...] | LookupFailed | NotThere:
    try:
        return tuple(await names.addresses(host))
    except (LookupFailed, NotThere) as failure:
        return failure


def _literal(domain: str) -> Exchanger:
    """https://www.rfc-editor.org/rfc/rfc5321#section-4.1.3"""
    text = domain.strip("[]")
    try:
        address = ip_address(text[5:] if text.lower().startswith("ipv6:") else text)
    except ValueError:
        raise NoWay(f"550 5.1.3 {domain} is not an address") from None
    return Exchanger(0, str(address), (address,))


def _is_own(one: Exchanger, own: frozenset[str]) -> bool:
    found = one.found if isinstance(one.found, tuple) else ()
    return one.host in own or any(str(address) in own for address in found)


def _checked(found: Sequence[Address], bounds: Bounds) -> tuple[list[Address], list[tuple[Address, str]]]:
    """Divide addresses into those that may be connected to and those that must not, with the reason."""
    allowed, refused = [], []
    for address in found:
        if why := bounds.reason_to_refuse(address):
            refused.append((address, why))
        elif address.version in bounds.families:
            allowed.append(address)
    return allowed, refused


def _in_order(addresses: Sequence[Address], chance: random.Random) -> tuple[Address, ...]:
    """Mix the families, IPv6 first, so that one without a way out costs one try and not all of them."""
    shuffled = sorted(addresses, key=lambda _: chance.random())
    by_family = [[one for one in shuffled if one.version == version] for version in (6, 4)]
    mixed = chain.from_iterable(zip_longest(*by_family))
    return tuple(one for one in mixed if one is not None)[:_MOST_ADDRESSES]
