"""What the doctor finds out about events: is anybody told of them, did it ever happen, and can it be shown?

Touches the store, and the network for other SES. Called by operate/doctor.py.
The proof is a mail to the mailbox simulator, which goes every way that mail
goes but the last, followed to those who are told of it.
"""

from collections.abc import Sequence

import msgspec

from pillarbox.destinations.fanout import EVENT, notification_id
from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.kit.ids import Scope
from pillarbox.operate import configuration_sets, upstream
from pillarbox.operate.configuration_sets import Known
from pillarbox.operate.desk import Desk
from pillarbox.operate.finding import OK, WARNING, WRONG, Finding
from pillarbox.pubsub import subscribers, subscription_lists, topics
from pillarbox.pubsub.subscribers import CONFIRMED
from pillarbox.resources import event_destinations, identities
from pillarbox.resources.identities import Filter
from pillarbox.resources.identity_names import read_arn
from pillarbox.sending.draft import V2_SIZE_LIMIT, Draft, Simple, Text
from pillarbox.store import events, messages, notifications, nouns
from pillarbox.store.events import EventRow
from pillarbox.store.plan import Plan

SUBJECT = "Pillarbox looks whether events arrive"
# What the mailbox simulator lets become of the mail, by what it is called there.
# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
FATES = ("success", "bounce", "complaint")
_MOST_SUBSCRIPTIONS = 1_000
_NEWEST = 1_000


class Proof(msgspec.Struct, frozen=True):
    """A mail that was sent for this."""

    message_id: str


class Told(msgspec.Struct, frozen=True):
    """An event on its way to somebody: `state` is due, done, dead or removed, and `why` what kept it so far."""

    kind: str
    endpoint: str
    state: str
    why: str


class Progress(msgspec.Struct, frozen=True):
    """What has become of a proof: the events that are recorded, and who is told of them."""

    recorded: list[str]
    told: list[Told]

    @property
    def is_done(self) -> bool:
        """Whether the fate of the mail is known, and everybody knows it who should."""
        return bool(set(self.recorded) - {"Send"}) and all(one.state != "due" for one in self.told)


async def destinations(desk: Desk) -> list[Finding]:
    """Do the topics of event destinations and identities have somebody behind them, who was told something?"""
    sets = await configuration_sets.list_all(desk)
    found = await desk.store.read(_of_all, sets, desk.clock.now())
    if not found:
        why, remedy = "nobody is told what becomes of mail", "give a configuration set an event destination"
        return [Finding("event destinations", WARNING, why, remedy)]
    return found


def _of_all(sets: list[Known], now: Millis) -> Plan[list[Finding]]:
    found = []
    for scope in (yield from nouns.scopes()):
        told = yield from notifications.last_told(scope, _NEWEST)
        wanted = [one for one in sets if (one.account, one.region) == scope]
        for about, enabled, arn in [*_destinations(wanted), *(yield from _identities(scope))]:
            verdict = (WARNING, "it is switched off", "switch it on, or delete it")
            if enabled:
                verdict = yield from _of_topic(scope, arn, told, now)
            found.append(Finding(about, *verdict, scope.account))
    return found


def _destinations(sets: list[Known]) -> list[tuple[str, bool, str]]:
    return [
        (f"{known.options.name}: {one.name}", one.enabled, one.topic_arn)
        for known in sets
        for one in known.destinations
    ]


def _identities(scope: Scope) -> Plan[list[tuple[str, bool, str]]]:
    """Return which topics identities tell of bounces, complaints and deliveries."""
    found: list[tuple[str, bool, str]] = []
    token: str | None = None
    while True:
        page = yield from identities.list_page(scope, Filter(), token, None)
        for one in page.identities:
            found += [(f"{one.name}: {kind}", True, arn) for kind, arn in one.topics.items() if arn]
        token = page.next_token
        if token is None:
            return found


def _of_topic(scope: Scope, arn: str, told: dict[str, Millis], now: Millis) -> Plan[tuple[str, str, str]]:
    parts = read_arn(arn)
    topic = parts.resource if parts else ""
    if not (yield from topics.exists(scope, topic)):
        return WRONG, f"there is no topic {topic}", "create the topic, or name another one"
    known = yield from subscription_lists.of_topic(scope, topic, "", _MOST_SUBSCRIPTIONS, now)
    confirmed = [listed for listed in known if listed.subscription.state == CONFIRMED]
    if not confirmed:
        why = f"{len(known)} wait to be confirmed" if known else "nobody subscribes"
        return WRONG, f"{topic}: {why}", "subscribe an endpoint to the topic, and let it confirm"
    subscribed = f"{topic}: {len(confirmed)} subscribed"
    if topic not in told:
        return WARNING, f"{subscribed}, and nobody was told anything yet", "pillarbox doctor --prove SENDER"
    return OK, f"{subscribed}, told something lately", ""


async def upstreams(desk: Desk) -> list[Finding]:
    """Is the chain whole between here and other SES that mail leaves through?"""
    found = []
    for name in sorted(desk.upstreams):
        for link in await upstream.doctor(desk, name, "", repairing=False):
            remedy = "" if link.holds else f"{link.remedy} (pillarbox upstream doctor {name} --repair)".strip()
            found.append(Finding(f"upstream {name}: {link.name}", OK if link.holds else WRONG, link.found, remedy))
    return found


async def prove(desk: Desk, scope: Scope, sender: str, configuration_set: str, fate: str = "success") -> Proof:
    """Send a mail whose events should be told; a Refusal says why it is not sent."""
    if desk.sender is None:
        raise Unavailable("no server runs here that could send")
    text = Text("This mail was sent to see whether what becomes of it is told.\n")
    draft = Draft(
        scope=scope,
        operation="SendEmail",
        caller_identity=desk.who,
        source_ip=desk.source,
        content=Simple(Text(SUBJECT), text),
        size_limit=V2_SIZE_LIMIT,
        sender=sender,
        to=(f"{fate}@simulator.amazonses.com",),
        configuration_set=configuration_set or None,
    )
    return Proof(await desk.sender.send(draft, desk.clock.now()))


def progress(message_id: str) -> Plan[Progress]:
    """Return what has become of a proof until now."""
    recorded = yield from events.of_message(message_id)
    expected = yield from _expected(message_id, recorded)
    rows = yield from notifications.deliveries_of(list(expected))
    told = [Told(expected[row.notification_id][0], row.endpoint, row.state, row.why) for row in rows]
    missing = set(expected) - {row.notification_id for row in rows}
    told += [Told(*expected[one], "due", "not published yet") for one in sorted(missing)]
    return Progress([event.kind for event in recorded], told)


def _expected(message_id: str, recorded: Sequence[EventRow]) -> Plan[dict[str, tuple[str, str]]]:
    """Return the notices of events that somebody is to be told of: their kind and topic, by their names."""
    mail = yield from messages.get(message_id)
    if mail is None or not mail.configuration_set:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for one in (yield from event_destinations.of_set(mail.scope, mail.configuration_set)):
        parts = read_arn(one.topic_arn)
        topic = parts.resource if parts else ""
        if not one.enabled or not (yield from subscribers.confirmed(mail.scope, topic)):
            continue
        source = f"{mail.configuration_set}/{one.name}"
        wanted = [event for event in recorded if event.kind in one.event_types]
        found |= {notification_id(event.event_id, EVENT, source): (event.kind, topic) for event in wanted}
    return found
