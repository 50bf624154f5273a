"""Resource tags: what they may be, and on which resources they stand.

Plans over the documents of the tagged nouns, which keep their tags in a member
`tags`. Called by the nouns (`checked`) and by api/sesv2/tags.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_TagResource.html
"""

import json
from collections.abc import Callable, Iterable, Mapping

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.resources.identity_names import canonical, read_arn
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

MOST_TAGS = 50
LONGEST_KEY = 128
LONGEST_VALUE = 256

# What stands before the slash of an ARN's resource -> the kind of noun, and the spelling of its name.
_KINDS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "identity": ("identity", canonical),
    "configuration-set": ("configuration-set", str),
    "template": ("template", str),
    "tenant": ("tenant", lambda resource: resource.partition("/")[0]),  # its name, and an id
    "contact-list": ("contact-list", str),
    "custom-verification-email-template": ("custom-verification-email-template", str),
}

# What this server is told by a tag: the kind of noun and the key -> the values that it understands.
SPLIT_RECIPIENTS = "pillarbox:split-recipients"
_INSTRUCTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("configuration-set", SPLIT_RECIPIENTS): ("true", "false"),
}


class ResourceMissing(NotFound):
    """No resource of this account and region has that ARN."""


def checked(pairs: Iterable[tuple[str, str]], kind: str = "") -> dict[str, str]:
    """Return the tags by key, or raise for what a tag on a noun of this kind may not be."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        _check(key, value, kind)
        if key in tags:
            raise Invalid(f"Duplicate tag key {key}.")
        tags[key] = value
    _check_count(tags)
    return tags


def tag(scope: Scope, arn: str, pairs: Iterable[tuple[str, str]], now: Millis) -> Plan[None]:
    """Add tags, or give those that are there new values."""
    added = checked(pairs, _resource(scope, arn)[0])
    yield from _edit(scope, arn, lambda tags: tags | added, now)


def untag(scope: Scope, arn: str, keys: Iterable[str], now: Millis) -> Plan[None]:
    """Remove tags; a key that is not there is no error."""
    removed = set(keys)
    yield from _edit(scope, arn, lambda tags: {key: tags[key] for key in tags if key not in removed}, now)


def tags_of(scope: Scope, arn: str) -> Plan[dict[str, str]]:
    kind, name = _resource(scope, arn)
    noun = yield from nouns.get(scope, kind, name)
    content = json.loads(noun.document) if noun else None
    if content is None or not _is_meant(content, arn):
        raise _missing(arn)
    tags: dict[str, str] = content["tags"]
    return tags


def _edit(scope: Scope, arn: str, edit: Callable[[dict[str, str]], dict[str, str]], now: Millis) -> Plan[None]:
    def edit_document(document: str) -> str:
        content = json.loads(document)
        if not _is_meant(content, arn):
            raise _missing(arn)
        content["tags"] = edit(content["tags"])
        _check_count(content["tags"])
        return json.dumps(content)

    kind, name = _resource(scope, arn)
    if not (yield from nouns.change(scope, kind, name, edit_document, now)):
        raise _missing(arn)


def _resource(scope: Scope, arn: str) -> tuple[str, str]:
    parts = read_arn(arn)
    if parts is None or parts.service != "ses":
        raise Invalid(f"Invalid resource ARN: {arn}")
    kind, _, name = parts.resource.partition("/")
    if parts.scope != scope or kind not in _KINDS:
        raise _missing(arn)
    noun_kind, spell = _KINDS[kind]
    return noun_kind, spell(name)


def _is_meant(content: Mapping[str, object], arn: str) -> bool:
    """Whether an ARN means this resource, and not one that had its name before; only those of tenants tell."""
    return content.get("tenant_id") in (None, arn.rpartition("/")[2])


def _missing(arn: str) -> ResourceMissing:
    return ResourceMissing(f"Resource {arn} does not exist.")


def _check(key: str, value: str, kind: str) -> None:
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid(f"Invalid tag key <{key}>: it must have 1 to {LONGEST_KEY} characters.")
    if len(value) > LONGEST_VALUE:
        raise Invalid(f"Invalid tag value <{value}>: it must not exceed {LONGEST_VALUE} characters.")
    if key.lower().startswith("aws:"):
        raise Invalid(f"Invalid tag key <{key}>: the prefix aws: is reserved.")
    if key.lower().startswith("pillarbox:"):
        choices = _INSTRUCTIONS.get((kind, key))
        if choices is None:
            raise Invalid(f"Invalid tag key <{key}>: this server knows no such instruction.")
        if value not in choices:
            raise Invalid(f"Invalid tag value <{value}>: {key} is one of {', '.join(choices)}.")


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise Invalid(f"A resource can have {MOST_TAGS} tags at the most.")
