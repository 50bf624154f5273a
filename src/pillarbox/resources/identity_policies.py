"""Policies of identities: who else may send from them, and how.

Plans. v1 and v2 are two spellings of what stands here. A document is kept as
it was given, and read again when mail is sent. Called by api/ and, through
`of_identities`, by sending.
https://docs.aws.amazon.com/ses/latest/dg/sending-authorization-policies.html
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Duplicate, Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope
from pillarbox.kit.policy import Malformed, Policy, read
from pillarbox.kit.wildcards import fits, tokens
from pillarbox.resources import identities
from pillarbox.resources.identity_names import canonical, identity_arn
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

KIND = identities.POLICY
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MOST_POLICIES = 20
MOST_BYTES = 4096
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class InvalidPolicy(Invalid):
    """The document is no policy, or none for this identity."""


class PolicyExists(Duplicate):
    """The identity has a policy of that name already."""


class PolicyMissing(NotFound):
    """The identity has no policy of that name."""


def put(scope: Scope, identity: str, name: str, document: str, now: Millis) -> Plan[None]:
    """Set a policy, whether or not there was one of that name (v1)."""
    if not (yield from _create(scope, identity, name, document, now)):
        yield from nouns.change(scope, KIND, _key(identity, name), lambda _: document, now)


def create(scope: Scope, identity: str, name: str, document: str, now: Millis) -> Plan[None]:
    """Add a policy; PolicyExists when there is one of that name (v2)."""
    if not (yield from _create(scope, identity, name, document, now)):
        raise PolicyExists(f"Policy {name} already exists for identity {identity}.")


def replace(scope: Scope, identity: str, name: str, document: str, now: Millis) -> Plan[None]:
    """Change a policy; PolicyMissing when there is none of that name (v2)."""
    yield from identities.existing(scope, identity)
    _check(scope, identity, name, document)
    if not (yield from nouns.change(scope, KIND, _key(identity, name), lambda _: document, now)):
        raise PolicyMissing(f"Policy {name} does not exist for identity {identity}.")


def delete(scope: Scope, identity: str, name: str) -> Plan[bool]:
    """Delete a policy and say whether there was one: neither v1 nor v2 minds."""
    return (yield from nouns.delete(scope, KIND, _key(identity, name)))


def delete_existing(scope: Scope, identity: str, name: str) -> Plan[bool]:
    """The same, of an identity that must exist (v2)."""
    yield from identities.existing(scope, identity)
    return (yield from delete(scope, identity, name))


def of_identity(scope: Scope, identity: str) -> Plan[dict[str, str]]:
    """Return the documents of an identity by the names of its policies."""
    parent = canonical(identity)
    found = yield from nouns.list_children(scope, KIND, parent, "", MOST_POLICIES + 1)
    return {noun.name.removeprefix(f"{parent}/"): noun.document for noun in found}


def of_existing(scope: Scope, identity: str) -> Plan[dict[str, str]]:
    """The same, of an identity that must exist (v2)."""
    yield from identities.existing(scope, identity)
    return (yield from of_identity(scope, identity))


def named(scope: Scope, identity: str, names: list[str]) -> Plan[dict[str, str]]:
    """Return those documents of `names` that there are (v1)."""
    if len(names) > MOST_POLICIES:
        raise Invalid(f"At most {MOST_POLICIES} policies can be asked for at a time.")
    every = yield from of_identity(scope, identity)
    return {name: every[name] for name in names if name in every}


def in_force(scope: Scope, identity: str) -> Plan[tuple[Policy, ...]]:
    """Return an identity's policies, read, as sending decides by them."""
    return tuple(map(_read, (yield from of_identity(scope, identity)).values()))


def _create(scope: Scope, identity: str, name: str, document: str, now: Millis) -> Plan[bool]:
    """Create, and say whether there was none of that name; LimitReached when there are too many."""
    owner = yield from identities.existing(scope, identity)
    _check(scope, owner.name, name, document)
    if not (yield from nouns.create(scope, KIND, _key(identity, name), document, now, parent=owner.name)):
        return False
    yield from nouns.hold_limits()
    if len((yield from of_identity(scope, identity))) > MOST_POLICIES:
        raise LimitReached(f"You have reached the maximum of {MOST_POLICIES} policies for identity {identity}.")
    return True


def _check(scope: Scope, identity: str, name: str, document: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidPolicy(f"Invalid policy name {name}: only alphanumeric ASCII characters, '_' and '-' are allowed.")
    if len(document.encode()) > MOST_BYTES:
        raise InvalidPolicy(f"Policy exceeds the maximum size of {MOST_BYTES} bytes.")
    try:
        policy = read(document)
    except Malformed as error:
        raise InvalidPolicy(str(error)) from None
    arn = identity_arn(scope, identity)
    for statement in policy.statements:
        if not all(action == "*" or action.lower().startswith("ses:") for action in statement.actions.values):
            raise InvalidPolicy("Policy has invalid action")
        if not statement.resources.negated and not _all_fit(statement.resources.values, arn):
            raise InvalidPolicy("Policy has invalid resource")


def _all_fit(patterns: Iterable[str], arn: str) -> bool:
    return all(fits(tokens(pattern, None), arn) for pattern in patterns)


@lru_cache(maxsize=4096)
def _read(document: str) -> Policy:
    return read(document)


def _key(identity: str, name: str) -> str:
    return f"{canonical(identity)}/{name}"
