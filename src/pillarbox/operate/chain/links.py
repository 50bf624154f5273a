"""The chain between another SES and what it should tell here, link by link: what is there, and how to repair it.

Touches the far side through far.py. Links are looked at in the order in which
mail and events go; a link that is missing is made when that is wanted, by calls
that change nothing when they are made again. Called by operate/upstream.py and
by `pillarbox upstream add`.
https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from pillarbox.operate.chain import sets, topics
from pillarbox.operate.chain.far import Far, FarRefused
from pillarbox.operate.chain.link import Finding, Link, Look, Sought, is_reachable_from_outside


async def links(far: Far, sought: Sought, *, repairing: bool) -> list[Link]:
    """Return every link; when nobody can ask the upstream, that is the only one."""
    try:
        account = await far.call("ses:GetAccount")
    except FarRefused as refused:
        link = Link("account", False, str(refused), refused.remedy)
        if refused.is_stranger:
            return [link]
        found = [link]
    else:
        found = list(_account(account))
    return [*found, *[await _settled(name, look, repairing) for name, look in _looks(far, sought)]]


async def _settled(name: str, look: Look, repairing: bool) -> Link:
    """Look at a link, make it hold when that is wanted and possible, and say how it is then."""
    try:
        finding = await look()
        if finding.link.holds or not repairing or finding.repair is None:
            return finding.link
        await finding.repair()
        return replace((await look()).link, repaired=True)
    except FarRefused as refused:
        return Link(name, False, f"{refused.action} was answered: {refused}", refused.remedy or "see what it says")


def _looks(far: Far, sought: Sought) -> Iterator[tuple[str, Look]]:
    """Yield how each link is looked at, in their order: what a later one needs, an earlier one makes."""
    upstream = sought.upstream
    if sought.sender:
        yield "sender", sets.Sender(far, sought.sender).look
    if sought.events_url:
        yield "events", _expected(sought)
    for topic in upstream.topics:
        yield f"topic {topic}", topics.Topic(far, topic).look
        yield f"policy of {topic}", topics.TopicPolicy(far, topic).look
    names = sorted({*filter(None, (upstream.configuration_set, *upstream.configuration_sets.values()))})
    if not names:
        yield "configuration set", _no_set
    for name in names:
        yield f"configuration set {name}", sets.ConfigurationSet(far, name).look
        yield f"tracking of {name}", sets.Tracking(far, name).look
        if upstream.topics:
            yield f"event destinations of {name}", sets.Destinations(far, name).look
    if upstream.queue_url:
        yield "queue", topics.Queue(far).look
    for topic in upstream.topics:
        if upstream.queue_url:
            yield f"queue policy for {topic}", topics.QueuePolicy(far, topic).look
        if upstream.queue_url or sought.events_url:
            yield f"subscription to {topic}", topics.Subscription(far, topic, sought.events_url).look


def _expected(sought: Sought) -> Look:
    """Return a look at this side: is what the upstream tells expected here, and can it get here?"""
    upstream = sought.upstream

    async def look() -> Finding:
        if not upstream.topics:
            why = "a queue is polled, but of which topic nobody knows" if upstream.queue_url else "nothing is expected"
            return Finding(Link("events", False, why, "name its topics in the table [upstreams.events]"))
        if upstream.queue_url:
            return Finding(Link("events", True, f"expected through {upstream.queue_url}"))
        if not upstream.is_compatible and not is_reachable_from_outside(sought.events_url):
            remedy = "set `public_url` to where others reach this server, or give a `queue_url`"
            return Finding(Link("events", False, f"AWS cannot post to {sought.events_url}", remedy))
        return Finding(Link("events", True, f"expected at {sought.events_url}"))

    return look


async def _no_set() -> Finding:
    why = "mail names none there, so events come only if its identities have a default one"
    return Finding(Link("configuration set", False, why, "name one in `configuration_set`"))


def _account(content: Mapping[str, Any]) -> list[Link]:
    enabled, production = content.get("SendingEnabled", True), content.get("ProductionAccessEnabled", True)
    # Whoever paused the sending had a reason: that is not repaired.
    found = [
        Link("account", True, "may send")
        if enabled
        else Link("account", False, "its sending is paused or was taken away", "put that right with the upstream")
    ]
    if not production:
        found.append(
            Link("sandbox", False, "only verified recipients get mail", "ask the upstream for production access")
        )
    return found
