"""Tells topics of events: one notice for each event and destination.

`FanOut` is the work of the follower `destinations`: it runs in the transaction
that moves the cursor and only writes rows. Retries, dead letters and replay of
those rows belong to pubsub; nobody is called from here.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pillarbox.destinations.targets import Mail, Targets, mails_of, targets_of
from pillarbox.events.shapes import NOTIFIED_KINDS, notified, published, to_text
from pillarbox.events.types import Event, Kind
from pillarbox.kit import log, metrics
from pillarbox.kit.clock import Clock, Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub.publish import Notice, publish_many
from pillarbox.pubsub.topic_access import by_ses
from pillarbox.resources import identities
from pillarbox.resources.identity_names import read_arn
from pillarbox.store.plan import Plan

SUBJECT = "Amazon SES Email Event Notification"
EVENT, NOTIFICATION = "event", "notification"

# Bounces and complaints must reach somebody: when their topic fails they go by mail again.
# https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html
_FALLS_BACK_TO_MAIL = frozenset({Kind.BOUNCE, Kind.COMPLAINT})
_NAMESPACE = uuid.UUID("6a6f0f3c-6d0e-5c1b-9a55-3f0f5d6c9b41")

PUBLISHED = metrics.counter(
    "events_published_total",
    labels=("form", "kind"),
    doc="Events that were given to a topic, as `event` (event destinations) or `notification` (identity topics).",
)
UNDELIVERABLE = metrics.counter(
    "events_undeliverable_total",
    labels=("form", "why"),
    doc="""Events that a topic should have been told of and was not.

    Any rise means that somebody waits for events in vain: the log names the
    event destination or identity whose topic is gone.""",
)


class _Telling(NamedTuple):
    """A notice, and where it comes from: an event destination or an identity, by its path."""

    form: str
    source: str
    kind: Kind
    identity: str
    notice: Notice


class FanOut:
    """Gives every event to the topics that are to be told of it, once.

    A topic that is gone holds nothing up: what it was not told is logged and
    counted, and an identity's topic for bounces or complaints is forgotten.
    """

    def __init__(self, service_domain: str, clock: Clock) -> None:
        self._service_domain = service_domain
        self._clock = clock
        self._log = log.named("destinations")

    def __call__(self, events: Sequence[Event]) -> Plan[None]:
        mails = yield from mails_of(events)
        for_identities = {event.message_id for event in events if event.kind in NOTIFIED_KINDS}
        targets = yield from targets_of(mails.values(), [mails[one] for one in for_identities if one in mails])
        tellings = self._tellings(events, mails, targets)
        now = self._clock.now()
        reasons = yield from publish_many([telling.notice for telling in tellings], now)
        failed = []
        for telling, why in zip(tellings, reasons, strict=True):
            if why is None:
                PUBLISHED.labels(telling.form, telling.kind.value).inc()
            else:
                failed.append((telling, why))
        self._tell_of(failed)
        yield from _fall_back_to_mail([telling for telling, _ in failed], now)

    def _tellings(self, events: Sequence[Event], mails: Mapping[str, Mail], targets: Targets) -> list[_Telling]:
        tellings: list[_Telling] = []
        for event in events:
            mail = mails.get(event.message_id)
            if mail is None:
                self._log.warning("event of a message that is no longer kept", event_id=event.event_id)
                continue
            if not mail.told_of:
                continue
            tellings += self._for_event_destinations(event, mail, targets)
            tellings += self._for_identity(event, mail, targets)
        return tellings

    def _for_event_destinations(self, event: Event, mail: Mail, targets: Targets) -> Iterator[_Telling]:
        wanted = targets.event_destinations_for(event.kind, mail)
        if not wanted:
            return
        text = to_text(published(event, mail.row, mail.facts, self._service_domain))
        for one in wanted:
            source = f"{mail.row.configuration_set}/{one.name}"
            yield _telling(event, EVENT, source, "", one.topic_arn, text)

    def _for_identity(self, event: Event, mail: Mail, targets: Targets) -> Iterator[_Telling]:
        if event.kind not in NOTIFIED_KINDS or (identity := targets.identity_for(mail)) is None:
            return
        if not (topic_arn := identity.topics.get(event.kind.value)):
            return
        with_headers = event.kind.value in identity.headers_in
        record = notified(event, mail.row, mail.facts, self._service_domain, with_headers=with_headers)
        if record is not None:
            yield _telling(event, NOTIFICATION, identity.name, identity.name, topic_arn, to_text(record))

    def _tell_of(self, failed: Sequence[tuple[_Telling, str]]) -> None:
        missed = Counter((one.form, one.source, one.notice.topic, why) for one, why in failed)
        for (form, source, topic, why), count in missed.items():
            UNDELIVERABLE.labels(form, why).inc(count)
            self._log.error("events are not published", form=form, source=source, topic=topic, why=why, count=count)


def notification_id(event_id: str, form: str, source: str) -> str:
    """Return what the notice of an event is called, by whom it is for.

    Made from what makes it the same notice, so that it is told once however often the event is seen.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{event_id}\n{form}\n{source}"))


def _telling(event: Event, form: str, source: str, identity: str, topic_arn: str, text: str) -> _Telling:
    parts = read_arn(topic_arn)
    scope, topic = (parts.scope, parts.resource) if parts else (event.scope, topic_arn)
    name = notification_id(event.event_id, form, source)
    notice = Notice(scope, topic, name, SUBJECT, text, asking=by_ses(event.scope.account))
    return _Telling(form, source, event.kind, identity, notice)


def _fall_back_to_mail(failed: Sequence[_Telling], now: Millis) -> Plan[None]:
    """Forget topics for bounces and complaints that could not be told, and forward those by mail again."""
    lost: set[tuple[Scope, str, Kind]] = {
        (telling.notice.scope, telling.identity, telling.kind)
        for telling in failed
        if telling.identity and telling.kind in _FALLS_BACK_TO_MAIL
    }
    for scope, identity, kind in sorted(lost):
        yield from identities.set_topic(scope, identity, kind.value, None, now)
        yield from identities.set_feedback_forwarding(scope, identity, True, now)
