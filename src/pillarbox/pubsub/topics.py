"""Topics: the noun, its attributes and tags.

Plans only. Called by api/sns/, and by whoever wants to know whether a topic is
there. Who may do what with a topic is topic_access.py.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from pillarbox.kit.clock import Millis, iso
from pillarbox.kit.ids import Scope
from pillarbox.pubsub import retry, topic_archives, topic_attributes, topic_policies
from pillarbox.pubsub.archive_policies import ARCHIVE, Archive, archive_after
from pillarbox.pubsub.refusals import (
    InvalidParameter,
    KeepsAnArchive,
    ResourceNotFound,
    TooManyTags,
    TooManyTopics,
    TopicNotFound,
)
from pillarbox.store import nouns
from pillarbox.store.plan import Plan, Touch

KIND = "topic"
SUBSCRIPTION_KIND = "subscription"

_MOST_TAGS = 50
# https://docs.aws.amazon.com/general/latest/gr/sns.html#limits_sns_resource
MOST_TOPICS = 100_000


class Topic(msgspec.Struct, frozen=True):
    """A topic's document; `attributes` are those that were set."""

    attributes: dict[str, str]
    tags: dict[str, str]
    archive: Archive | None = None

    @property
    def signature_version(self) -> str:
        return self.attributes.get("SignatureVersion", "1")

    @property
    def is_fifo(self) -> bool:
        return topic_attributes.is_fifo(self.attributes)

    @property
    def delivery_policy(self) -> str | None:
        return self.attributes.get("DeliveryPolicy")


_encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(Topic).decode


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:sns:{scope.region}:{scope.account}:{name}"


def arn_parts(arn: str, region: str, parameter: str) -> list[str]:
    """Take an SNS ARN of this region apart."""
    parts = arn.split(":")
    if len(parts) < 6:
        raise InvalidParameter(f"{parameter} Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if parts[:3] != ["arn", "aws", "sns"] or parts[3] != region:
        raise InvalidParameter(parameter)
    return parts


def create(scope: Scope, name: str, attributes: Mapping[str, str], tags: Mapping[str, str], now: Millis) -> Plan[None]:
    """Create a topic, or do nothing when there is one that has these attributes and tags."""
    topic_attributes.check_name(name, is_fifo=topic_attributes.is_fifo(attributes))
    try:
        kept = topic_attributes.first(attributes)
    except InvalidParameter as refusal:
        raise InvalidParameter(f"Attributes Reason: {refusal.reason}") from None
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None:
        topic = Topic(kept, _with_tags({}, tags), archive_after(None, kept.get(ARCHIVE), now))
        if (yield from nouns.count(scope, KIND)) >= MOST_TOPICS:
            raise TooManyTopics(f"The account has its {MOST_TOPICS:,} topics already")
        yield from nouns.create(scope, KIND, name, _encode(topic).decode(), now)
        yield from topic_archives.note(None, topic.archive, now)
        return
    present = read(noun.document)
    if any(present.attributes.get(attribute) != value for attribute, value in kept.items()):
        raise InvalidParameter("Attributes Reason: Topic already exists with different attributes")
    if any(present.tags.get(key) != value for key, value in tags.items()):
        raise InvalidParameter("Tags Reason: Topic already exists with different tags")


def delete(scope: Scope, name: str) -> Plan[None]:
    """Delete a topic and its subscriptions; what was published to it before is no longer delivered.

    One that keeps an archive is refused.
    """
    noun = yield from nouns.get(scope, KIND, name)
    if noun is not None and read(noun.document).archive is not None:
        raise KeepsAnArchive
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


def attributes_of(scope: Scope, name: str, now: Millis) -> Plan[dict[str, str]]:
    """Return what a topic tells of itself, but for the counts of its subscriptions."""
    topic = yield from find(scope, name)
    archived = {"BeginningArchiveTime": iso(topic.archive.begins_at(now))} if topic.archive else {}
    return {
        "TopicArn": arn_of(scope, name),
        "Owner": scope.account,
        "Policy": topic_policies.default(arn_of(scope, name), scope.account),
        "EffectiveDeliveryPolicy": retry.effective_topic_policy(topic.delivery_policy),
        **archived,
        **topic_attributes.shown(topic.attributes),
    }


def set_attribute(scope: Scope, name: str, attribute: str, value: str, now: Millis) -> Plan[None]:
    def edit(topic: Topic) -> Topic:
        changed = _with_attribute(topic, attribute, value)
        if attribute != ARCHIVE:
            return changed
        archive = archive_after(topic.archive, changed.attributes.get(ARCHIVE), now)
        return msgspec.structs.replace(changed, archive=archive)

    before = yield from find(scope, name)
    yield from _edit(scope, name, edit, now)
    if attribute == ARCHIVE:
        yield from topic_archives.note(before.archive, (yield from find(scope, name)).archive, now)


def add_permission(
    scope: Scope, name: str, label: str, accounts: Sequence[str], actions: Sequence[str], now: Millis
) -> Plan[None]:
    """Add a statement to a topic's policy."""
    arn = arn_of(scope, name)
    yield from _edit_policy(
        scope, name, lambda text: topic_policies.with_permission(text, label, accounts, actions, arn), now
    )


def remove_permission(scope: Scope, name: str, label: str, now: Millis) -> Plan[None]:
    """Take a statement from a topic's policy; when none is left the topic has the default policy again."""
    yield from _edit_policy(scope, name, lambda text: topic_policies.without_permission(text, label), now)


def tags_of(scope: Scope, name: str) -> Plan[dict[str, str]]:
    noun = yield from nouns.get(scope, KIND, name)
    if noun is None:
        raise ResourceNotFound
    return read(noun.document).tags


def add_tags(scope: Scope, name: str, tags: Mapping[str, str], now: Millis) -> Plan[None]:
    def edit(topic: Topic) -> Topic:
        return msgspec.structs.replace(topic, tags=_with_tags(topic.tags, tags))

    if not (yield from _edit(scope, name, edit, now)):
        raise ResourceNotFound


def remove_tags(scope: Scope, name: str, keys: Sequence[str], now: Millis) -> Plan[None]:
    def edit(topic: Topic) -> Topic:
        return msgspec.structs.replace(topic, tags={key: v for key, v in topic.tags.items() if key not in keys})

    if not (yield from _edit(scope, name, edit, now)):
        raise ResourceNotFound


def _edit(scope: Scope, name: str, edit: Callable[[Topic], Topic], now: Millis) -> Plan[bool]:
    return (yield from nouns.change(scope, KIND, name, lambda text: _encode(edit(read(text))).decode(), now))


def _edit_policy(scope: Scope, name: str, edit: Callable[[str], str], now: Millis) -> Plan[None]:
    def changed(topic: Topic) -> Topic:
        present = topic.attributes.get("Policy") or topic_policies.default(arn_of(scope, name), scope.account)
        return _with_attribute(topic, "Policy", edit(present))

    if not (yield from _edit(scope, name, changed, now)):
        raise TopicNotFound


def _with_attribute(topic: Topic, attribute: str, value: str) -> Topic:
    return msgspec.structs.replace(topic, attributes=topic_attributes.changed(topic.attributes, attribute, value))


def tags_by_key(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return tags as a mapping; a key may be given once."""
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise InvalidParameter("Duplicated keys are not allowed.")
    return tags


def _with_tags(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    for key in given:
        if key.lower().startswith("aws:"):
            raise InvalidParameter("Tags Reason: The tag keys cannot begin with aws:")
    after = {**present, **given}
    if len(after) > _MOST_TAGS:
        raise TooManyTags(f"Could not complete request: tag quota of per resource exceeded ({_MOST_TAGS})")
    return after
