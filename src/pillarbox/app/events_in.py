"""What upstreams tell, built from the settings: whose posts are expected, and whose queues are polled."""

import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta

from pillarbox.app.listening import Listening
from pillarbox.app.upstreams import Upstreams
from pillarbox.consumer.verify import Verifier
from pillarbox.edge.events_in import EventsIn, Expected
from pillarbox.kit.clock import Clock
from pillarbox.kit.ids import Scope
from pillarbox.kit.net import Outside
from pillarbox.settings import EventsSetting, Settings, UpstreamSetting
from pillarbox.upstream.arrival import Source
from pillarbox.upstream.poller import QueuePoller
from pillarbox.upstream.sqs_client import Queue, SqsClient


def events_in(listening: Listening, clock: Clock, running: AsyncExitStack) -> EventsIn:
    """Return the door for posts; what it fetches with is closed with `running`."""
    expecting = []
    for upstream, events in _telling(listening.settings):
        if events.topics:
            # Whom it goes to is the operator's choice: AWS, and the hosts that the settings name.
            outside = Outside(
                allow_loopback=bool(events.certificate_hosts),
                allow_private=bool(events.certificate_hosts),
                tls=ssl.create_default_context(cafile=upstream.ca_file) if upstream.ca_file else None,
            )
            running.push_async_callback(outside.close)
            verifier = Verifier(hosts=events.certificate_hosts, max_age=timedelta(seconds=events.max_age_seconds))
            expecting.append(Expected(_source(upstream, events), frozenset(events.topics), verifier, outside))
    return EventsIn(expecting, listening.store, clock, listening.courtesy)


def pollers(listening: Listening, upstreams: Upstreams, clock: Clock, running: AsyncExitStack) -> Iterator[QueuePoller]:
    """Build what polls the queues of upstreams."""
    for upstream, events in _telling(listening.settings):
        if events.queue_url:
            queue = Queue(events.queue_url, upstream.region, upstream.ca_file)
            client = SqsClient(queue, upstreams[upstream.name].credentials)
            running.push_async_callback(client.close)
            yield QueuePoller(_source(upstream, events), client, events.topics, listening.store, clock)


def _telling(settings: Settings) -> Iterator[tuple[UpstreamSetting, EventsSetting]]:
    return ((one, one.events) for one in settings.upstreams if one.events is not None)


def _source(upstream: UpstreamSetting, events: EventsSetting) -> Source:
    return Source(upstream.name, Scope(upstream.account, upstream.region), events.republish)
