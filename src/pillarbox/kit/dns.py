"""What the domain name system says: one small face over the resolver library.

Touches the network. Called by whoever asks for records: identity checks, the
mx transport, pacing. Two failures are told apart, because they lead to
different ends: that there is no such record is an answer, that nobody
answered is a reason to ask again later.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.resolver
import dns.reversename

Address = IPv4Address | IPv6Address

_DNS_PORT = 53
# A name of an Internet host has at most 253 characters: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
_LONGEST_NAME = 253


class NotThere(Exception):
    """The name does not exist, or it does and has no record of that type."""

    def __init__(self, text: str, *, name_exists: bool) -> None:
        super().__init__(text)
        self.name_exists = name_exists


class LookupFailed(Exception):
    """Nobody gave an answer: a broken or silent name server. Asking later may help; the text says what happened."""


class MailExchanger(NamedTuple):
    """One MX record; the host is empty where the domain takes no mail (RFC 7505)."""

    preference: int
    host: str


class Tlsa(NamedTuple):
    """One TLSA record (RFC 6698): which certificate a service shows."""

    usage: int
    selector: int
    matching: int
    data: bytes


class Names:
    """Asks the name servers given as `address` or `address:port`, or the system's when none is given.

    Every question raises NotThere or LookupFailed. Answers are kept for as long as their records allow.
    `validates` says that the way to these servers is trusted to carry their word that they validated (DNSSEC's
    AD bit); without it there are no TLSA records.
    """

    def __init__(
        self, nameservers: Sequence[str] = (), *, timeout_seconds: float = 10.0, validates: bool = False
    ) -> None:
        self._nameservers = tuple(nameservers)
        self._timeout_seconds = timeout_seconds
        self._validates = validates
        self._made: dns.asyncresolver.Resolver | None = None

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records, the strings of each joined (RFC 7208 section 3.3)."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in await self._ask(name, "TXT")]

    async def alias(self, name: str) -> str:
        """Return what a CNAME record points to, in lower case and without the last dot."""
        (record,) = await self._ask(name, "CNAME")
        return _host(record.target)

    async def mail_exchangers(self, name: str) -> list[MailExchanger]:
        """Return the MX records, the preferred ones first."""
        return sorted(
            MailExchanger(record.preference, _host(record.exchange)) for record in await self._ask(name, "MX")
        )

    async def addresses(self, name: str) -> list[Address]:
        """Return the addresses of both families; one family that cannot be asked does not hide the other."""
        found: list[Address] = []
        failures: list[LookupFailed | NotThere] = []
        for kind in ("AAAA", "A"):
            try:
                found += [ip_address(record.address) for record in await self._ask(name, kind)]
            except (LookupFailed, NotThere) as failure:
                failures.append(failure)
        if not found:
            raise next((failure for failure in failures if isinstance(failure, LookupFailed)), failures[-1])
        return found

    async def are_validated(self, host: str) -> bool:
        """Say whether the resolver validated the addresses of a host, as far as it has any."""
        for kind in ("AAAA", "A"):
            try:
                answer = await self._answer(host, kind)
            except NotThere:
                continue
            return self._validates and bool(answer.response.flags & dns.flags.AD)
        return False

    async def pointer(self, address: Address) -> str:
        """Return the name that an address has."""
        records = await self._ask(dns.reversename.from_address(str(address)).to_text(), "PTR")
        return _host(records[0].target)

    async def tlsa(self, name: str) -> list[Tlsa]:
        """Return the TLSA records that the resolver validated; none when it did not."""
        answer = await self._answer(name, "TLSA")
        if not self._validates or not answer.response.flags & dns.flags.AD:
            return []
        return [Tlsa(record.usage, record.selector, record.mtype, bytes(record.cert)) for record in answer]

    async def _ask(self, name: str, kind: str) -> list[Any]:
        return list(await self._answer(name, kind))

    async def _answer(self, name: str, kind: str) -> Any:
        if len(name) > _LONGEST_NAME:
            raise NotThere(f"{name[:64]}… is longer than a name can be", name_exists=False)
        try:
            return await self._resolver().resolve(_absolute(name), kind, search=False)
        except dns.resolver.NXDOMAIN:
            raise NotThere(f"{name} does not exist", name_exists=False) from None
        except dns.resolver.NoAnswer:
            raise NotThere(f"{name} has no {kind} record", name_exists=True) from None
        except (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.IDNAException) as error:
            raise NotThere(f"{name} is not a name: {error}", name_exists=False) from None
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"{kind} of {name}: {error}") from error

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._made is None:
            self._made = _made(self._nameservers, self._timeout_seconds, self._validates)
        return self._made


class _Kept(dns.resolver.LRUCache):
    """Keeps what is there, and not that something is not.

    Who has just published a record waits for it to be seen; the name servers behind us keep such an answer for as
    long as its zone says, and one without an SOA record would be kept here for ever.
    """

    def put(self, key: dns.resolver.CacheKey, value: dns.resolver.Answer) -> None:
        if value.rrset is not None:
            super().put(key, value)


def _made(nameservers: Sequence[str], timeout_seconds: float, validates: bool) -> dns.asyncresolver.Resolver:
    try:
        resolver = dns.asyncresolver.Resolver(configure=not nameservers)
    except dns.resolver.NoResolverConfiguration as error:
        raise LookupFailed(f"this machine names no name server: {error}") from error
    if nameservers:
        resolver.nameservers = [_nameserver(one) for one in nameservers]
    resolver.lifetime = timeout_seconds
    resolver.timeout = min(timeout_seconds, 3.0)
    resolver.cache = _Kept(10_000)
    if validates:
        resolver.flags = dns.flags.RD | dns.flags.AD
    return resolver


def _nameserver(text: str) -> Any:
    host, _, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "")
    return dns.nameserver.Do53Nameserver(host.strip("[]") or text, int(port) if port else _DNS_PORT)


def _absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name.rstrip(".") + ".", idna_codec=dns.name.IDNA_2008_Practical)


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
