"""The only way out to names that other people chose.

Touches the network. Every address that a name resolves to is checked against
the IANA registries of special-purpose addresses, and a connection is made only
to an address that was checked, so that a name cannot mean one host when it is
looked at and another when it is used. Redirects are not followed, answers are
cut at a limit. Called by pubsub/deliver.py and whoever else posts to strangers.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from pillarbox.kit.dns import LookupFailed, Names, NotThere

Address = IPv4Address | IPv6Address

_LONGEST_ANSWER = 64 * 1024

_LOOPBACK = "loopback"
_PRIVATE = "private use"

# https://www.iana.org/assignments/iana-ipv4-special-registry/ , and multicast, which has a registry of its own.
_SPECIAL_V4 = [
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", _PRIVATE),
        ("100.64.0.0/10", _PRIVATE),
        ("127.0.0.0/8", _LOOPBACK),
        ("169.254.0.0/16", "link local"),
        ("172.16.0.0/12", _PRIVATE),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", _PRIVATE),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
]

# https://www.iana.org/assignments/iana-ipv6-special-registry/ , for what lies inside global unicast or is common.
_SPECIAL_V6 = [
    (IPv6Network(network), why)
    for network, why in (
        ("::/128", "unspecified"),
        ("::1/128", _LOOPBACK),
        ("64:ff9b:1::/48", "local translation"),
        ("100::/64", "discard only"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", _PRIVATE),
        ("fe80::/10", "link local"),
        ("fec0::/10", "site local"),
        ("ff00::/8", "multicast"),
    )
]
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """A name leads to addresses that strangers may not send us to; trying again does not help."""


class Unreachable(Exception):
    """Nobody answered: no address, no connection, no valid certificate, or not in time."""


@dataclass(slots=True, frozen=True)
class Answer:
    """What the far side said. The body is cut at 64 KiB and is not decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def reason_to_refuse(address: Address, *, allow_loopback: bool = False, allow_private: bool = False) -> str | None:
    """Return why a stranger may not send us to this address, or None when he may."""
    if isinstance(address, IPv4Address):
        why = next((why for network, why in _SPECIAL_V4 if address in network), None)
    elif address.ipv4_mapped:
        # The socket connects to the IPv4 address, so what is allowed there is allowed here.
        return reason_to_refuse(address.ipv4_mapped, allow_loopback=allow_loopback, allow_private=allow_private)
    elif inner := _translated(address):
        return reason_to_refuse(inner)
    else:
        why = next((why for network, why in _SPECIAL_V6 if address in network), None)
        if why is None and address not in _GLOBAL_UNICAST:
            why = "not global unicast"
    if (why == _LOOPBACK and allow_loopback) or (why == _PRIVATE and allow_private):
        return None
    return why


class CheckedResolver(AbstractResolver):
    """Resolves names by `names`, or as the system does, and returns only addresses that may be connected to."""

    def __init__(self, names: Names | None = None, *, allow_loopback: bool, allow_private: bool) -> None:
        self._names = names
        self._allow_loopback = allow_loopback
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; AddressRefused when it has none but refused ones."""
        checked: list[ResolveResult] = []
        refused = []
        for text in await self._addresses(host, port, family):
            if why := self.reason_to_refuse(text):
                refused.append(f"{text} ({why})")
            else:
                checked.append(
                    ResolveResult(
                        hostname=host, host=text, port=port,
                        family=socket.AF_INET6 if ":" in text else socket.AF_INET, proto=socket.IPPROTO_TCP,
                        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                    )
                )  # fmt: skip
        if refused and not checked:
            raise AddressRefused(f"{host} leads to {', '.join(sorted(set(refused)))}, where this server does not go")
        return checked

    def reason_to_refuse(self, text: str) -> str | None:
        address = ip_address(text.partition("%")[0])
        return reason_to_refuse(address, allow_loopback=self._allow_loopback, allow_private=self._allow_private)

    async def close(self) -> None:
        """Nothing is held."""

    async def _addresses(self, host: str, port: int, family: socket.AddressFamily) -> list[str]:
        if self._names is None:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
            return [str(address[0]) for _, _, _, _, address in found]
        try:
            return [str(address) for address in await self._names.addresses(host)]
        except (NotThere, LookupFailed) as failure:
            raise OSError(str(failure)) from failure


class Outside:
    """Makes requests to URLs that others chose.

    Raises AddressRefused or Unreachable, with a reason for a person to read;
    whatever status the far side answers is an Answer.
    """

    def __init__(
        self,
        names: Names | None = None,
        *,
        allow_loopback: bool = False,
        allow_private: bool = False,
        tls: ssl.SSLContext | None = None,
        most_connections: int = 1024,
    ) -> None:
        self._resolver = CheckedResolver(names, allow_loopback=allow_loopback, allow_private=allow_private)
        self._tls = tls
        self._most_connections = most_connections
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_seconds: float
    ) -> Answer:
        """Make one request, and wait at most `timeout_seconds` for all of its answer."""
        target = URL(url).with_user(None).with_fragment(None)
        self._check_literal(target)
        try:
            async with self._open().request(
                method,
                target,
                data=body,
                headers=headers,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            ) as response:
                return Answer(response.status, response.headers.copy(), await _read(response))
        except TimeoutError:
            raise Unreachable(f"no answer within {timeout_seconds:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refusal = _cause(error, AddressRefused)
            raise refusal or Unreachable(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _check_literal(self, target: URL) -> None:
        """A host that is an address already never comes to the resolver."""
        try:
            why = self._resolver.reason_to_refuse(target.host or "")
        except ValueError:  # a name
            return
        if why:
            raise AddressRefused(f"{target.host} is {why}, where this server does not go")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=self._resolver,
                    limit=self._most_connections,
                    ttl_dns_cache=10,
                    ssl=self._tls if self._tls is not None else True,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while len(body) < _LONGEST_ANSWER:
        chunk = await response.content.read(_LONGEST_ANSWER - len(body))
        if not chunk:
            return body
        body += chunk
    response.close()  # more may follow that nobody reads: the connection is of no further use
    return body


def _translated(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a translator or a 6to4 router on the way would turn this one into."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _cause(error: BaseException, kind: type[AddressRefused]) -> AddressRefused | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kind):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None
