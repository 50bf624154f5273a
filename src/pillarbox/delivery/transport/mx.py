"""Hands mail to the mail exchangers of each recipient's domain: the transport `mx`.

Touches the network: names through kit/dns.py, hosts through smtp_transaction.py.
mx_hosts.py says where mail may go, mx_tls.py how it must be secured, and
mx_verdicts.py what several answers come to.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pillarbox.delivery.outcome import Deferred, Outcome, Refused
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.mta_sts import Policies, Policy
from pillarbox.delivery.transport.mx_hosts import Address, Bounds, NoWay, Target, Unwell, choose, look_up
from pillarbox.delivery.transport.mx_tls import Demand, Security, demand
from pillarbox.delivery.transport.mx_verdicts import Verdicts
from pillarbox.delivery.transport.smtp_connection import Connection, Manner, NotSecured
from pillarbox.delivery.transport.smtp_dial import Broken, Line, dial_address
from pillarbox.delivery.transport.smtp_pool import Pools, Upkeep
from pillarbox.delivery.transport.smtp_transaction import Mail, Way, as_mail, hand_over
from pillarbox.kit.dns import LookupFailed, Names, NotThere, Tlsa
from pillarbox.kit.errors import Unavailable

_MOST_TRIES = 6


@dataclass(frozen=True, slots=True)
class Direct:
    """How mail goes to hosts that others chose; the settings of `[mx]`, where each is explained.

    `dane` says that the resolver's word for TLSA records is good.
    """

    port: int
    manner: Manner
    upkeep: Upkeep
    bounds: Bounds
    source_ipv4: str
    source_ipv6: str
    hosts_seconds: float
    dane: bool


class MxTransport:
    """Says Delivered when a mail exchanger has taken the message, and Refused when the domain takes none.

    A host that cannot be reached, or says no before MAIL, has said nothing about any message: the next one is tried,
    and if none will have it, everyone is tried again. The same holds for what a recipient's domain or the sender
    demands of the connection, which is never given up for a delivery.
    """

    def __init__(
        self, direct: Direct, names: Names, policies: Policies | None, security: Security, *, name: str = "mx"
    ) -> None:
        self.name = name
        self._direct = direct
        self._names = names
        self._policies = policies
        self._security = security
        self._chance = random.SystemRandom()
        self._pools = Pools(direct.upkeep)
        self._unwell = Unwell()

    async def deliver(self, attempt: Attempt) -> Mapping[str, Outcome]:
        mail = await as_mail(attempt)
        by_domain: dict[str, list[str]] = {}
        for address in attempt.recipients:
            by_domain.setdefault(address.rpartition("@")[2].lower(), []).append(address)
        ends = await asyncio.gather(
            *(self._deliver_to(domain, to, mail, attempt.tls_required) for domain, to in by_domain.items())
        )
        decided = {address: outcome for end in ends for address, outcome in end.items()}
        return {address: decided[address] for address in attempt.recipients}

    async def close(self) -> None:
        await self._pools.close()

    async def _deliver_to(
        self, domain: str, recipients: Sequence[str], mail: Mail, tls_required: bool
    ) -> Mapping[str, Outcome]:
        try:
            targets = choose(domain, await look_up(self._names, domain), self._direct.bounds, self._chance)
            policy = await self._policies.of(domain) if self._policies is not None else None
        except NoWay as end:
            return dict.fromkeys(recipients, Refused(str(end)))
        except LookupFailed as failure:
            return dict.fromkeys(recipients, Deferred(f"cannot look up {domain}: {failure}"))
        except Unavailable as failure:  # other domains of the same message may have taken it meanwhile
            return dict.fromkeys(recipients, Deferred(f"the policy of {domain} is not known: {failure}", ours=True))
        verdicts = Verdicts(recipients)
        await self._ask_hosts(domain, targets, policy, mail, tls_required, verdicts)
        return verdicts.outcomes()

    async def _ask_hosts(
        self,
        domain: str,
        targets: Sequence[Target],
        policy: Policy | None,
        mail: Mail,
        tls_required: bool,
        verdicts: Verdicts,
    ) -> None:
        """Ask one host after the other, until the verdicts are in or it has been enough."""
        clock = asyncio.get_running_loop().time
        until, tries = clock() + self._direct.hosts_seconds, 0
        for host, address in self._unwell.in_turn(targets, clock()):
            if verdicts.are_in or tries >= _MOST_TRIES or (tries and clock() > until):
                return
            try:
                asked = demand(host, domain, policy, await self._tlsa(host), encrypted=tls_required)
            except Broken as broken:
                verdicts.add_fault(broken)
                continue
            tries += 1
            await self._ask(host, address, asked, mail, verdicts)

    async def _ask(self, host: str, address: Address, asked: Demand, mail: Mail, verdicts: Verdicts) -> None:
        way = Way(self._pools.to(address), (host, asked), partial(self._opened, host, address, asked))
        decided: dict[str, Outcome] = {}
        try:
            await hand_over(way, mail, verdicts.left, decided)
            self._unwell.remove(address)
        except Broken as broken:
            self._unwell.add(address, asyncio.get_running_loop().time())
            broken.why = f"{host} [{address}]: {broken.why}"
            verdicts.add_fault(broken)
        if decided:
            verdicts.add(decided)

    async def _opened(self, host: str, address: Address, asked: Demand) -> Connection:
        """Open a conversation. Where nobody demands TLS and it does not come about, open one without."""
        hop = self._security.hop(host, self._direct.manner, asked)
        try:
            return await Connection.opened(hop, await self._dial(address))
        except NotSecured:
            if asked.encrypted:
                raise
            return await Connection.opened(replace(hop, tls="none"), await self._dial(address))

    async def _dial(self, address: Address) -> Line:
        direct = self._direct
        source = direct.source_ipv4 if address.version == 4 else direct.source_ipv6
        within = direct.manner.connect_seconds
        return await dial_address(str(address), direct.port, within_seconds=within, source=source)

    async def _tlsa(self, host: str) -> list[Tlsa]:
        """Return a host's TLSA records; Broken when they cannot be had, as when somebody keeps them from us.

        https://www.rfc-editor.org/rfc/rfc7672#section-2.1.2
        """
        if not self._direct.dane:
            return []
        try:
            # Where not even the addresses are signed there is nothing to keep, and some name servers there fail:
            # https://www.rfc-editor.org/rfc/rfc7672#section-2.2.2
            if not await self._names.are_validated(host):
                return []
            return await self._names.tlsa(f"_{self._direct.port}._tcp.{host}")
        except NotThere:
            return []
        except LookupFailed as failure:
            raise Broken(f"cannot look up whether {host} must be encrypted to: {failure}") from None
