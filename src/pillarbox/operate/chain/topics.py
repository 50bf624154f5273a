"""The links of the chain that are in SNS and SQS: topics, queues, who may send to them, and subscriptions.

Touches the far side through far.py. Called by links.py, which says in which
order and what becomes of errors.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from pillarbox.kit import policy
from pillarbox.kit.policy import Asked, Decision, Malformed, Principal
from pillarbox.operate.chain.far import Far, FarRefused
from pillarbox.operate.chain.link import Finding, Link, Repair

_CURRENT = "2012-10-17"
# The key that AWS manages cannot be used by SES, and its policy cannot be changed.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
_KEY_OF_AWS = "alias/aws/sns"
_CONFIRMATION_LOOKS = 40
_BETWEEN_SECONDS = 0.25


class Topic:
    """That a topic is there, and not encrypted with a key that keeps SES out."""

    def __init__(self, far: Far, topic: str) -> None:
        self._far = far
        self._topic = topic

    async def look(self) -> Finding:
        link = f"topic {self._topic}"
        try:
            attributes = (await self._far.call("sns:GetTopicAttributes", TopicArn=self._topic))["Attributes"]
        except FarRefused as refused:
            if refused.is_absent:
                return Finding(Link(link, False, "is not there", "create it there, or name another one"), self._make)
            raise
        if attributes.get("KmsMasterKeyId") == _KEY_OF_AWS:
            remedy = "encrypt it with a key of your own whose policy lets ses.amazonaws.com use it, or not at all"
            return Finding(Link(link, False, f"SES cannot use the key {_KEY_OF_AWS}", remedy))
        return Finding(Link(link, True, "is there"))

    async def _make(self) -> None:
        made = await self._far.call("sns:CreateTopic", Name=self._topic.rpartition(":")[2])
        if made["TopicArn"] != self._topic:
            raise FarRefused("sns:CreateTopic", "Another", f"these credentials made {made['TopicArn']} instead")


class TopicPolicy:
    """That SES may publish to a topic."""

    def __init__(self, far: Far, topic: str) -> None:
        self._far = far
        self._topic = topic
        self._account = topic.split(":")[4]

    async def look(self) -> Finding:
        link = f"policy of {self._topic}"
        document = (await self._document()) or ""
        context = {"aws:sourceaccount": (self._account,), "aws:sourceowner": (self._account,)}
        asked = Asked(Principal(service="ses.amazonaws.com"), "sns:Publish", self._topic, context)
        return _judged(link, document, asked, self._allow)

    async def _document(self) -> str | None:
        try:
            answer = await self._far.call("sns:GetTopicAttributes", TopicArn=self._topic)
        except FarRefused as refused:
            if refused.is_absent:  # of which another link tells
                return None
            raise
        document: str | None = answer["Attributes"].get("Policy")
        return document

    async def _allow(self) -> None:
        """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html"""
        statement = {
            "Sid": "PillarboxLetsSesTell",
            "Effect": "Allow",
            "Principal": {"Service": "ses.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": self._topic,
            "Condition": {"StringEquals": {"AWS:SourceAccount": self._account}},
        }
        document = with_statement(await self._document(), statement)
        await self._far.call(
            "sns:SetTopicAttributes", TopicArn=self._topic, AttributeName="Policy", AttributeValue=document
        )


class Queue:
    """That the queue which is polled is there."""

    def __init__(self, far: Far) -> None:
        self._far = far
        self._url = far.upstream.queue_url

    async def look(self) -> Finding:
        if await queue_attributes(self._far):
            return Finding(Link("queue", True, self._url))
        return Finding(Link("queue", False, f"{self._url} is not there", "create it, or name another one"), self._make)

    async def _make(self) -> None:
        made = await self._far.call("sqs:CreateQueue", QueueName=self._url.rpartition("/")[2])
        if made["QueueUrl"] != self._url:
            raise FarRefused("sqs:CreateQueue", "Another", f"these credentials made {made['QueueUrl']} instead")


class QueuePolicy:
    """That a topic may send to the queue, which subscribing it from the side of SNS does not see to."""

    def __init__(self, far: Far, topic: str) -> None:
        self._far = far
        self._topic = topic

    async def look(self) -> Finding:
        attributes = await queue_attributes(self._far)
        context = {"aws:sourcearn": (self._topic,), "aws:sourceaccount": (self._topic.split(":")[4],)}
        asked = Asked(
            Principal(service="sns.amazonaws.com"), "sqs:SendMessage", attributes.get("QueueArn", "*"), context
        )
        return _judged(f"queue policy for {self._topic}", attributes.get("Policy", ""), asked, self._allow)

    async def _allow(self) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"""
        attributes = await queue_attributes(self._far)
        statement = {
            "Sid": f"Pillarbox{self._topic.rpartition(':')[2]}".replace("-", "").replace("_", ""),
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": attributes["QueueArn"],
            "Condition": {"ArnEquals": {"aws:SourceArn": self._topic}},
        }
        document = with_statement(attributes.get("Policy"), statement)
        await self._far.call(
            "sqs:SetQueueAttributes", QueueUrl=self._far.upstream.queue_url, Attributes={"Policy": document}
        )


async def queue_attributes(far: Far) -> Mapping[str, str]:
    """Return the ARN and policy of the queue that is polled; nothing when there is no such queue."""
    names = ["QueueArn", "Policy"]
    try:
        answer = await far.call("sqs:GetQueueAttributes", QueueUrl=far.upstream.queue_url, AttributeNames=names)
    except FarRefused as refused:
        if refused.is_absent:
            return {}
        raise
    found: Mapping[str, str] = answer["Attributes"]
    return found


class Subscription:
    """That a topic reaches this server: by posts, or through the queue that is polled."""

    def __init__(self, far: Far, topic: str, events_url: str) -> None:
        self._far = far
        self._topic = topic
        self._events_url = events_url

    async def look(self) -> Finding:
        link = f"subscription to {self._topic}"
        endpoint = await self._endpoint()
        ours = await self._ours(endpoint)
        if not ours:
            return Finding(
                Link(link, False, "there is none that leads here", f"subscribe {endpoint} to it"), self._make
            )
        confirmed = [one["SubscriptionArn"] for one in ours if _is_confirmed(one)]
        if not confirmed:
            why = "it waits to be confirmed, which this server does when it is asked"
            remedy = f"let {endpoint} be reached by the upstream, and subscribe it again"
            return Finding(Link(link, False, why, remedy), self._make)
        return await self._fits(link, endpoint, confirmed[0])

    async def _fits(self, link: str, endpoint: str, arn: str) -> Finding:
        """Look at what a subscription lets through, and in which form."""
        attributes = (await self._far.call("sns:GetSubscriptionAttributes", SubscriptionArn=arn))["Attributes"]
        if attributes.get("FilterPolicy", "{}") not in ("", "{}"):
            why = f"its filter policy keeps events away: {attributes['FilterPolicy'][:200]}"
            return Finding(
                Link(link, False, why, "take the filter policy off it"), self._set(arn, "FilterPolicy", "{}")
            )
        if attributes.get("RawMessageDelivery") == "true" and endpoint == self._events_url:
            why = "it delivers raw, without the signature by which posts are believed"
            repair = self._set(arn, "RawMessageDelivery", "false")
            return Finding(Link(link, False, why, "turn raw delivery off"), repair)
        return Finding(Link(link, True, endpoint))

    def _set(self, arn: str, name: str, value: str) -> Repair:
        async def repair() -> None:
            await self._far.call(
                "sns:SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value
            )

        return repair

    async def _make(self) -> None:
        """Subscribe, and wait a while for the confirmation, which this server gives when it is asked by a post."""
        endpoint = await self._endpoint()
        protocol = "sqs" if self._far.upstream.queue_url else endpoint.partition(":")[0]
        await self._far.call("sns:Subscribe", TopicArn=self._topic, Protocol=protocol, Endpoint=endpoint)
        for _ in range(_CONFIRMATION_LOOKS):
            if any(_is_confirmed(one) for one in await self._ours(endpoint)):
                return
            await asyncio.sleep(_BETWEEN_SECONDS)

    async def _ours(self, endpoint: str) -> list[Mapping[str, Any]]:
        return [one for one in await self._every() if one["Endpoint"].rstrip("/") == endpoint]

    async def _endpoint(self) -> str:
        if not self._far.upstream.queue_url:
            return self._events_url
        return (await queue_attributes(self._far)).get("QueueArn", "the queue")

    async def _every(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        page: dict[str, str] = {}
        while True:
            try:
                answer = await self._far.call("sns:ListSubscriptionsByTopic", TopicArn=self._topic, **page)
            except FarRefused as refused:
                if refused.is_absent:  # the topic, of which another link tells
                    return found
                raise
            found += answer["Subscriptions"]
            if not answer.get("NextToken"):
                return found
            page = {"NextToken": answer["NextToken"]}


def _is_confirmed(subscription: Mapping[str, Any]) -> bool:
    return bool(subscription["SubscriptionArn"].startswith("arn:"))  # until then it is a word


def with_statement(document: str | None, statement: Mapping[str, Any]) -> str:
    """Return a policy with a statement, in place of one that has the same Sid."""
    held: dict[str, Any] = json.loads(document) if document else {"Version": _CURRENT}
    given = held.get("Statement", [])
    kept = [one for one in (given if isinstance(given, list) else [given]) if one.get("Sid") != statement["Sid"]]
    return json.dumps({**held, "Statement": [*kept, statement]})


def _judged(link: str, document: str, asked: Asked, repair: Repair) -> Finding:
    """Say whether a policy lets a service do what the chain needs; one that denies it is its owner's to change."""
    service, action = asked.principal.service, asked.action
    try:
        decision = policy.decide([policy.read(document)], asked) if document else Decision.UNDECIDED
    except Malformed as error:
        return Finding(Link(link, False, f"it cannot be read: {error}", "look at it there"))
    if decision is Decision.ALLOWED:
        return Finding(Link(link, True, f"lets {service} do {action}"))
    if decision is Decision.DENIED:
        return Finding(Link(link, False, f"it denies {action} to {service}", "take that statement out of it"))
    return Finding(Link(link, False, f"nothing lets {service} do {action}", f"allow {action} to {service}"), repair)
