"""Looks at every link between another SES and what it should tell here, and says which one is missing.

Touches the network: the APIs of SES and SNS, which are only asked, never changed.
Called by operate/upstream.py.
https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import botocore.session
import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from pillarbox.delivery.transport.ses_client import Answer, NotAnswered, NotAsked, SesClient, Upstream

_SETS = "/v2/email/configuration-sets"
_IDENTITIES = "/v2/email/identities"
_ENGAGEMENT = frozenset({"OPEN", "CLICK"})
# What the history of a message is made of; the rest depends on what senders use.
_WANTED = frozenset({"DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "DELIVERY_DELAY"})


class Link(msgspec.Struct, frozen=True):
    """One link of the chain: whether it holds, what was found, and what to do when it does not."""

    name: str
    holds: bool
    found: str
    remedy: str = ""


async def links(client: SesClient, events_url: str, sender: str = "") -> list[Link]:
    """Return every link, in the order in which mail and events go; `events_url` is where posts of SNS are taken.

    When the upstream cannot be asked, that is the only link.
    """
    upstream = client.upstream
    account = await _ask(client, "/v2/email/account")
    if isinstance(account, str):
        return [Link("account", False, account, "check endpoint_url, credentials and the permission ses:GetAccount")]
    found = list(_account(account))
    if sender:
        found.append(await _sender(client, sender))
    names = sorted({*filter(None, (upstream.configuration_set, *upstream.configuration_sets.values()))})
    for name in names:
        found += await _configuration_set(client, name)
    if not names:
        found.append(
            Link(
                "configuration set",
                False,
                "mail names none there, so events come only if its identities have a default one",
                "name one in configuration_set",
            )
        )
    return [*found, *await _events(upstream, events_url)]


def _account(content: Mapping[str, Any]) -> Iterator[Link]:
    enabled, production = content.get("SendingEnabled", True), content.get("ProductionAccessEnabled", True)
    yield Link(
        "account",
        bool(enabled),
        "may send" if enabled else "its sending is paused or was taken away",
        "" if enabled else "put that right with the upstream",
    )
    if not production:
        yield Link("sandbox", False, "only verified recipients get mail", "ask the upstream for production access")


async def _sender(client: SesClient, sender: str) -> Link:
    """Return whether the upstream knows an address or its domain as a sender."""
    for name in (sender, sender.rpartition("@")[2]):
        content = await _ask(client, f"{_IDENTITIES}/{quote(name, safe='')}")
        if not isinstance(content, str) and content.get("VerifiedForSendingStatus"):
            return Link("sender", True, f"{name} is verified")
    return Link("sender", False, f"neither {sender} nor its domain is verified there", "verify it in that region")


async def _configuration_set(client: SesClient, name: str) -> list[Link]:
    link = f"configuration set {name}"
    content = await _ask(client, f"{_SETS}/{quote(name, safe='')}")
    if isinstance(content, str):
        return [Link(link, False, content, "create it there, or name another one")]
    if not content.get("SendingOptions", {}).get("SendingEnabled", True):
        return [Link(link, False, "its sending is paused", "resume it there")]
    told = await _ask(client, f"{_SETS}/{quote(name, safe='')}/event-destinations")
    if isinstance(told, str):
        return [Link(f"event destinations of {name}", False, told, "allow ses:GetConfigurationSetEventDestinations")]
    return [Link(link, True, "is there"), *_destinations(client.upstream, name, told.get("EventDestinations", []))]


def _destinations(upstream: Upstream, name: str, destinations: Sequence[Mapping[str, Any]]) -> Iterator[Link]:
    link = f"event destinations of {name}"
    enabled = [one for one in destinations if one.get("Enabled")]
    tracked = {kind for one in enabled for kind in one.get("MatchingEventTypes", [])} & _ENGAGEMENT
    if upstream.tracks_here and tracked and not upstream.turns_tracking_off:
        asked_for = " and ".join(sorted(tracked))
        yield Link(
            f"tracking of {name}", False, f"both sides track: {asked_for} are told there", "take them out of it there"
        )
    to_us = [one for one in enabled if one.get("SnsDestination", {}).get("TopicArn") in upstream.topics]
    kinds = {kind for one in to_us for kind in one.get("MatchingEventTypes", [])}
    missing = (_WANTED if upstream.tracks_here else _WANTED | _ENGAGEMENT) - kinds
    if not to_us:
        yield Link(link, False, "none that is enabled tells a topic of `upstreams.events.topics`", "add one there")
    elif missing:
        yield Link(link, False, f"nobody is told of {', '.join(sorted(missing))}", "add these kinds to it there")
    else:
        yield Link(link, True, ", ".join(sorted(kinds)))


async def _events(upstream: Upstream, events_url: str) -> list[Link]:
    if not upstream.topics:
        why = "nothing that it tells is expected here"
        return [Link("events", False, why, "add a table [upstreams.events] with its topics")]
    return [await asyncio.to_thread(_subscription, upstream, topic, events_url) for topic in upstream.topics]


def _subscription(upstream: Upstream, topic: str, events_url: str) -> Link:
    """Return whether a topic reaches this server: by a post, or through the queue that is polled."""
    link = f"subscription to {topic}"
    try:
        pages = _sns(upstream).get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        subscriptions = [one for page in pages for one in page["Subscriptions"]]
    except (BotoCoreError, ClientError) as error:
        return Link(link, False, str(error), "check the topic, and the permission sns:ListSubscriptionsByTopic")
    queue = upstream.queue_url.rpartition("/")[2]
    ours = [
        one
        for one in subscriptions
        if one["Endpoint"].rstrip("/") == events_url
        or (queue and one["Protocol"] == "sqs" and one["Endpoint"].rpartition(":")[2] == queue)
    ]
    if not ours:
        return Link(link, False, "there is none that leads here", f"subscribe {events_url} to it, or the queue")
    if all(one["SubscriptionArn"] == "PendingConfirmation" for one in ours):
        why = "it waits to be confirmed, which this server does when it is asked"
        return Link(link, False, why, f"let {events_url} be reached by the upstream, and subscribe it again")
    return Link(link, True, ours[0]["Endpoint"])


def _sns(upstream: Upstream) -> Any:
    given = {
        "aws_access_key_id": upstream.access_key_id or None,
        "aws_secret_access_key": upstream.secret_access_key or None,
        "aws_session_token": upstream.session_token or None,
    }
    return botocore.session.Session(profile=upstream.profile or None).create_client(
        "sns",
        region_name=upstream.region,
        endpoint_url=upstream.endpoint_url if upstream.is_compatible else None,
        verify=upstream.ca_file or None,
        **given,
    )


async def _ask(client: SesClient, path: str) -> Mapping[str, Any] | str:
    """Return what was answered, or why nothing useful was."""
    try:
        answer: Answer = await client.get(path)
    except (NotAsked, NotAnswered) as failure:
        return str(failure)
    return answer.content if answer.is_good else str(answer)
