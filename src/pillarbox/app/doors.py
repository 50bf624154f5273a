"""The doors: HTTP with all its faces, SMTP submission and the return path, opened on sockets that are bound already."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import uvicorn

from pillarbox.api import registry
from pillarbox.api.call import Services
from pillarbox.app.events_in import events_in
from pillarbox.app.listening import Listening, Sockets
from pillarbox.dashboard.app import build
from pillarbox.delivery import tracking_keys
from pillarbox.delivery.unsubscribe_links import UnsubscribeLinks
from pillarbox.delivery.verp import ReturnPaths
from pillarbox.edge.authenticate import AnySecret, Authenticator, SignedOnly, Window
from pillarbox.edge.connection import Connection
from pillarbox.edge.control_rate import ControlRate
from pillarbox.edge.events_in import EventsIn
from pillarbox.edge.failures import Failures
from pillarbox.edge.gateway import Gateway
from pillarbox.edge.hit_spool import HitSpool
from pillarbox.edge.http import HttpEdge
from pillarbox.edge.limits import Bodies
from pillarbox.edge.lost_links import LostLinks
from pillarbox.edge.renewal import Renewal
from pillarbox.edge.return_path import ReturnPathDoor
from pillarbox.edge.returns import House, Returns
from pillarbox.edge.roles import RoleDoor
from pillarbox.edge.short_road import ShortRoad
from pillarbox.edge.smtp_door import Limits, SmtpDoor
from pillarbox.edge.smtp_login import AnyPassword, DerivedPasswords
from pillarbox.edge.smtp_tls import load as load_tls
from pillarbox.edge.tracking import Tracker
from pillarbox.edge.tracking_hosts import TrackingHosts
from pillarbox.edge.unsubscribe import UnsubscribePages
from pillarbox.edge.verification import VerificationPages
from pillarbox.edge.watched import WatchedAuthenticator, WatchedLogins
from pillarbox.kit.clock import Clock
from pillarbox.kit.disk import Room
from pillarbox.kit.ids import REGIONS
from pillarbox.operate.desk import Desk
from pillarbox.pubsub import receive
from pillarbox.pubsub.signing import Signer
from pillarbox.resources.account import Quota
from pillarbox.sending.sender import Sender
from pillarbox.sending.standing import Standings
from pillarbox.sending.verification_mail import VerificationMail
from pillarbox.settings import Settings

_STOPPING_SECONDS = 10


async def open_doors(
    listening: Listening, sockets: Sockets, signer: Signer, clock: Clock, running: AsyncExitStack
) -> None:
    """Answer on every socket until `running` is left; who comes is sent elsewhere then, and requests in hand end."""
    services = services_of(listening, clock)
    failures = Failures(clock)
    await running.enter_async_context(failures.shared_over(listening.store))
    spool = HitSpool(listening.settings.hits_folder, listening.settings.hits_limit_bytes)
    await running.enter_async_context(spool.running())
    tracker = await _tracker(listening, spool, clock)
    links = await UnsubscribeLinks.load(listening.store, listening.keyring, clock.now())
    unsubscribe = UnsubscribePages(listening.store, links, clock)
    posts = events_in(listening, clock, running)
    hosts = await _tracking_hosts(listening, running)
    bodies = Bodies(longest=listening.settings.body_limit_bytes, in_flight=listening.settings.bodies_in_flight_bytes)
    every = _edge(listening, services, signer, tracker, hosts, unsubscribe, posts, bodies, failures, clock)
    roles = listening.settings.roles
    edge = RoleDoor(every, roles, listening.store, hosts)
    at_once = tracker if "tracking" in roles else None
    targets = every.targets(roles)
    short_road = ShortRoad(targets, bodies, hosts, lambda: edge.sends_away) if targets else None
    connection = partial(Connection, tracker=at_once, short_road=short_road)
    tls = await _tls(listening, running, clock)
    for listener, secured_by in ((sockets.http, None), (sockets.https, tls)):
        if listener:
            proxies = listening.settings.trusted_proxies
            await running.enter_async_context(_http(edge, connection, listener, proxies, secured_by))
    door = _smtp_door(listening, services.sender, failures, tls, clock)
    await running.enter_async_context(door.serving(sockets.smtp, sockets.smtps))
    returns = await _return_path(listening, tls, clock)
    await running.enter_async_context(returns.serving(sockets.return_path))
    running.callback(receive.let_go, listening.store)
    running.push_async_callback(_send_away, edge, listening.settings.drain_seconds)


async def _send_away(edge: RoleDoor, seconds: float) -> None:
    """Go on answering for so long while load balancers find out that they should ask another server."""
    edge.send_away()
    await asyncio.sleep(seconds)


def _authenticator(listening: Listening, failures: Failures, clock: Clock) -> Authenticator:
    settings = listening.settings
    if settings.dev:
        return AnySecret(Window(settings.signature_window_seconds, settings.sigv3))
    window = Window(settings.signature_window_seconds, settings.sigv3, frozenset(_regions(settings)))
    return WatchedAuthenticator(SignedOnly(listening.store, listening.keyring, clock, window), failures)


def _regions(settings: Settings) -> tuple[str, ...]:
    return (*(settings.regions or REGIONS), *settings.smtp_regions)


def services_of(listening: Listening, clock: Clock) -> Services:
    """Build what operations call. In dev mode quotas are told, not enforced."""
    settings, store = listening.settings, listening.store
    quota = Quota(settings.max_24_hour_send, settings.max_send_rate, settings.sandbox)
    enforced = not settings.dev
    route = listening.routes()
    sender = Sender(
        store,
        Standings(
            store,
            clock,
            any_sender=settings.any_sender,
            sandbox=enforced and settings.sandbox,
            splits=settings.split_recipients,
            split_limit=settings.split_recipient_limit,
            quota=quota if enforced else None,
            pools=listening.pools.names,
        ),
        route,
        Room(settings.folder, settings.least_free_bytes, clock),
        listening.courtesy,
        makes_later=store.is_ours_alone,
    )
    return Services(
        store=store,
        sender=sender,
        verification_mail=VerificationMail(
            listening.keyring,
            route,
            public_url=listening.public_url,
            service_domain=settings.service_domain,
            verify_at_once=settings.dev,
        ),
        keyring=listening.keyring,
        public_url=listening.public_url,
        service_domain=settings.service_domain,
        verify_at_once=settings.dev,
        quota=quota,
        pools=listening.pools,
        import_buckets=settings.s3.buckets if settings.s3 else {},
    )


async def _tracker(listening: Listening, spool: HitSpool, clock: Clock) -> Tracker:
    links = await tracking_keys.load(listening.store, listening.keyring, clock.now())
    region = next(iter(listening.settings.regions), REGIONS[0])
    return Tracker(links, spool, LostLinks(listening.store), clock, region=region)


async def _tracking_hosts(listening: Listening, running: AsyncExitStack) -> TrackingHosts:
    own = urlsplit(listening.settings.tracking_url).hostname
    hosts = TrackingHosts({own} if own else (), never=urlsplit(listening.public_url).hostname or "")
    await running.enter_async_context(hosts.following(listening.store))
    return hosts


def _edge(
    listening: Listening,
    services: Services,
    signer: Signer,
    tracker: Tracker,
    tracking_hosts: TrackingHosts,
    unsubscribe: UnsubscribePages,
    posts: EventsIn,
    bodies: Bodies,
    failures: Failures,
    clock: Clock,
) -> HttpEdge:
    settings = listening.settings
    is_limited = settings.control_rate > 0 and not settings.dev
    control_rate = ControlRate(listening.store, settings.control_rate) if is_limited else None
    gateway = Gateway(services, registry.load(), _authenticator(listening, failures, clock), clock, control_rate)
    host = urlsplit(listening.public_url).hostname
    pages = build(
        Desk(
            listening.store,
            listening.keyring,
            clock,
            listening.public_url,
            settings.dev,
            settings.service_domain,
            listening.names,
            sender=services.sender,
            verification_mail=services.verification_mail,
        ),
        quota=services.quota,
        failures=failures,
        hosts=frozenset({host} if host else ()),
    )
    return HttpEdge(
        gateway,
        pages,
        {signer.certificate_path: signer.certificate},
        VerificationPages(listening.store, listening.keyring, clock),
        unsubscribe,
        tracker,
        tracking_hosts,
        events_in=posts,
        bodies=bodies,
        metrics_token=settings.metrics_token,
    )


async def _tls(listening: Listening, running: AsyncExitStack, clock: Clock) -> ssl.SSLContext:
    """Return what every port with TLS shows; a certificate of the operator's is followed when it is renewed."""
    settings = listening.settings
    files = (settings.tls_certificate, settings.tls_key)
    context = await load_tls(listening.store, listening.keyring, _smtp_name(settings), files, clock.now())
    if settings.tls_certificate:
        await running.enter_async_context(Renewal(context, *files).running())
    return context


def _smtp_name(settings: Settings) -> str:
    return f"email-smtp.{settings.service_domain}"


def _smtp_door(listening: Listening, sender: Sender, failures: Failures, tls: ssl.SSLContext, clock: Clock) -> SmtpDoor:
    settings = listening.settings
    regions = _regions(settings)
    derived = DerivedPasswords(listening.store, listening.keyring, clock, regions)
    return SmtpDoor(
        sender,
        AnyPassword(regions) if settings.dev else WatchedLogins(derived, failures),
        clock,
        tls,
        name=_smtp_name(settings),
        limits=Limits(settings.smtp_connections, settings.smtp_idle_seconds, settings.bodies_in_flight_bytes),
        takes_plaintext=settings.dev,
    )


async def _return_path(listening: Listening, tls: ssl.SSLContext, clock: Clock) -> ReturnPathDoor:
    settings = listening.settings
    paths = await ReturnPaths.load(listening.store, listening.keyring, clock.now())
    house = House(settings.service_domain, settings.operator_address, listening.routes())
    returns = Returns(listening.store, paths, house, clock)
    return ReturnPathDoor(returns, clock, tls, name=f"mta.{settings.service_domain}")


class _HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: when to stop is for the command line to say."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _http(
    edge: RoleDoor,
    connection: Callable[..., Connection],
    listener: socket.socket,
    proxies: Sequence[str],
    tls: ssl.SSLContext | None,
) -> AsyncIterator[None]:
    """Serve until the block is left; requests in hand are finished."""
    server = _HttpServer(
        uvicorn.Config(
            edge,
            loop="none",
            http=connection,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_STOPPING_SECONDS,
            ssl_context_factory=(lambda *_: tls) if tls else None,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.001)
    try:
        yield
    finally:
        server.should_exit = True
        await serving
