"""Topics: the noun, its attributes and tags.

Plans only. Called by api/sns/, and by whoever wants to know whether a topic is
there. Policies are kept and shown but not enforced: a topic takes
notifications from its own account, and from nobody else.
"""

import json
import re
from collections.abc import Mapping, Sequence

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import retry
from pillarbox.pubsub.refusals import InvalidParameter, NotAuthorized, ResourceNotFound, TooManyTags, TopicNotFound
from pillarbox.store import nouns
from pillarbox.store.plan import Plan, Touch

KIND = "topic"
SUBSCRIPTION_KIND = "subscription"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LONGEST_DISPLAY_NAME = 100
_LONGEST_POLICY = 30 * 1024
_MOST_TAGS = 50

# What is not offered is accepted at its default.
_ONLY_AT = {
    "KmsMasterKeyId": ("",),
    "TracingConfig": ("", "PassThrough"),
    "FifoTopic": ("false",),
    "ContentBasedDeduplication": ("false",),
    **{
        f"{protocol}{which}": ("",)
        for protocol in ("HTTP", "SQS", "Lambda", "Application", "Firehose")
        for which in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
    },
}
_DEFAULT_ACTIONS = (
    "SNS:GetTopicAttributes",
    "SNS:SetTopicAttributes",
    "SNS:AddPermission",
    "SNS:RemovePermission",
    "SNS:DeleteTopic",
    "SNS:Subscribe",
    "SNS:ListSubscriptionsByTopic",
    "SNS:Publish",
)


class Topic(msgspec.Struct, frozen=True):
    """A topic's document; `attributes` are those that were set."""

    attributes: dict[str, str]
    tags: dict[str, str]

    @property
    def signature_version(self) -> str:
        return self.attributes.get("SignatureVersion", "1")

    @property
    def delivery_policy(self) -> str | None:
        return self.attributes.get("DeliveryPolicy")


_encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(Topic).decode


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:sns:{scope.region}:{scope.account}:{name}"


def name_of(arn: str, scope: Scope, parameter: str = "TopicArn") -> str:
    """Return the name in a topic's ARN; refuse what is no ARN, or belongs elsewhere."""
    parts = own_arn_parts(arn, scope, parameter)
    if len(parts) != 6:
        raise InvalidParameter(parameter)
    return parts[5]


def own_arn_parts(arn: str, scope: Scope, parameter: str) -> list[str]:
    """Take an SNS ARN of this account and region apart."""
    parts = arn.split(":")
    if len(parts) < 6:
        raise InvalidParameter(f"{parameter} Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if parts[:3] != ["arn", "aws", "sns"] or parts[3] != scope.region:
        raise InvalidParameter(parameter)
    if parts[4] != scope.account:
        raise NotAuthorized(f"Account {scope.account} is not authorized to perform this on resource: {arn}")
    return parts


def create(scope: Scope, name: str, attributes: Mapping[str, str], tags: Mapping[str, str], now: Millis) -> Plan[None]:
    """Create a topic, or do nothing when there is one that has these attributes and tags."""
    _check_name(name, attributes)
    try:
        kept: dict[str, str] = {}
        for attribute, value in attributes.items():
            kept = _changed(kept, attribute, value)
    except InvalidParameter as refusal:
        raise InvalidParameter(f"Attributes Reason: {refusal.reason}") from None
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None:
        yield from nouns.create(scope, KIND, name, _encode(Topic(kept, _with_tags({}, tags))).decode(), now)
        return
    present = read(noun.document)
    if any(present.attributes.get(attribute) != value for attribute, value in kept.items()):
        raise InvalidParameter("Attributes Reason: Topic already exists with different attributes")
    if any(present.tags.get(key) != value for key, value in tags.items()):
        raise InvalidParameter("Tags Reason: Topic already exists with different tags")


def delete(scope: Scope, name: str) -> Plan[None]:
    """Delete a topic and its subscriptions; what was published to it before is no longer delivered."""
    yield from nouns.delete_children(scope, SUBSCRIPTION_KIND, name)
    yield from nouns.delete(scope, KIND, name)
    yield Touch("notifications")


def find(scope: Scope, name: str) -> Plan[Topic]:
    """Return a topic; TopicNotFound when there is none of that name."""
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None:
        raise TopicNotFound
    return read(noun.document)


def exists(scope: Scope, name: str) -> Plan[bool]:
    return (yield from nouns.get(scope, KIND, name)) is not None


def names_after(scope: Scope, after: str, most: int) -> Plan[list[str]]:
    """Return names of topics in their order."""
    return [noun.name for noun in (yield from nouns.list_by_name(scope, KIND, after, most))]


def hold(scope: Scope, name: str, now: Millis) -> Plan[Topic]:
    """Return a topic and keep others from changing its subscriptions until the transaction ends."""
    if not (yield from nouns.change(scope, KIND, name, lambda document: document, now)):
        raise TopicNotFound
    return (yield from find(scope, name))


def attributes_of(scope: Scope, name: str) -> Plan[dict[str, str]]:
    """Return what a topic tells of itself, but for the counts of its subscriptions."""
    topic = yield from find(scope, name)
    return {
        "TopicArn": arn_of(scope, name),
        "Owner": scope.account,
        "DisplayName": "",
        "Policy": _default_policy(scope, name),
        "EffectiveDeliveryPolicy": retry.effective_topic_policy(topic.delivery_policy),
        **topic.attributes,
    }


def set_attribute(scope: Scope, name: str, attribute: str, value: str, now: Millis) -> Plan[None]:
    def edit(document: str) -> str:
        topic = read(document)
        kept = _changed(topic.attributes, attribute, value)
        return _encode(msgspec.structs.replace(topic, attributes=kept)).decode()

    if not (yield from nouns.change(scope, KIND, name, edit, now)):
        raise TopicNotFound


def tags_of(scope: Scope, name: str) -> Plan[dict[str, str]]:
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None:
        raise ResourceNotFound
    return read(noun.document).tags


def add_tags(scope: Scope, name: str, tags: Mapping[str, str], now: Millis) -> Plan[None]:
    def edit(document: str) -> str:
        topic = read(document)
        return _encode(msgspec.structs.replace(topic, tags=_with_tags(topic.tags, tags))).decode()

    if not (yield from nouns.change(scope, KIND, name, edit, now)):
        raise ResourceNotFound


def remove_tags(scope: Scope, name: str, keys: Sequence[str], now: Millis) -> Plan[None]:
    def edit(document: str) -> str:
        topic = read(document)
        kept = {key: value for key, value in topic.tags.items() if key not in keys}
        return _encode(msgspec.structs.replace(topic, tags=kept)).decode()

    if not (yield from nouns.change(scope, KIND, name, edit, now)):
        raise ResourceNotFound


def tags_by_key(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return tags as a mapping; a key may be given once."""
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise InvalidParameter("Duplicated keys are not allowed.")
    return tags


def _check_name(name: str, attributes: Mapping[str, str]) -> None:
    if attributes.get("FifoTopic", "").lower() == "true":
        if not name.endswith(".fifo"):
            raise InvalidParameter(
                "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII"
                " letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long."
            )
        raise InvalidParameter("FifoTopic Reason: FIFO topics are not offered by this server; SES needs a standard one")
    if not _NAME.fullmatch(name):
        raise InvalidParameter("Topic Name")


def _changed(attributes: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    """Return attributes with one of them set; an empty value brings the default back."""
    if name in _ONLY_AT:
        if value not in _ONLY_AT[name]:
            raise InvalidParameter(f"{name} Reason: {name}={value} is not offered by this server")
        return dict(attributes)
    if name == "DisplayName":
        if len(value) > _LONGEST_DISPLAY_NAME or not value.isprintable():
            raise InvalidParameter("DisplayName")
    elif name == "SignatureVersion":
        if value not in ("", "1", "2"):
            raise InvalidParameter("SignatureVersion")
    elif name == "DeliveryPolicy":
        if value:
            retry.check_topic_policy(value)
    elif name == "Policy":
        _check_policy(value)
    else:
        raise InvalidParameter("AttributeName")
    kept = {key: old for key, old in attributes.items() if key != name}
    return {**kept, name: value} if value else kept


def _check_policy(text: str) -> None:
    if not text:
        return
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise InvalidParameter("Policy Error: null") from None
    if not isinstance(statements, list | dict) or len(text.encode()) > _LONGEST_POLICY:
        raise InvalidParameter("Policy Error: null")


def _default_policy(scope: Scope, name: str) -> str:
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": list(_DEFAULT_ACTIONS),
        "Resource": arn_of(scope, name),
        "Condition": {"StringEquals": {"AWS:SourceOwner": scope.account}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    return json.dumps(policy, separators=(",", ":"))


def _with_tags(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    for key in given:
        if key.lower().startswith("aws:"):
            raise InvalidParameter("Tags Reason: The tag keys cannot begin with aws:")
    after = {**present, **given}
    if len(after) > _MOST_TAGS:
        raise TooManyTags(f"Could not complete request: tag quota of per resource exceeded ({_MOST_TAGS})")
    return after
