"""From an event to what it adds to which counters.

Pure. Called by stats/follow.py. `fold` says what an event adds to everything
that its message counts by, and `spread` to which counters that is: most events
of a batch add the same, which is spread once for all of them. An event counts
at its own time, whenever it is folded, so that counters made again from the log
are the same. Mail to the simulator and captured mail have names of their own:
rates leave them out, `send_statistics` does not. docs/insight.md lists
dimensions and names.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from pillarbox.events.types import (
    ON_ACCOUNT_LIST,
    ON_TENANT_LIST,
    UNSUBSCRIBED,
    Bounce,
    Click,
    Complaint,
    Delivery,
    DeliveryDelay,
    Event,
    Kind,
    Open,
    Send,
    Subscription,
    recipients_of,
)
from pillarbox.kit.clock import MINUTE, Millis
from pillarbox.kit.simulated import DOMAIN as SIMULATOR
from pillarbox.stats.names import (
    ACCOUNT,
    BOUNCED,
    CONFIGURATION_SET,
    DOMAIN,
    IDENTITY,
    LINK,
    PATH,
    TEMPLATE,
    TENANT,
    Name,
    bounce_detail,
    complaint_detail,
    delay_detail,
    detailed,
    tag_dimension,
    write_path,
)
from pillarbox.store.messages import MessageRow

_CAPTURE = "capture"
# Longer members would not fit into an index.
_LONGEST_MEMBER = 500
_DELIVERED = (Name.DELIVERED, Name.DELIVERED_WITH_PIXEL, Name.DELIVERED_WITH_LINKS)
_CAPTURED = (Name.CAPTURED, Name.CAPTURED_WITH_PIXEL, Name.CAPTURED_WITH_LINKS)
_PLAIN = {
    Kind.REJECT: Name.REJECTED,
    Kind.RENDERING_FAILURE: Name.RENDERING_FAILED,
}
_OPENED = (Name.OPENED, Name.OPENED_PEOPLE)
_CLICKED = (Name.CLICKED, Name.CLICKED_PEOPLE)

Member = tuple[str, str]
Named = tuple[str, int, tuple[str, ...]]  # a name, how much is added, and the domains of whom it is about

# Subtypes that say nothing of an address: nothing was sent to it.
_NOT_TRIED = frozenset({ON_ACCOUNT_LIST, ON_TENANT_LIST, UNSUBSCRIBED})


class About(NamedTuple):
    """What counters need to know of a message: by what it is counted, and who gets it.

    `path` is identity, configuration set and tenant.
    """

    members: tuple[Member, ...]
    path: tuple[str, str, str]
    recipients: Sequence[str]


class _Counted(msgspec.Struct):
    """What of MailFacts is counted by."""

    sender_address: str
    source_identity: str | None
    recipients: list[str]
    tags: dict[str, list[str]]
    tenant: str = ""
    template: str = ""


_read_counted = msgspec.json.Decoder(_Counted).decode


class Count(NamedTuple):
    """Something to add to the counters of a member; `minute_at` is when the minute of its time begins."""

    dimension: str
    member: str
    name: str
    minute_at: Millis
    amount: int


class Tally(NamedTuple):
    """Something to add to the counters of everything that a message counts by.

    `domains` are those of the recipients that it is about, and `alone` says that the message has one recipient.
    """

    name: str
    minute_at: Millis
    amount: int
    domains: tuple[str, ...]
    alone: bool


Added = Tally | Count


class First(NamedTuple):
    """Something that counts only the first time a recipient does it: `mark` tells what was done."""

    recipient: str
    mark: str
    added: Added


GONE = About(((ACCOUNT, ""),), ("", "", ""), ())


def about(message: MessageRow, counted_tags: Mapping[str, Millis]) -> About:
    """Return what is counted of a message; `counted_tags` says from when on which tags count."""
    facts = _read_counted(message.mail)
    named = (message.configuration_set, facts.tenant, facts.template)
    members, path = _members(facts.sender_address, facts.source_identity, *named)
    for tag, since in counted_tags.items():
        if message.accepted_at >= since:
            values = dict.fromkeys(facts.tags.get(tag, ()))
            members += tuple([(tag_dimension(tag), value[:_LONGEST_MEMBER]) for value in values])
    return About(members, path, facts.recipients)


@lru_cache(maxsize=1024)  # many messages count by the same
def _members(
    sender: str, source_identity: str | None, configuration_set: str, tenant: str, template: str
) -> tuple[tuple[Member, ...], tuple[str, str, str]]:
    domain = sender.rpartition("@")[2].lower()
    identity = source_identity or domain
    members: list[Member] = [(ACCOUNT, ""), (IDENTITY, domain)]
    if identity != domain:
        members.append((IDENTITY, identity))
    named = ((CONFIGURATION_SET, configuration_set), (TENANT, tenant), (TEMPLATE, template))
    members += [(dimension, member) for dimension, member in named if member]
    return tuple(members), (identity, configuration_set, tenant)


def shape_of(event: Event, message: About) -> Hashable | None:
    """Return what all that an event adds follows from, where many events of a batch add the same; else None."""
    fact = event.fact
    if isinstance(fact, Delivery):
        kind = (fact.transport, fact.with_pixel, fact.with_links)
        return kind, minute_of(event.happened_at), _domains(fact.recipients), len(message.recipients)
    if isinstance(fact, Send):
        return minute_of(event.happened_at), _domains(message.recipients)
    return None


def fold(event: Event, message: About) -> list[Added]:
    """Return what an event adds; of a message that is GONE only the account is known."""
    at = minute_of(event.happened_at)
    counts: list[Added] = []
    alone = len(message.recipients) == 1
    for name, amount, domains in _named(event, message):
        counts.append(Tally(name, at, amount, domains, alone))
    if isinstance(event.fact, Click) and message is not GONE:
        link = event.fact.link[:_LONGEST_MEMBER]
        counts += [Count(LINK, link, name, at, 1) for name in _seen(event.fact)]
    return counts


def firsts(event: Event, message: About) -> list[First]:
    """Return what an open or click adds if its recipient has not opened the message, or clicked in it, before."""
    fact, at = event.fact, minute_of(event.happened_at)
    if not isinstance(fact, Open | Click) or message is GONE:
        return []
    who = _who(fact, message)
    recipient, domains, alone = who[0] if who else "", _domains(who), len(message.recipients) == 1
    found = []
    for name in _seen(fact):
        unique = f"{name}.unique"
        found.append(First(recipient, unique, Tally(unique, at, 1, domains, alone)))
        if isinstance(fact, Click):
            link = fact.link[:_LONGEST_MEMBER]
            found.append(First(recipient, f"{unique} {link}", Count(LINK, link, unique, at, 1)))
    return found


def spread(sums: Mapping[Added, int], members: Sequence[Member], path: tuple[str, str, str]) -> Iterator[Count]:
    """Return what is added to each member that messages count for, and to those that their recipients count for.

    `sums` says how often each is added for messages that count by the same.
    """
    whole: Counter[tuple[str, Millis]] = Counter()
    for added, times in sums.items():
        if isinstance(added, Count):
            yield added._replace(amount=times * added.amount)
            continue
        name, at, amount, domains, alone = added
        whole[name, at] += times * amount
        for domain, number in ((domains[0], 1),) if len(domains) == 1 else Counter(domains).items():
            yield Count(DOMAIN, domain, name, at, times * number)
        # As in SES's own metrics, mail to several recipients and to the simulator is left out here.
        # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_BatchGetMetricDataQuery.html
        if alone and len(domains) == 1 and domains[0] != SIMULATOR and ":" not in name:
            yield Count(PATH, write_path(*path, domains[0]), name, at, times * amount)
    for (name, at), amount in whole.items():
        for dimension, member in members:
            yield Count(dimension, member, name, at, amount)


def minute_of(at: Millis) -> Millis:
    """Return when the minute of a time begins."""
    return at - at % MINUTE


def _named(event: Event, message: About) -> Iterator[Named]:
    fact = event.fact
    if isinstance(fact, Send):
        yield from _split(message.recipients, Name.SENT, Name.SENT_SIMULATOR)
    elif isinstance(fact, Delivery):
        yield from _delivery(fact)
    elif isinstance(fact, Bounce):
        suppressed = fact.bounce_subtype in _NOT_TRIED
        name = Name.BOUNCED_SUPPRESSED if suppressed else BOUNCED.get(fact.bounce_type, Name.BOUNCED_UNDETERMINED)
        for one in _split(recipients_of(fact) or (), name, Name.BOUNCED_SIMULATOR):
            yield one
            yield detailed(one[0], bounce_detail(fact.bounce_type, fact.bounce_subtype)), one[1], ()
    elif isinstance(fact, Complaint):
        suppressed = fact.subtype in _NOT_TRIED
        name = Name.COMPLAINED_SUPPRESSED if suppressed else Name.COMPLAINED
        for one in _split(fact.recipients, name, Name.COMPLAINED_SIMULATOR):
            yield one
            if not suppressed:
                yield detailed(one[0], complaint_detail(fact.feedback_type)), one[1], ()
    elif isinstance(fact, DeliveryDelay):
        domains = _domains(recipients_of(fact) or ())
        yield Name.DELAYED, len(domains), domains
        yield detailed(Name.DELAYED, delay_detail(fact.delay_type)), len(domains), ()
    elif isinstance(fact, Open | Click):
        domains = _domains(_who(fact, message))
        for seen in _seen(fact):
            yield seen, 1, domains
    else:
        domains = _domains(_alone(message))
        for name in _changes(fact) if isinstance(fact, Subscription) else (_PLAIN[event.kind],):
            yield name, 1, domains


def _delivery(fact: Delivery) -> Iterator[Named]:
    delivered, with_pixel, with_links = _CAPTURED if fact.transport == _CAPTURE else _DELIVERED
    for name, amount, domains in _split(fact.recipients, delivered, Name.DELIVERED_SIMULATOR):
        yield name, amount, domains
        if name is delivered and fact.with_pixel:
            yield with_pixel, amount, domains
        if name is delivered and fact.with_links:
            yield with_links, amount, domains


def _split(addresses: Sequence[str], name: Name, simulator: Name) -> Iterator[Named]:
    domains = _domains(addresses)
    if SIMULATOR not in domains:
        if domains:
            yield name, len(domains), domains
        return
    simulated = tuple(domain for domain in domains if domain == SIMULATOR)
    if real := tuple(domain for domain in domains if domain != SIMULATOR):
        yield name, len(real), real
    yield simulator, len(simulated), simulated


def _seen(fact: Open | Click) -> tuple[Name, ...]:
    """Return the names under which an open or click counts: once more if a person seems to have made it."""
    names = _OPENED if isinstance(fact, Open) else _CLICKED
    return names[:1] if fact.is_bot_event else names


def _who(fact: Open | Click, message: About) -> Sequence[str]:
    """Return whose open or click it was, if that is known."""
    return (fact.recipient,) if fact.recipient else _alone(message)


def _alone(message: About) -> Sequence[str]:
    return message.recipients if len(message.recipients) == 1 else ()


def _changes(fact: Subscription) -> tuple[Name, ...]:
    """Return the names under which a change counts: once more if somebody wants less than before."""
    new, old = fact.new_preferences, fact.old_preferences
    left = {topic for topic, status in new.statuses.items() if status == "OptOut"}
    had_left = {topic for topic, status in old.statuses.items() if status == "OptOut"}
    if (new.unsubscribe_all and not old.unsubscribe_all) or left - had_left:
        return Name.SUBSCRIPTION_CHANGED, Name.UNSUBSCRIBED
    return (Name.SUBSCRIPTION_CHANGED,)


def _domains(addresses: Sequence[str]) -> tuple[str, ...]:
    return tuple([address.rpartition("@")[2].lower() for address in addresses])
