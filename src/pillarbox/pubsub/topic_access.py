"""Who may do what with a topic: its owner, and whom its policy allows.

The decision is pure; `enter` reads the topic. Called by api/sns/ for every
operation on a topic, and by publish.py for what SES publishes. The owner's own
account needs no policy, but obeys one that denies; everybody else needs one
that allows. Who follows a link of ours is judged by the token in it, not here.
https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-evaluation-logic.html
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pillarbox.kit import policy
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Asked, Decision, Policy, Principal
from pillarbox.kit.wildcards import Context
from pillarbox.pubsub import topic_policies, topics
from pillarbox.pubsub.refusals import InvalidParameter, NotAuthorized, TopicNotFound
from pillarbox.pubsub.topics import Topic
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

SES = "ses.amazonaws.com"


class Place(NamedTuple):
    """Where a topic is; it may belong to another account."""

    scope: Scope
    name: str

    @property
    def arn(self) -> str:
        return topics.arn_of(*self)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, for what, and what is known of the request."""

    principal: Principal
    action: str
    context: Context = field(default_factory=dict)
    is_trusted: bool = False

    def denial(self, place: Place) -> NotAuthorized:
        return NotAuthorized(
            f"User: {self.principal.arn} is not authorized to perform: SNS:{self.action} on resource: {place.arn}"
            f" because no resource-based policy allows the SNS:{self.action} action"
        )


def by_user(account: str, user_name: str, action: str, source_ip: str, more: Context | None = None) -> Asking:
    """Return how a user asks."""
    principal = Principal(account, user_name)
    keys = {
        "aws:sourceowner": (account,),
        "aws:principalarn": (principal.arn,),
        "aws:principalaccount": (account,),
        "aws:principaltype": ("User",),
        "aws:username": (user_name,),
        "aws:sourceip": (source_ip,),
    }
    return Asking(principal, action, {**keys, **(more or {})})


def by_ses(account: str) -> Asking:
    """Return how SES asks to publish for an account; topics of that account need not allow it, but may deny it."""
    keys = {
        "aws:sourceowner": (account,),
        "aws:sourceaccount": (account,),
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": (SES,),
    }
    return Asking(Principal(service=SES), "Publish", keys, is_trusted=True)


def place_of(arn: str, region: str, parameter: str = "TopicArn") -> Place:
    """Return where the topic of an ARN is; refuse what is no ARN of a topic in this region."""
    parts = topics.arn_parts(arn, region, parameter)
    if len(parts) != 6:
        raise InvalidParameter(parameter)
    return Place(Scope(parts[4], parts[3]), parts[5])


def enter(place: Place, asking: Asking) -> Plan[Topic]:
    """Return a topic to whoever may do with it what they ask; strangers are not told whether there is one."""
    noun = yield from nouns.get(place.scope, topics.KIND, place.name)
    if noun is None:
        raise asking.denial(place) if _is_stranger(asking, place) else TopicNotFound
    topic = topics.read(noun.document)
    check(topic, place, asking)
    return topic


def check(topic: Topic, place: Place, asking: Asking) -> None:
    """Raise NotAuthorized for what the asking may not do."""
    document = topic.attributes.get("Policy")
    decision = Decision.UNDECIDED
    if document:
        asked = Asked(asking.principal, f"SNS:{asking.action}", place.arn, asking.context)
        decision = policy.decide([_read(document)], asked)
    if decision is Decision.DENIED or (decision is Decision.UNDECIDED and _is_stranger(asking, place)):
        raise asking.denial(place)


def _is_stranger(asking: Asking, place: Place) -> bool:
    return not asking.is_trusted and asking.principal.account != place.scope.account


@lru_cache(maxsize=1_024)
def _read(document: str) -> Policy:
    return topic_policies.check(document)
