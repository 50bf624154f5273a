"""The clients of other SES, built from the settings: who they are and how each is asked."""

from contextlib import AsyncExitStack
from functools import partial

from pillarbox.delivery.lanes import OTHER_SES, Hop
from pillarbox.delivery.transport import ses_credentials, ses_quota
from pillarbox.delivery.transport.ses_client import SesClient, Upstream
from pillarbox.delivery.transport.ses_credentials import CredentialSource
from pillarbox.kit.secrets import Keyring
from pillarbox.settings import Settings, UpstreamSetting
from pillarbox.store.engine import Store

Upstreams = dict[str, SesClient]


async def open_upstreams(settings: Settings, store: Store, keyring: Keyring, running: AsyncExitStack) -> Upstreams:
    """Return a client for each upstream by its name, closed with `running`; none is sent to without a limit."""
    routed = _routed(settings)
    clients = {}
    for setting in settings.upstreams:
        upstream = upstream_of(setting, is_sent_to=setting.name in routed)
        stored = partial(store.read, ses_credentials.load, setting.name, keyring)
        source = CredentialSource(setting.name, upstream.given, setting.profile, stored)
        clients[setting.name] = SesClient(upstream, source)
    for client in clients.values():
        running.push_async_callback(client.close)
    if clients:
        await store.write(ses_quota.begin, [client.upstream for client in clients.values()])
    return clients


def upstream_of(setting: UpstreamSetting, *, is_sent_to: bool = True) -> Upstream:
    """Return the far side as the client wants it; without an endpoint it is Amazon's in the region.

    https://docs.aws.amazon.com/general/latest/gr/ses.html
    """
    return Upstream(
        name=setting.name,
        region=setting.region,
        endpoint_url=setting.endpoint_url.rstrip("/") or f"https://email.{setting.region}.amazonaws.com",
        account=setting.account,
        fallback=setting.fallback,
        configuration_set=setting.configuration_set,
        configuration_sets=setting.configuration_sets,
        # Members that a compatible server does not know, it may refuse.
        turns_tracking_off=setting.tracking == "ours" and not setting.endpoint_url,
        max_send_rate=setting.max_send_rate,
        max_connections=setting.max_connections,
        connect_seconds=setting.connect_seconds,
        answer_seconds=setting.answer_seconds,
        profile=setting.profile,
        ca_file=setting.ca_file,
        access_key_id=setting.access_key_id,
        secret_access_key=setting.secret_access_key,
        session_token=setting.session_token,
        is_compatible=bool(setting.endpoint_url),
        tracks_here=setting.tracking == "ours",
        topics=setting.events.topics if setting.events else (),
        queue_url=setting.events.queue_url if setting.events else "",
        keeps_list=bool(setting.account) and setting.suppression,
        is_sent_to=is_sent_to,
    )


def tracked_there(settings: Settings) -> frozenset[Hop]:
    """Return the upstreams that track the mail themselves: exactly one side does."""
    return frozenset(Hop(OTHER_SES, one.name) for one in settings.upstreams if one.tracking == "theirs")


async def asked(upstreams: Upstreams) -> Upstreams:
    """Return the upstreams that are asked for their quota and suppression list.

    One that only tells of mail that others sent is left alone until somebody sets credentials for it.
    """
    return {
        name: client
        for name, client in upstreams.items()
        if client.upstream.is_sent_to or await client.credentials.are_set()
    }


def _routed(settings: Settings) -> set[str]:
    """Return the upstreams that mail may go to, by a route or from one that it cannot go to."""
    ways = {one.name: one.fallback for one in settings.upstreams}
    found: set[str] = set()
    for name in (route.upstream for route in settings.routes):
        while name and name not in found:
            found.add(name)
            name = ways[name]
    return found
