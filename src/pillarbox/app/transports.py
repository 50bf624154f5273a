"""The transports, built from the settings: which next hops there are, and how each is spoken to."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, time
from functools import partial
from typing import Any, TypeVar

import msgspec

from pillarbox.app.listening import Listening
from pillarbox.app.upstreams import Upstreams
from pillarbox.delivery.route import through
from pillarbox.delivery.transport.base import Transport
from pillarbox.delivery.transport.capture import CaptureTransport
from pillarbox.delivery.transport.mta_sts import Policies
from pillarbox.delivery.transport.mx import Direct, MxTransport
from pillarbox.delivery.transport.mx_hosts import Bounds
from pillarbox.delivery.transport.mx_tls import Security
from pillarbox.delivery.transport.ses import SesTransport
from pillarbox.delivery.transport.simulator import SimulatorTransport
from pillarbox.delivery.transport.smtp import Smarthost, SmtpTransport
from pillarbox.delivery.transport.smtp_connection import Login, Manner
from pillarbox.delivery.transport.smtp_pool import Upkeep
from pillarbox.delivery.warm_up import WarmUp
from pillarbox.kit.clock import SECOND, Clock
from pillarbox.kit.dns import Names
from pillarbox.kit.net import Outside, reason_to_refuse
from pillarbox.settings import MxSetting, PoolSetting, Settings, SmarthostSetting
from pillarbox.store.engine import Store

T = TypeVar("T")


async def transports(
    listening: Listening, our_name: str, upstreams: Upstreams, clock: Clock, running: AsyncExitStack
) -> dict[str, Transport]:
    """Return every transport that the settings know, by its name; they are closed with `running`."""
    settings, store = listening.settings, listening.store
    made: list[Transport] = [CaptureTransport(store), SimulatorTransport()]
    if settings.smarthost is not None:
        smtp = SmtpTransport(smarthost_of(settings.smarthost, our_name))
        running.push_async_callback(smtp.close)
        made.append(smtp)
    if any(route.transport == "mx" for route in settings.routes):
        for pool in ("", *settings.pools):
            mx = mx_transport(settings, listening.names, store, clock, pool=pool)
            made.append(await running.enter_async_context(mx))
    if upstreams:
        made.append(SesTransport(upstreams))
    return {transport.name: transport for transport in made}


def warm_ups(settings: Settings) -> dict[str, WarmUp]:
    """Return the warm-ups of the sources that have one, by the name of the transport that leaves from there."""
    sources = {"": settings.mx or MxSetting(), **settings.pools}
    return {
        through("mx", pool): WarmUp(
            round(datetime.combine(one.warm_up_from, time(), UTC).timestamp()) * SECOND,
            one.warm_up_messages,
            one.warm_up_days,
        )
        for pool, one in sources.items()
        if one.warm_up_from is not None
    }


def smarthost_of(setting: SmarthostSetting, our_name: str) -> Smarthost:
    """Return the next hop as the transport wants it."""
    login = Login(setting.user, setting.password, setting.password_without_tls) if setting.user else None
    return Smarthost(
        setting.host,
        setting.port,
        setting.tls,
        setting.verify,
        setting.ca_file,
        _taken_from(setting, Manner, helo=setting.helo or our_name),
        _taken_from(setting, Upkeep),
        login,
    )


@asynccontextmanager
async def mx_transport(
    settings: Settings, names: Names, store: Store, clock: Clock, *, policy_port: int = 443, pool: str = ""
) -> AsyncIterator[MxTransport]:
    """Lend the transport `mx`, or that of a pool, which knows by what names and addresses it would meet itself."""
    setting = settings.mx or MxSetting()
    if pool:
        setting = _of_pool(setting, settings.pools[pool])
    helo = setting.helo or f"mta.{settings.service_domain}"
    every: tuple[MxSetting | PoolSetting, ...] = (setting, settings.mx or MxSetting(), *settings.pools.values())
    sources = {one for each in every for one in (each.helo.lower(), each.source_ipv4, each.source_ipv6)}
    own = {helo.lower(), *map(str.lower, setting.own), *sources} - {""}
    inside = setting.private_addresses
    refusing = partial(reason_to_refuse, allow_loopback=inside, allow_private=inside)
    direct = Direct(
        setting.port,
        _taken_from(setting, Manner, helo=helo),
        _taken_from(setting, Upkeep),
        Bounds(frozenset(own), refusing, setting.versions),
        setting.source_ipv4,
        setting.source_ipv6,
        setting.hosts_seconds,
        settings.dns_validates,
    )
    security = Security(setting.ca_file, clock)
    outside = Outside(names, allow_loopback=inside, allow_private=inside, tls=security.by_name)
    policies = Policies(names, outside, store, clock, port=policy_port) if setting.mta_sts else None
    transport = MxTransport(direct, names, policies, security, name=through("mx", pool))
    try:
        yield transport
    finally:
        await transport.close()
        await outside.close()


def _of_pool(setting: MxSetting, pool: PoolSetting) -> MxSetting:
    """Return how mail leaves from a pool: from its own addresses only, and by the versions of IP that it has."""
    versions = [name for name, source in (("ipv4", pool.source_ipv4), ("ipv6", pool.source_ipv6)) if source]
    return msgspec.structs.replace(
        setting,
        source_ipv4=pool.source_ipv4,
        source_ipv6=pool.source_ipv6,
        helo=pool.helo or setting.helo,
        families="both" if len(versions) == 2 else versions[0],
    )


def _taken_from(setting: msgspec.Struct, kind: type[T], **changed: Any) -> T:
    """Return a `kind` of the settings of the same names."""
    return msgspec.convert({**msgspec.structs.asdict(setting), **changed}, kind)
