"""Who may do what with a queue: its owner, and whom its policy allows.

The decision is pure; `enter` reads the queue. Called by everything that comes
from outside: api/sqs/, and the delivery of notifications. The owner's own
account needs no policy, but obeys one that denies; everybody else needs one
that allows.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from pillarbox.kit import policy
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Asked, Decision, Policy, Principal
from pillarbox.kit.wildcards import Context
from pillarbox.pubsub import queues
from pillarbox.pubsub.queue_errors import AccessDenied, QueueMissing
from pillarbox.pubsub.queue_names import arn_of
from pillarbox.pubsub.queues import Queue
from pillarbox.store.plan import Plan

_SNS = "sns.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for what. `is_trusted` allows what no policy decides; `denial` is what they are told otherwise.

    `context` is worked out only for policies: most queues have none.
    """

    principal: Principal
    action: str
    denial: str
    context: Callable[[], Context] = dict
    is_trusted: bool = False


def of_topic(topic_arn: str, account: str, *, needs_policy: bool) -> Asking:
    """Return how SNS asks to send the messages of a topic; without a need for a policy one may only deny it."""
    keys = {
        "aws:sourcearn": (topic_arn,),
        "aws:sourceaccount": (account,),
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": (_SNS,),
    }
    denial = f"the queue's policy does not allow {_SNS} to send messages of {topic_arn}"
    return Asking(Principal(service=_SNS), "SendMessage", denial, partial(dict, keys), is_trusted=not needs_policy)


def enter(scope: Scope, name: str, asking: Asking) -> Plan[Queue]:
    """Return a queue to whoever may do with it what they ask; strangers are not told whether there is one."""
    try:
        queue = yield from queues.find(scope, name)
    except QueueMissing:
        if _is_stranger(asking, scope):
            raise AccessDenied(asking.denial) from None
        raise
    check(queue, scope, name, asking)
    return queue


def check(queue: Queue, scope: Scope, name: str, asking: Asking) -> None:
    """Raise AccessDenied for what the asking may not do."""
    document = queue.attributes.get("Policy")
    decision = Decision.UNDECIDED
    if document:
        asked = Asked(asking.principal, f"sqs:{asking.action}", arn_of(scope, name), asking.context())
        decision = policy.decide([_read(document)], asked)
    if decision is Decision.DENIED or (decision is Decision.UNDECIDED and _is_stranger(asking, scope)):
        raise AccessDenied(asking.denial)


def _is_stranger(asking: Asking, scope: Scope) -> bool:
    return not asking.is_trusted and asking.principal.account != scope.account


@lru_cache(maxsize=1_024)
def _read(document: str) -> Policy:
    return policy.read(document)
