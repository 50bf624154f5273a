"""The clients of other SES, built from the settings: who they are and how each is asked."""

from contextlib import AsyncExitStack

from pillarbox.delivery.lanes import OTHER_SES, Hop
from pillarbox.delivery.transport import ses_quota
from pillarbox.delivery.transport.ses_client import SesClient, Upstream
from pillarbox.settings import Settings, UpstreamSetting
from pillarbox.store.engine import Store

Upstreams = dict[str, SesClient]


async def open_upstreams(settings: Settings, store: Store, running: AsyncExitStack) -> Upstreams:
    """Return a client for each upstream by its name, closed with `running`; none is sent to without a limit."""
    clients = {one.name: SesClient(upstream_of(one)) for one in settings.upstreams}
    for client in clients.values():
        running.push_async_callback(client.close)
    if clients:
        await store.write(ses_quota.begin, [client.upstream for client in clients.values()])
    return clients


def upstream_of(setting: UpstreamSetting) -> Upstream:
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
    )


def tracked_there(settings: Settings) -> frozenset[Hop]:
    """Return the upstreams that track the mail themselves: exactly one side does."""
    return frozenset(Hop(OTHER_SES, one.name) for one in settings.upstreams if one.tracking == "theirs")


def listed_here(settings: Settings, upstreams: Upstreams) -> list[SesClient]:
    """Return the upstreams whose suppression list is kept in step here."""
    return [upstreams[one.name] for one in settings.upstreams if one.account and one.suppression]
