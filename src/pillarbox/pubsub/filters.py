"""Filter policies: which notifications a subscription wants.

Pure. `check` is called when a policy is set (subscription_attributes.py),
`accepts` for each notification and subscription (publish.py).
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pillarbox.pubsub.filter_language import MESSAGE_ATTRIBUTES, MESSAGE_BODY, Policy, nested, parse
from pillarbox.pubsub.filter_matching import meets, values_of
from pillarbox.pubsub.filter_rules import check

__all__ = ["MESSAGE_ATTRIBUTES", "MESSAGE_BODY", "MOST_POLICIES", "MOST_POLICIES_PER_TOPIC", "accepts", "check"]

# https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
MOST_POLICIES_PER_TOPIC, MOST_POLICIES = 200, 10_000


def accepts(text: str, scope: str, message: str, attributes: Mapping[str, Mapping[str, str]]) -> bool:
    """Say whether a notification passes; `attributes` are in the form of posts: name -> Type and Value."""
    if scope == MESSAGE_ATTRIBUTES:
        return meets(_parsed(text), {name: values_of(attribute) for name, attribute in attributes.items()})
    policy = _parsed_nested(text)
    try:
        body = _body_of(message)
        return not policy or (body is not None and meets(policy, body))
    except RecursionError:  # nobody's filter looks that deep
        return False


@lru_cache(maxsize=64)  # many subscriptions of a topic look at the same message
def _body_of(message: str) -> Mapping[str, Any] | None:
    try:
        body = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return nested(body) if isinstance(body, dict) else None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Policy:
    return parse(text)


@lru_cache(maxsize=1024)
def _parsed_nested(text: str) -> Policy:
    return nested(parse(text))
