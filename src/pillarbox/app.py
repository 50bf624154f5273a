"""The only place that builds objects: starts them in order of need, stops them in reverse.

Called by the command line and by tests. Everything that lives as long as the
server is built here from the settings and given to whoever needs it.
"""

import asyncio
import contextlib
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import uvicorn

from pillarbox.api import registry
from pillarbox.api.call import Services
from pillarbox.dashboard.app import build
from pillarbox.delivery.depth import DepthGauge
from pillarbox.delivery.prepare import Preparer, Site
from pillarbox.delivery.provider_book import ProviderBook
from pillarbox.delivery.route import RouteTable, Rule
from pillarbox.delivery.scan import EicarScanner
from pillarbox.delivery.transport.base import Transport
from pillarbox.delivery.transport.capture import CaptureTransport
from pillarbox.delivery.transport.mta_sts import Policies
from pillarbox.delivery.transport.mx import Direct, MxTransport
from pillarbox.delivery.transport.mx_hosts import Bounds
from pillarbox.delivery.transport.mx_tls import Security
from pillarbox.delivery.transport.simulator import SimulatorTransport
from pillarbox.delivery.transport.smtp import Smarthost, SmtpTransport
from pillarbox.delivery.transport.smtp_connection import Login, Manner
from pillarbox.delivery.transport.smtp_pool import Upkeep
from pillarbox.delivery.verp import ReturnPaths
from pillarbox.delivery.worker import Worker
from pillarbox.destinations.fanout import FanOut
from pillarbox.destinations.forwarding import Forwarding
from pillarbox.edge.authenticate import AnySecret, Authenticator, SignedOnly, Window
from pillarbox.edge.connection import Connection
from pillarbox.edge.failures import Failures
from pillarbox.edge.gateway import Gateway
from pillarbox.edge.http import HttpEdge
from pillarbox.edge.return_path import ReturnPathDoor
from pillarbox.edge.returns import House, Returns
from pillarbox.edge.smtp_door import Limits, SmtpDoor
from pillarbox.edge.smtp_login import AnyPassword, DerivedPasswords
from pillarbox.edge.smtp_tls import load as load_tls
from pillarbox.edge.verification import VerificationPages
from pillarbox.edge.watched import WatchedAuthenticator, WatchedLogins
from pillarbox.events.follow import Follower
from pillarbox.kit import log
from pillarbox.kit.clock import Clock, SystemClock
from pillarbox.kit.dns import Names
from pillarbox.kit.ids import REGIONS
from pillarbox.kit.net import Outside, reason_to_refuse
from pillarbox.kit.secrets import Keyring
from pillarbox.operate.desk import Desk
from pillarbox.operate.socket import AdminSocket
from pillarbox.pubsub.deliver import Deliverer
from pillarbox.pubsub.queue_sweep import QueueSweep
from pillarbox.pubsub.signing import Signer
from pillarbox.resources.account import Quota
from pillarbox.sending.accept import Sender
from pillarbox.sending.admission import RateAdmission
from pillarbox.sending.expand import Expander
from pillarbox.sending.standing import Standings
from pillarbox.sending.verification_mail import VerificationMail
from pillarbox.settings import MxSetting, Settings, SmarthostSetting
from pillarbox.stats.follow import count
from pillarbox.store import leases
from pillarbox.store.engine import Store, open_store
from pillarbox.upkeep.identity_checks import IdentityChecks
from pillarbox.upkeep.retry_keys import RetryKeySweep
from pillarbox.upkeep.runner import Runner
from pillarbox.upkeep.unconfirmed import Unconfirmed

T = TypeVar("T")

_STOPPING_SECONDS = 10


class CannotListen(OSError):
    """An address is in use, or is none of this machine's."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.address = f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that is ready: where it listens, and its parts for those who look inside.

    The ports of SMTP (with STARTTLS, and with TLS from the first byte) and of the return path are 0 where it is
    switched off.
    """

    settings: Settings
    port: int
    public_url: str
    store: Store
    keyring: Keyring
    smtp_port: int
    smtps_port: int
    return_path_port: int
    names: Names
    book: ProviderBook


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    announce: Callable[[Listening], Any],
    clock: Clock | None = None,
) -> None:
    """Run until `stop`; `announce` is told when the server answers."""
    clock = clock or SystemClock()
    log.configure(as_json=settings.log_json, level=settings.log_level)
    async with AsyncExitStack() as running:
        listener = _listen(settings.host, settings.port)
        running.callback(listener.close)
        port: int = listener.getsockname()[1]
        mail_ports = (settings.smtp_port, settings.smtps_port, settings.return_path_port)
        mail_listeners = [_listen_for_mail(settings, mail_port) for mail_port in mail_ports]
        for mail_listener in filter(None, mail_listeners):
            running.callback(mail_listener.close)
        smtp_port, smtps_port, returns_port = (one.getsockname()[1] if one else 0 for one in mail_listeners)
        public_url = settings.public_url.rstrip("/") or f"http://localhost:{port}"
        keyring = _open_folder(settings)
        store = await open_store(settings.database, settings.folder)
        running.push_async_callback(store.close)
        names = Names(settings.nameservers, validates=settings.dns_validates)
        book = ProviderBook(store, names, clock)
        listening = Listening(
            settings, port, public_url, store, keyring, smtp_port, smtps_port, returns_port, names, book
        )
        if store.is_ours_alone:
            await store.write(leases.end_all, clock.now())
        signer = await Signer.load(store, keyring, settings.sns_cert_url or public_url, clock.now())
        running.callback(signer.close)
        for work in await _background(listening, signer, clock, running):
            await running.enter_async_context(_running(work, stop))
        services = _services(listening, clock)
        failures = Failures(clock)
        await running.enter_async_context(_http(_edge(listening, services, signer, failures, clock), listener))
        door = await _smtp_door(listening, services.sender, failures, clock)
        *submission, return_path = mail_listeners
        await running.enter_async_context(door.serving(*submission))
        returns = await _return_path(listening, door.tls, clock)
        await running.enter_async_context(returns.serving(return_path))
        desk = Desk(store, keyring, clock, public_url, settings.dev, settings.service_domain, names)
        await running.enter_async_context(AdminSocket(settings.socket_path, desk).running())
        announced = announce(listening)
        if asyncio.iscoroutine(announced):
            await announced
        await stop.wait()


def _open_folder(settings: Settings) -> Keyring:
    """Make the data folder, which holds the keyring and the admin socket whatever the store is."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Keyring.open_file(settings.keyring_path)


def settle_memory() -> None:
    """Spare the garbage collector what was built at the start: it lives as long as the process.

    For processes that do nothing but serve. A request makes some hundred objects and hardly a cycle, so the
    collector may also look less often than by default.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), backlog=2048, family=family)
    except OSError as error:
        raise CannotListen(host, port, error) from None
    listener.setblocking(False)
    return listener


def _listen_for_mail(settings: Settings, port: int) -> socket.socket | None:
    return _listen(settings.host, max(port, 0)) if port else None


async def _background(
    listening: Listening, signer: Signer, clock: Clock, running: AsyncExitStack
) -> list[Coroutine[Any, Any, None]]:
    """Build what works in the background: delivery, the followers of the event log, and the posts that leave."""
    settings, store = listening.settings, listening.store
    site = Site(settings.service_domain, f"mta.{settings.service_domain}")
    preparer = await Preparer.load(store, listening.keyring, clock, site, signs_twice=settings.sign_twice)
    transports: list[Transport] = [CaptureTransport(store), SimulatorTransport()]
    if settings.smarthost is not None:
        smtp = SmtpTransport(smarthost_of(settings.smarthost, site.reporting_mta))
        running.push_async_callback(smtp.close)
        transports.append(smtp)
    if any(route.transport == "mx" for route in settings.routes):
        transports.append(await running.enter_async_context(mx_transport(settings, listening.names, store, clock)))
    outside = Outside(
        allow_loopback=settings.dev or settings.sns_private_addresses,
        allow_private=settings.sns_private_addresses,
    )
    running.push_async_callback(outside.close)
    by_name = {transport.name: transport for transport in transports}
    checks = IdentityChecks(store, listening.names, listening.keyring, settings.service_domain)
    return [
        Worker(store, by_name, EicarScanner(), preparer, clock, listening.book).run(),
        DepthGauge(store, clock).run(),
        Follower("destinations", store, FanOut(settings.service_domain, clock), clock).run(),
        Follower("forwarding", store, Forwarding(settings.service_domain, _routes(listening), clock), clock).run(),
        Follower("stats", store, count, clock).run(),
        Deliverer(store, signer, outside, listening.keyring, listening.public_url, clock).run(),
        QueueSweep(store, clock).run(),
        Expander(store, _routes(listening), clock).run(),
        RetryKeySweep(store, clock).run(),
        Unconfirmed(store, clock).run(),
        Runner(store, checks, clock).run(),
    ]


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
    settings: Settings, names: Names, store: Store, clock: Clock, *, policy_port: int = 443
) -> AsyncIterator[MxTransport]:
    """Lend the transport `mx`, which knows by what names and addresses it would meet itself."""
    setting = settings.mx or MxSetting()
    helo = setting.helo or f"mta.{settings.service_domain}"
    own = {helo.lower(), *map(str.lower, setting.own), setting.source_ipv4, setting.source_ipv6} - {""}
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
    transport = MxTransport(direct, names, policies, security)
    try:
        yield transport
    finally:
        await transport.close()
        await outside.close()


def _taken_from(setting: msgspec.Struct, kind: type[T], **changed: Any) -> T:
    """Return a `kind` of the settings of the same names."""
    return msgspec.convert({**msgspec.structs.asdict(setting), **changed}, kind)


def _authenticator(listening: Listening, failures: Failures, clock: Clock) -> Authenticator:
    settings = listening.settings
    if settings.dev:
        return AnySecret(Window(settings.signature_window_seconds, settings.sigv3))
    window = Window(settings.signature_window_seconds, settings.sigv3, frozenset(_regions(settings)))
    return WatchedAuthenticator(SignedOnly(listening.store, listening.keyring, clock, window), failures)


def _regions(settings: Settings) -> tuple[str, ...]:
    return (*(settings.regions or REGIONS), *settings.smtp_regions)


def _routes(listening: Listening) -> RouteTable:
    routes = listening.settings.routes
    rules = [Rule(route.transport, route.account, route.configuration_set, route.domain) for route in routes]
    return RouteTable(rules, listening.book.known)


def _services(listening: Listening, clock: Clock) -> Services:
    """Build what operations call. In dev mode quotas are told, not enforced."""
    settings, store = listening.settings, listening.store
    quota = Quota(settings.max_24_hour_send, settings.max_send_rate, settings.sandbox)
    enforced = not settings.dev
    daily_limit = int(quota.max_24_hour) if enforced and quota.max_24_hour >= 0 else None
    rate = quota.max_rate if enforced and quota.max_rate > 0 else None
    route = _routes(listening)
    sender = Sender(
        store,
        Standings(
            store,
            clock,
            any_sender=settings.any_sender,
            sandbox=enforced and settings.sandbox,
            splits=settings.split_recipients,
            split_limit=settings.split_recipient_limit,
        ),
        route,
        RateAdmission(lambda _: rate),
        lambda _: daily_limit,
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
    )


def _edge(listening: Listening, services: Services, signer: Signer, failures: Failures, clock: Clock) -> HttpEdge:
    settings = listening.settings
    gateway = Gateway(services, registry.load(), _authenticator(listening, failures, clock), clock)
    host = urlsplit(listening.public_url).hostname
    pages = build(
        listening.store,
        clock,
        listening.keyring,
        endpoint=listening.public_url,
        dev=settings.dev,
        hosts=frozenset({host} if host else ()),
    )
    return HttpEdge(
        gateway,
        pages,
        {signer.certificate_path: signer.certificate},
        VerificationPages(listening.store, listening.keyring, clock),
        body_limit_bytes=settings.body_limit_bytes,
        in_flight_bytes=settings.bodies_in_flight_bytes,
        metrics_token=settings.metrics_token,
    )


async def _smtp_door(listening: Listening, sender: Sender, failures: Failures, clock: Clock) -> SmtpDoor:
    settings, store, keyring = listening.settings, listening.store, listening.keyring
    name = f"email-smtp.{settings.service_domain}"
    regions = _regions(settings)
    derived = DerivedPasswords(store, keyring, clock, regions)
    return SmtpDoor(
        sender,
        AnyPassword(regions) if settings.dev else WatchedLogins(derived, failures),
        clock,
        await load_tls(store, keyring, name, (settings.tls_certificate, settings.tls_key), clock.now()),
        name=name,
        limits=Limits(settings.smtp_connections, settings.smtp_idle_seconds, settings.bodies_in_flight_bytes),
        takes_plaintext=settings.dev,
    )


async def _return_path(listening: Listening, tls: ssl.SSLContext, clock: Clock) -> ReturnPathDoor:
    settings = listening.settings
    paths = await ReturnPaths.load(listening.store, listening.keyring, clock.now())
    house = House(settings.service_domain, settings.operator_address, _routes(listening))
    returns = Returns(listening.store, paths, house, clock)
    return ReturnPathDoor(returns, clock, tls, name=f"mta.{settings.service_domain}")


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> AsyncIterator[None]:
    """Run a part until the block is left.

    A part that fails stops the server: whoever started it starts it again, and nothing promised is lost; a
    server that goes on without its worker would only look alive.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            log.named("app").error("a part of the server failed", why=repr(error))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: when to stop is for the command line to say."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _http(edge: HttpEdge, listener: socket.socket) -> AsyncIterator[None]:
    """Serve until the block is left; requests in hand are finished."""
    server = _HttpServer(
        uvicorn.Config(
            edge,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_STOPPING_SECONDS,
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
