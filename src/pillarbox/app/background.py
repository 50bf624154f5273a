"""What works in the background: delivery, the followers of the event log, the posts that leave, and upkeep."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from pillarbox.app.events_in import pollers
from pillarbox.app.listening import Listening
from pillarbox.app.opening import objects
from pillarbox.app.transports import transports, warm_ups
from pillarbox.app.upstreams import Upstreams, asked, tracked_there
from pillarbox.delivery.clamd import ClamdScanner
from pillarbox.delivery.depth import DepthGauge
from pillarbox.delivery.prepare import Preparer, Site
from pillarbox.delivery.scan import EicarScanner, ScannersInTurn
from pillarbox.delivery.worker import Worker
from pillarbox.destinations.fanout import FanOut
from pillarbox.destinations.forwarding import Forwarding
from pillarbox.edge import bots
from pillarbox.edge.hit_drain import HitDrain
from pillarbox.edge.hit_files import HitFiles
from pillarbox.events.follow import Follower
from pillarbox.events.tail import Tail
from pillarbox.kit import log
from pillarbox.kit.clock import Clock
from pillarbox.kit.net import Outside
from pillarbox.kit.s3 import Objects
from pillarbox.pubsub.deliver import Deliverer
from pillarbox.pubsub.queue_mover import QueueMover
from pillarbox.pubsub.queue_sweep import QueueSweep
from pillarbox.pubsub.signing import Signer
from pillarbox.pubsub.topic_replayer import TopicReplayer
from pillarbox.resources import identity_dns
from pillarbox.sending.expand import Expander
from pillarbox.sending.topic_mail import TopicMail
from pillarbox.settings import Settings
from pillarbox.stats.follow import count
from pillarbox.store.elsewhere import places
from pillarbox.store.engine import Store
from pillarbox.upkeep.bodies_elsewhere import BodiesElsewhere
from pillarbox.upkeep.four_weeks import FourWeekSums
from pillarbox.upkeep.identity_checks import IdentityChecks
from pillarbox.upkeep.import_jobs import ImportJobs
from pillarbox.upkeep.partitions import Partitions
from pillarbox.upkeep.retention import Kept, Retention
from pillarbox.upkeep.retry_keys import RetryKeySweep
from pillarbox.upkeep.runner import Runner
from pillarbox.upkeep.service_keys import ServiceKeys
from pillarbox.upkeep.unconfirmed import Unconfirmed
from pillarbox.upkeep.upstream_lists import UpstreamLists
from pillarbox.upkeep.upstream_quotas import UpstreamQuotas
from pillarbox.upstream.intake import Intake


class _Part(Protocol):
    """Works until it is cancelled."""

    def run(self) -> Coroutine[Any, Any, None]: ...


async def background(
    listening: Listening, signer: Signer, upstreams: Upstreams, clock: Clock, running: AsyncExitStack
) -> list[Coroutine[Any, Any, None]]:
    """Build what works in the background: what the roles of this server ask for, but for what its workers do."""
    settings = listening.settings
    parts: list[_Part] = []
    if "delivery" in settings.roles:
        parts += await _keeping(listening, upstreams, clock)
        if not settings.workers:
            parts.append(await delivering(listening, upstreams, clock, running))
    if "events" in settings.roles:
        parts += await _telling(listening, signer, upstreams, clock, running)
    if "tracking" in settings.roles:
        hits, judge = HitFiles(settings.hits_folder), bots.load(settings.bot_rules)
        parts.append(HitDrain(hits, listening.store, judge, clock, drops_query=settings.click_query == "drop"))
    return [part.run() for part in parts]


async def delivering(
    listening: Listening, upstreams: Upstreams, clock: Clock, running: AsyncExitStack, lease: str = ""
) -> Worker:
    """Build what makes attempts, which every worker process does; `lease` is told where another process gives it."""
    settings, store = listening.settings, listening.store
    site = Site(
        settings.service_domain,
        f"mta.{settings.service_domain}",
        listening.tracking_url,
        public_url=listening.public_url,
        tracked_there=tracked_there(settings),
    )
    preparer = await Preparer.load(store, listening.keyring, clock, site, signs_twice=settings.sign_twice)
    by_name = await transports(listening, site.reporting_mta, upstreams, clock, running)
    scanner, warming = _scanner(settings), warm_ups(settings)
    return Worker(store, by_name, scanner, preparer, clock, listening.book, listening.courtesy, warming, lease)


async def _keeping(listening: Listening, upstreams: Upstreams, clock: Clock) -> list[_Part]:
    """Build what fills and measures the queue, and the upkeep of what accounts and upstreams have."""
    settings, store = listening.settings, listening.store
    checks = IdentityChecks(store, listening.names, listening.keyring, settings.service_domain)
    asking = await asked(upstreams)
    kept = Kept(settings.bodies_days, settings.history_days)
    return [
        DepthGauge(store, clock),
        Expander(store, listening.routes(), clock, listening.courtesy),
        RetryKeySweep(store, clock),
        Unconfirmed(store, clock),
        Runner(store, checks, clock),
        Runner(store, Retention(store, kept, clock), clock),
        *(Runner(store, BodiesElsewhere(store, one, kept, clock), clock) for one in places(store)),
        Runner(store, UpstreamQuotas(store, asking), clock),
        Runner(store, UpstreamLists(store, [one for one in asking.values() if one.upstream.keeps_list]), clock),
        Runner(store, ImportJobs(store, _objects(settings), clock), clock),
        *(Runner(store, one, clock) for one in _service_keys(listening)),
        *(Runner(store, Partitions(store, days, clock), clock) for days in _partition_days(settings)),
    ]


async def _telling(
    listening: Listening, signer: Signer, upstreams: Upstreams, clock: Clock, running: AsyncExitStack
) -> list[_Part]:
    """Build what follows the event log and what upstreams tell, and takes both to topics and queues."""
    settings, store, courtesy = listening.settings, listening.store, listening.courtesy
    outside = Outside(
        allow_loopback=settings.dev or settings.sns_private_addresses,
        allow_private=settings.sns_private_addresses,
    )
    running.push_async_callback(outside.close)
    mailer = TopicMail(store, listening.routes(), settings.service_domain, clock)
    forwarding = Forwarding(settings.service_domain, listening.routes(), clock)
    tail = Tail(store, clock)
    return [
        Follower("destinations", store, FanOut(settings.service_domain, clock), clock, courtesy, tail),
        Follower("forwarding", store, forwarding, clock, courtesy, tail, patient=True),
        Follower("stats", store, count, clock, courtesy, tail, patient=True),
        Deliverer(
            store,
            signer,
            outside,
            listening.keyring,
            listening.public_url,
            clock,
            mailer,
            queues_need_policy=not settings.dev,
        ),
        QueueSweep(store, clock),
        Runner(store, QueueMover(store), clock),
        Runner(store, TopicReplayer(store), clock),
        Intake(store, clock, courtesy),
        *(Runner(store, one, clock) for one in _four_weeks(store, clock)),
        *(Runner(store, poller, clock) for poller in pollers(listening, upstreams, clock, running)),
    ]


def _scanner(settings: Settings) -> ScannersInTurn:
    """The test of EICAR comes first, since it costs next to nothing."""
    return ScannersInTurn([EicarScanner(), *([ClamdScanner(settings.clamd)] if settings.clamd else [])])


def _service_keys(listening: Listening) -> Iterator[ServiceKeys]:
    """Yield what turns over the keys of the service, if its domain can be in the DNS."""
    zone = identity_dns.zone_of(listening.settings.service_domain)
    if zone is not None:
        yield ServiceKeys(listening.store, listening.names, listening.keyring, zone)


def _four_weeks(store: Store, clock: Clock) -> Iterator[FourWeekSums]:
    """Yield what watches the sums of four weeks, where a program of before may count beside this one."""
    if not store.is_ours_alone:
        yield FourWeekSums(store, clock)


def _partition_days(settings: Settings) -> Iterator[int]:
    """Yield how long a part of a table is, if the store has any."""
    if settings.database.startswith(("postgresql://", "postgres://")):
        yield settings.partition_days


def _objects(settings: Settings) -> Objects | None:
    """Return from where import jobs of the API read, if the operator has given anything."""
    return objects(settings.s3) if settings.s3 is not None else None


@asynccontextmanager
async def kept_running(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> AsyncIterator[None]:
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
