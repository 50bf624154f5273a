"""Configuration sets and their event destinations, as somebody looks after them.

Touches the store. Called by the dashboard.
"""

import msgspec

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.pubsub import topics
from pillarbox.resources import configuration_sets, event_destinations
from pillarbox.resources.configuration_sets import ConfigurationSet
from pillarbox.resources.event_destinations import EventDestination, Wanted
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

_MOST_TOPICS = 500


class Known(msgspec.Struct, frozen=True):
    """A configuration set, and who is told of its events."""

    account: str
    region: str
    options: ConfigurationSet
    destinations: list[EventDestination]


async def list_all(desk: Desk, account: str = "", region: str = "") -> list[Known]:
    """Return the sets of an account and a region, or of all."""
    return await desk.store.read(_list, account, region)


async def get(desk: Desk, scope: Scope, name: str) -> Known:
    """Return a set, or raise NotFound."""
    return await desk.store.read(_known, scope, name)


async def create(desk: Desk, scope: Scope, name: str) -> None:
    args = (scope, name, desk.clock.now())
    await audit.write(desk, "configuration-sets.create", name, scope, configuration_sets.create, *args)


async def set_sending(desk: Desk, scope: Scope, name: str, *, enabled: bool) -> None:
    """Switch the sending of a set; NotFound when there is none of that name."""
    action = "configuration-sets.resume" if enabled else "configuration-sets.stop"
    args = (scope, name, enabled, desk.clock.now())
    await audit.write(desk, action, name, scope, configuration_sets.set_sending, *args)


async def topics_of(desk: Desk, scope: Scope) -> list[str]:
    """Return the names of the topics that events can be told to, as many as fit into a list of choices."""
    found = await desk.store.read(topics.names_after, scope, "", _MOST_TOPICS)
    return [name for name in found if not name.endswith(".fifo")]


async def put_destination(desk: Desk, scope: Scope, name: str, wanted: Wanted, *, is_new: bool) -> EventDestination:
    """Tell a topic of events, or change which; Invalid for a topic or an event that is not there."""
    if unknown := set(wanted.event_types) - set(event_destinations.EVENT_TYPES):
        known = ", ".join(event_destinations.EVENT_TYPES)
        raise Invalid(f"There is no event {', '.join(sorted(unknown))}; there are {known}.")
    planner, action = (event_destinations.create, "create") if is_new else (event_destinations.update, "update")
    args = (scope, name, wanted, desk.clock.now())
    subject = f"{name}/{wanted.name}"
    return await audit.write(desk, f"event-destinations.{action}", subject, scope, planner, *args)


async def delete_destination(desk: Desk, scope: Scope, name: str, destination: str) -> None:
    args = (scope, name, destination)
    subject = f"{name}/{destination}"
    await audit.write(desk, "event-destinations.delete", subject, scope, event_destinations.delete, *args)


def topic_arn(scope: Scope, topic: str) -> str:
    """Return the ARN of a topic that is given by it or by its name."""
    return topic if topic.startswith("arn:") else topics.arn_of(scope, topic)


def _known(scope: Scope, name: str) -> Plan[Known]:
    options = yield from configuration_sets.existing(scope, name)
    return Known(*scope, options, (yield from event_destinations.of_set(scope, name)))


def _list(account: str, region: str) -> Plan[list[Known]]:
    found: list[Known] = []
    for scope in (yield from nouns.scopes()):
        if account not in ("", scope.account) or region not in ("", scope.region):
            continue
        token: str | None = None
        while True:
            page = yield from configuration_sets.list_page(scope, "", token, None)
            for name in page.names:
                found.append((yield from _known(scope, name)))
            token = page.next_token
            if token is None:
                break
    return found
